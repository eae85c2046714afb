"""A new model out of a backbone and a head of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card, Checkpoint, Probe
from tinysight.checkpoint.integers import Integers
from tinysight.errors import CheckpointError, UsageError
from tinysight.labels import Label
from tinysight.models.probes import PROBES, make_probes, probe_pixels
from tinysight.models.quantizing import with_probe_outputs
from tinysight.spec import array_shapes, layers
from tinysight.train.embeddings import HEAD
from tinysight.train.integer_head import integer_head

Floats = NDArray[np.float32]


def with_head(
    backbone: Checkpoint,
    kernel: Floats,
    bias: Floats,
    class_names: Sequence[str],
    *,
    name: str,
    source: str,
    licence: str,
    embeddings: Floats | None = None,
) -> Checkpoint:
    """Give a backbone another head.

    Args:
        backbone: in float32, or in int8 alone; a head that it has is dropped, and so are int8 numbers beside float32
            ones, which ``whole_numbers.add_int8`` makes anew.
        kernel: float32 ``(c, C)``.
        bias: float32 ``(C,)``.
        class_names: C of them.
        name: of the new model, for people.
        source: where its numbers come from, in words.
        licence: of its numbers.
        embeddings: float32 ``(M, c)`` of some pictures, by which a head in int8 is rounded so that it does least harm;
            None rounds each weight by itself. Not looked at for a backbone in float32.

    Returns:
        A model in float32, or in int8 alone, with probes of its own. Of pictures ``seen`` its card says nothing.

    Raises:
        UsageError: sizes that do not belong together.
        CheckpointError: numbers that are not finite, or a card that cannot be.
    """
    spec = replace(backbone.card.spec, num_classes=len(class_names), include_top=True)
    wanted = array_shapes(spec)[f"{HEAD}.kernel"][2:]
    if kernel.shape != wanted or bias.shape != wanted[1:]:
        raise UsageError(f"the head must be {wanted} with {wanted[1]} biases, received {kernel.shape} and {bias.shape}")
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise CheckpointError("the head holds values that are not finite (NaN or infinity)")
    labels = tuple(Label(None, class_name) for class_name in class_names)
    card = Card(name, spec, backbone.card.recipe, labels, licence, source)
    if backbone.arrays:
        head = {f"{HEAD}.kernel": kernel.reshape(1, 1, *wanted), f"{HEAD}.bias": bias}
        arrays = {name: (head.get(name, backbone.arrays.get(name))) for name in array_shapes(spec)}
        whole = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
        return Checkpoint(replace(card, probes=make_probes(card, whole)), whole)
    return _in_int8(backbone, card, kernel, bias, embeddings)


def _in_int8(backbone: Checkpoint, card: Card, kernel: Floats, bias: Floats, embeddings: Floats | None) -> Checkpoint:
    """Replace the head of a model that holds int8 numbers only; its probes' outputs are its own."""
    assert backbone.integers is not None
    rows = _with_head_row(backbone.integers, card, kernel, bias, embeddings)
    card = replace(card, probes=tuple(Probe(probe_pixels(number), np.zeros_like(bias)) for number in range(PROBES)))
    made = with_probe_outputs(card, rows)
    assert made.probe_outputs is not None
    probes = (replace(probe, output=output) for probe, output in zip(card.probes, made.probe_outputs, strict=True))
    return Checkpoint(replace(card, probes=tuple(probes)), {}, made)


def _with_head_row(integers: Integers, card: Card, kernel: Floats, bias: Floats, embeddings: Floats | None) -> Integers:
    """Replace the head's row of an int8 network; what it answers to probes is not known yet."""
    last = [layer.name for layer in layers(card.spec) if layer.kind == "pointwise"][-1]
    step = integers.layers[last].step
    assert step is not None  # only a head has none
    rows = {name: layer for name, layer in integers.layers.items() if name != HEAD}
    rows[HEAD] = integer_head(kernel, bias, step, embeddings)
    return replace(integers, layers=rows, probe_outputs=None)
