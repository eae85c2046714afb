"""8-bit weights and activations, made from the float arrays and some pictures.

Layer by layer: the kernel is rounded so that it does least harm on the inputs that it will really see, the bias takes
away what is left of the mean error, and the largest output seen sets the activation's step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.integers import MAX_ACTIVATION, IntegerLayer, Integers
from tinysight.errors import UsageError
from tinysight.fold import Folded
from tinysight.preprocess.recipe import Recipe
from tinysight.quantize.activations import (
    COARSE,
    EXACT,
    Activations,
    LayerRun,
    damped_moments,
    first_activations,
    pooled,
    run_layer,
)
from tinysight.quantize.arithmetic import requantize
from tinysight.quantize.bounds import INT16_MAX
from tinysight.quantize.int16 import STEP, fold_checked, quantize_int16, scale_weights
from tinysight.quantize.rounding import finest_scale, head_room, pointwise_room, round_weights
from tinysight.quantize.synthetic import synthetic_pictures
from tinysight.spec import Layer, Spec, layers

HIGHEST = MAX_ACTIVATION[COARSE]
# docs/quantization.md says how these were chosen.
DAMPING = 0.3  # what is added to the diagonal of the second moments, as a share of its mean
SMALLEST_DAMPING = 1e-6  # the same where no input ever changes
# A step covers this many times the largest activation seen, though never more than ReLU6's 6: other pictures go further
# than a few did, and clipping them harms more than coarser steps do.
HEADROOM = 3.0
SMALLEST_RANGE = 0.5  # of an activation that the pictures hardly move
WHOLE_RANGE = 6.0
LEVEL_STEPS = 3
FEWEST = 16  # pictures that are trusted alone: fewer are joined by drawn ones, and ranges are the widest
SMALLEST_SHARE = 0.05  # of places that are taken to move with the bias, so that it does not run away where few do

Kernel = NDArray[np.int16] | NDArray[np.int8]
Vector = NDArray[np.float32]
Progress = Callable[[int, int], None]


def _kernel(layer: Layer, folded: Folded, inputs: Activations) -> tuple[Kernel, Vector]:
    """Return a layer's whole kernel and scale."""
    shape = folded.kernel.shape
    if layer.kind == "depthwise":
        # (3, 3, channels, multiplier) times the channels' steps
        weights = (folded.kernel.astype(np.float64) * inputs.step[:, None]).reshape(9, -1)
        scale = scale_weights(weights, HIGHEST, signed=False).astype(np.float32)
        return np.rint(weights / scale).clip(-INT16_MAX, INT16_MAX).astype(np.int16).reshape(shape), scale
    weights = folded.kernel[0, 0].astype(np.float64) * inputs.step[:, None]
    room = (head_room if layer.kind == "head" else pointwise_room)(len(weights))
    scale = finest_scale(weights, room).astype(np.float32)
    moments = damped_moments(inputs, DAMPING, SMALLEST_DAMPING)
    whole = round_weights(weights, moments, scale.astype(np.float64), room)
    return whole.astype(np.int8).reshape(shape), scale


def _level(run: LayerRun, scale: Vector, bias: Vector) -> Vector:
    """Return the bias with which the mean output after ReLU6 is that of the float network.

    Newton's method on whole numbers: the mean moves with the bias in the share of places that are not at 0 or 6.
    """
    top = MAX_ACTIVATION[EXACT]
    wanted = sum(chunk.sum(axis=(0, 1, 2), dtype=np.float64) for chunk in run.exact)
    for _ in range(LEVEL_STEPS):
        found, inner, places = np.zeros(len(bias)), np.zeros(len(bias)), 0
        for sums in run.sums:
            fine = np.clip(np.rint(sums * (scale / STEP) + bias / STEP), 0, top)
            found += fine.sum(axis=(0, 1, 2), dtype=np.float64)
            inner += ((fine > 0) & (fine < top)).sum(axis=(0, 1, 2))
            places += fine[..., 0].size
        change = (wanted - found) * float(STEP) / np.maximum(inner, places * SMALLEST_SHARE)
        bias = (bias + change).astype(np.float32)
    return bias


