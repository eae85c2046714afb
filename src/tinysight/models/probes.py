"""Probes: a few tiny inputs and the outputs that a model must give for them."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card, Checkpoint, Probe
from tinysight.errors import CheckpointError

PROBES = 2
SIDE_PX = 16  # enlarged to the network's resolution, so that a card stays small


def probe_pixels(number: int) -> NDArray[np.uint8]:
    """Return the pixels of a probe, uint8 ``(16, 16, 3)``: noise from a hash, the same on every machine for ever."""
    noise = hashlib.shake_128(f"tinysight probe {number}".encode()).digest(SIDE_PX * SIDE_PX * 3)
    return np.frombuffer(noise, np.uint8).reshape(SIDE_PX, SIDE_PX, 3)


def make_probes(card: Card, arrays: dict[str, NDArray[np.float32]]) -> tuple[Probe, ...]:
    """Compute the outputs by which a model checks itself, with the reference engine.

    Args:
        card: of the model; probes that it may hold are not looked at.
        arrays: float32, as ``spec.array_shapes`` lists them.

    Returns:
        Two probes: pixels, and logits float32 ``(num_classes,)`` or the embedding of a network without a head.

    Raises:
        CheckpointError: the network's answer is not finite, so that it could never be checked.
    """
    from tinysight.engines.reference import ReferenceEngine

    engine = ReferenceEngine(Checkpoint(replace(card, probes=()), arrays))
    probes = []
    for number in range(PROBES):
        probe = Probe(probe_pixels(number), np.empty(0, np.float32))
        with np.errstate(over="ignore", invalid="ignore"):  # weights so large that no score is finite are refused here
            output = engine.run(probe.enlarged(card.spec.resolution)[None])
            answer = output.embedding if output.logits is None else output.logits
        if not np.isfinite(answer).all():
            raise CheckpointError(f"the weights of {card.name} give scores that are not finite; they are damaged")
        probes.append(replace(probe, output=answer[0]))
    return tuple(probes)
