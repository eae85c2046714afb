"""The network in int8 beside the float32 one; the cache keeps all but the head, which alone is new each time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card, Checkpoint, arrays_sha256, read_checkpoint, write_checkpoint
from tinysight.errors import CheckpointError
from tinysight.models.quantizing import quantize_model, with_probe_outputs
from tinysight.spec import layers
from tinysight.train.integer_head import integer_head

FOLDER = "int8"
HEAD = "conv_preds"
Progress = Callable[[int, int], None]


def add_int8(
    model: Checkpoint,
    images: NDArray[np.uint8],
    embeddings: NDArray[np.float32],
    cache: Path | None,
    progress: Progress | None = None,
) -> Checkpoint:
    """Add the network in int8 to a float32 model with a new head.

    Args:
        model: in float32.
        images: uint8 ``(N, R, R, 3)``, pictures that it was trained on, prepared by its recipe.
        embeddings: float32 ``(M, c)`` of such pictures, or of validation, by which the head is rounded so that it does
            least harm.
        cache: folder in which the layers before the head are kept; None keeps nothing.
        progress: called with layers done and layers in all.

    Raises:
        CheckpointError: weights that cannot be quantised.
    """
    card, arrays = model.card, model.arrays
    backbone = _headless(card, arrays)
    path = None if cache is None else cache / FOLDER / f"{_key(backbone, images)}.safetensors"
    known = _known(path, backbone.card)
    if known is None:
        known = quantize_model(backbone, images, keep_float=False, progress=progress)
        _keep(path, known)
    integers = known.integers
    assert integers is not None
    step = integers.layers[layers(card.spec)[-3].name].step  # the last before pool and head
    assert step is not None
    head = integer_head(arrays[f"{HEAD}.kernel"][0, 0], arrays[f"{HEAD}.bias"], step, embeddings)
    whole = replace(integers, layers={**integers.layers, HEAD: head}, probe_outputs=None)
    return Checkpoint(card, arrays, with_probe_outputs(card, whole))


def _headless(card: Card, arrays: dict[str, NDArray[np.float32]]) -> Checkpoint:
    spec = replace(card.spec, include_top=False, num_classes=1, dropout=0.0)
    plain = Card(spec.name, spec, card.recipe, None, card.licence, "the layers before a head")
    return Checkpoint(plain, {name: array for name, array in arrays.items() if not name.startswith(HEAD)})


def _key(backbone: Checkpoint, images: NDArray[np.uint8]) -> str:
    parts: Sequence[bytes] = (
        backbone.card.to_json().encode(),
        arrays_sha256(backbone.arrays).encode(),
        images.tobytes(),
    )
    return hashlib.sha256(b"\n".join(parts)).hexdigest()[:32]


def _known(path: Path | None, card: Card) -> Checkpoint | None:
    if path is None:
        return None
    try:
        found = read_checkpoint(path)  # it verifies its own hash
    except CheckpointError:
        return None
    return found if found.card == card and found.integers is not None else None


def _keep(path: Path | None, model: Checkpoint) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_checkpoint(path, model)
    except (OSError, CheckpointError):  # a full or read-only cache only costs time
        return