def _steps(run: LayerRun, scale: Vector, bias: Vector, least: float) -> Vector:
    """Return steps by which nothing that either network shows on the pictures is clipped below 6."""
    largest = np.zeros(len(bias))
    for exact, sums in zip(run.exact, run.sums, strict=True):
        coarse = sums.max(axis=(0, 1, 2)).astype(np.float64) * scale + bias
        largest = np.maximum(largest, np.maximum(coarse, exact.max(axis=(0, 1, 2)) * float(STEP)))
    steps: Vector = (np.clip(largest * HEADROOM, least, WHOLE_RANGE) / HIGHEST).astype(np.float32)
    return steps


def _next_layer(
    layer: Layer, folded: Folded, exact: IntegerLayer, inputs: Activations, least: float
) -> tuple[IntegerLayer, Activations]:
    """Make one layer of the 8-bit network, and run the pictures through it."""
    kernel, scale = (exact.kernel, exact.scale) if layer.kind == "stem" else _kernel(layer, folded, inputs)
    run = run_layer(layer, inputs, exact, kernel)
    bias = (exact.bias + (run.wanted * exact.scale - run.found * scale)).astype(np.float32)
    if layer.kind == "head":
        return IntegerLayer(kernel, scale, bias, None), inputs
    if layer.kind == "depthwise":
        bias = _level(run, scale, bias)
    step = _steps(run, scale, bias, least)
    made = IntegerLayer(kernel, scale, bias, step)
    coarse = [requantize(sums.astype(np.float64), made, HIGHEST).astype(np.uint8) for sums in run.sums]
    return made, Activations(run.exact, list(coarse), step.astype(np.float64))


def _checked(calibration: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    shape, dtype = calibration.shape, calibration.dtype
    if dtype != np.uint8 or len(shape) != 4 or shape[1:] != (side, side, 3) or not len(calibration):
        raise UsageError(f"calibration must be uint8 (N, {side}, {side}, 3) with N >= 1, received {dtype} {shape}")
    return calibration


def quantize_int8(
    spec: Spec,
    arrays: Mapping[str, NDArray[np.float32]],
    recipe: Recipe,
    calibration: NDArray[np.uint8] | None = None,
    progress: Progress | None = None,
) -> Integers:
    """Make the int8 network of a float one.

    Args:
        spec: the network.
        arrays: its float32 arrays by name.
        recipe: says what the pixels' levels are worth.
        calibration: uint8 ``(N, R, R, 3)``, pictures such as the network will see, prepared by the recipe. None takes
            ``synthetic_pictures`` and lets every activation reach 6, which costs some agreement; fewer than 16 are
            taken beside those.
        progress: called with layers done and layers in all.

    Returns:
        Whole numbers within the bounds of ``quantize.bounds``; the same bits for the same pictures on every machine.

    Raises:
        UsageError: pictures of another shape or dtype, or none.
        CheckpointError: weights too large for whole numbers.
    """
    side = spec.resolution
    given = np.empty((0, side, side, 3), np.uint8) if calibration is None else _checked(calibration, side)
    few = len(given) < FEWEST
    images = np.concatenate([given, synthetic_pictures(side)]) if few else given
    least = WHOLE_RANGE if few else SMALLEST_RANGE
    folded, exact = fold_checked(spec, arrays), quantize_int16(spec, arrays, recipe)
    activations, made = first_activations(images, recipe.value_range), {}
    rows = layers(spec)
    for number, layer in enumerate(rows, start=1):
        if layer.kind == "pool":
            activations = pooled(activations)
        else:
            made[layer.name], activations = _next_layer(
                layer, folded[layer.name], exact.layers[layer.name], activations, least
            )
        if progress is not None:
            progress(number, len(rows))
    return Integers(COARSE, made)
