"""A model with its network in int8."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card, Checkpoint
from tinysight.checkpoint.integers import Integers
from tinysight.engines.reference_integer import IntegerReferenceEngine
from tinysight.quantize import Progress, quantize_int8
from tinysight.spec import layers


def with_probe_outputs(card: Card, integers: Integers) -> Integers:
    """Add what an int8 network answers to the card's probes, computed by the NumPy engine."""
    engine = IntegerReferenceEngine(card, integers)
    outputs = []
    for probe in card.probes:
        output = engine.run(probe.enlarged(card.spec.resolution)[None])
        outputs.append(output.embedding[0] if output.logits is None else output.logits[0])
    width = layers(card.spec)[-1].output_shape[2]
    return replace(integers, probe_outputs=np.array(outputs, np.float32).reshape(len(outputs), width))


def quantize_model(
    checkpoint: Checkpoint,
    calibration: NDArray[np.uint8] | None = None,
    *,
    keep_float: bool = True,
    progress: Progress | None = None,
) -> Checkpoint:
    """Make a model that holds its network in int8.

    Args:
        checkpoint: a model that holds float32 weights.
        calibration: uint8 ``(N, R, R, 3)``, pictures prepared by the card's recipe; None: see ``quantize_int8``.
        keep_float: whether the new model holds the float32 weights as well.
        progress: called with layers done and layers in all.

    Raises:
        CheckpointError: the model holds no float32 weights, or they cannot be quantised.
        UsageError: pictures of another shape or dtype, or none.
    """
    card, arrays = checkpoint.card, checkpoint.float_arrays("quantisation")
    integers = quantize_int8(card.spec, arrays, card.recipe, calibration, progress)
    return Checkpoint(card, arrays if keep_float else {}, with_probe_outputs(card, integers))
