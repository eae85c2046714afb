"""16-bit weights and 13-bit activations: made from the float arrays alone, with the same answers in practice.

ReLU6 gives every activation the range 0..6, so no picture is needed to find it. Each output channel's weights are
scaled up as far as its 32-bit sum allows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.integers import MAX_ACTIVATION, IntegerLayer, Integers, stem_limit, stem_step
from tinysight.errors import CheckpointError
from tinysight.fold import Folded, fold
from tinysight.preprocess.recipe import Recipe
from tinysight.quantize.bounds import INT16_MAX, INT32_MAX
from tinysight.spec import Layer, Spec, layers

PRECISION: Final = "int16"
STEP = np.float32(6 / MAX_ACTIVATION[PRECISION])
SMALLEST_SCALE = 1e-30  # of a channel whose weights are all zero
LARGEST_WEIGHT = 1e18  # sums of a million of them are far from the end of float32


def fold_checked(spec: Spec, arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, Folded]:
    """Fold the batch norms and refuse numbers under which float32 scales and biases would overflow.

    Raises:
        CheckpointError: a folded weight or bias above 1e18.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        folded = fold(spec, arrays)
    for name, parts in folded.items():
        largest = max(float(np.abs(part).max(initial=0)) for part in parts)
        if not largest <= LARGEST_WEIGHT:
            raise CheckpointError(f"layer {name} has weights up to {largest:.2g}; at most {LARGEST_WEIGHT:.2g}")
    return folded


def scale_weights(weights: NDArray[np.float64], highest: int, *, signed: bool) -> NDArray[np.float64]:
    """Return the finest scale under which rounded weights fit 16 bits and their sums 32 bits.

    Args:
        weights: ``(depth, outputs)``, for inputs counted in units.
        highest: largest magnitude of an input.
        signed: whether inputs may be negative.

    Returns:
        float64 ``(outputs,)``, > 0.
    """
    positive, negative = np.maximum(weights, 0).sum(axis=0), np.maximum(-weights, 0).sum(axis=0)
    sums = positive + negative if signed else np.maximum(positive, negative)
    # Rounding adds at most half a unit to each weight.
    room = INT32_MAX / highest - weights.shape[0] / 2 - 1
    scale = np.maximum(np.abs(weights).max(axis=0) / INT16_MAX, sums / room)
    floored: NDArray[np.float64] = np.maximum(scale, SMALLEST_SCALE)
    return floored


def _integer_layer(
    layer: Layer, kernel: NDArray[np.float32], bias: NDArray[np.float32], recipe: Recipe
) -> IntegerLayer:
    inputs = stem_step(recipe.value_range) if layer.kind == "stem" else float(STEP)
    highest = stem_limit(recipe.value_range) if layer.kind == "stem" else MAX_ACTIVATION[PRECISION]
    depth = 9 if layer.kind == "depthwise" else kernel[..., 0].size
    weights = kernel.astype(np.float64).reshape(depth, -1) * inputs
    scale = scale_weights(weights, highest, signed=layer.kind == "stem").astype(np.float32)
    whole = np.rint(weights / scale).clip(-INT16_MAX, INT16_MAX).astype(np.int16)
    step = None if layer.kind == "head" else np.full(len(scale), STEP)
    return IntegerLayer(whole.reshape(kernel.shape), scale, bias, step)


def quantize_int16(spec: Spec, arrays: Mapping[str, NDArray[np.float32]], recipe: Recipe) -> Integers:
    """Make the int16 network of a float one.

    Args:
        spec: the network.
        arrays: its float32 arrays by name.
        recipe: says what the pixels' levels are worth.

    Returns:
        Kernels of at most 16 bits whose sums cannot leave 32 bits.

    Raises:
        CheckpointError: weights too large for whole numbers.
    """
    folded = fold_checked(spec, arrays)
    return Integers(
        PRECISION,
        {
            layer.name: _integer_layer(layer, *folded[layer.name], recipe)
            for layer in layers(spec)
            if layer.kind != "pool"
        },
    )
