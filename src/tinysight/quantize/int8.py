"""8-bit weights and activations, made from the float arrays and some pictures.

Layer by layer, the pictures run through two networks: the int16 one, which gives the float network's answers and the
same bits on every machine, and the 8-bit one as far as it is made. Each layer's kernel is rounded so that it does least
harm on the inputs that it will really see, its bias takes away what is left of the mean error, and the largest output
seen sets the activation's step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.integers import MAX_ACTIVATION, POOL_UNITS, IntegerLayer, Integers, stem_input
from tinysight.errors import UsageError
from tinysight.fold import Folded, fold
from tinysight.preprocess.recipe import Recipe
from tinysight.quantize.arithmetic import integer_sums, pool, requantize
from tinysight.quantize.bounds import INT16_MAX
from tinysight.quantize.int16 import STEP, quantize_int16, scale_weights
from tinysight.quantize.rounding import Rounder, finest_scale
from tinysight.quantize.synthetic import synthetic_pictures
from tinysight.spec import Layer, Spec, layers

PRECISION: Final = "int8"
HIGHEST = MAX_ACTIVATION[PRECISION]
EXACT: Final = "int16"
CHUNK = 5  # pictures that are worked on at once
DAMPING = 0.01  # added to the diagonal of the second moments, as a share of its mean
SMALLEST_DAMPING = 1e-6  # where every input is zero
# A step covers this many times the largest activation seen, though never more than 6: clipping harms more than coarse
# steps do (docs/quantization.md), and other pictures go further than a few did.
HEADROOM = 3.0
SMALLEST_RANGE = 0.05  # of an activation: a channel that the pictures hardly move may be moved by others

Kernel = NDArray[np.int16] | NDArray[np.int8]
Progress = Callable[[int, int], None]


@dataclass
class _Activations:
    """The pictures at one place of both networks, in chunks of pictures.

    Args:
        exact: int16 network, ``(n, h, w, c)`` each, one unit worth ``exact_step``.
        coarse: 8-bit network, likewise, one unit of channel c worth ``step[c]``.
    """

    exact: list[NDArray[Any]]
    coarse: list[NDArray[Any]]
    exact_step: float
    step: NDArray[np.float64]


def _damped_moments(inputs: _Activations) -> NDArray[np.float64]:
    """Return the centred second moments of the 8-bit inputs; their sums are whole numbers, hence exact."""
    depth = len(inputs.step)
    moments, sums, rows = np.zeros((depth, depth)), np.zeros(depth), 0
    for chunk in inputs.coarse:
        flat = chunk.reshape(-1, depth).astype(np.float64)
        moments += flat.T @ flat
        sums += flat.sum(axis=0)
        rows += len(flat)
    moments -= sums[:, None] * (sums / rows)
    diagonal = np.arange(depth)
    moments[diagonal, diagonal] += DAMPING * (moments[diagonal, diagonal].sum() / depth) + SMALLEST_DAMPING
    return moments


def _kernel(layer: Layer, folded: Folded, inputs: _Activations) -> tuple[Kernel, NDArray[np.float32]]:
    """Return a layer's whole kernel and scale."""
    shape = folded.kernel.shape
    if layer.kind == "depthwise":
        weights = folded.kernel.astype(np.float64) * inputs.step[:, None]
        scale = scale_weights(weights.reshape(9, -1), HIGHEST, signed=False).astype(np.float32)
        wide = np.rint(weights.reshape(9, -1) / scale).clip(-INT16_MAX, INT16_MAX)
        return wide.astype(np.int16).reshape(shape), scale
    weights = folded.kernel[0, 0].astype(np.float64) * inputs.step[:, None]
    scale = finest_scale(weights).astype(np.float32)
    whole, _ = Rounder(weights, _damped_moments(inputs)).round(scale.astype(np.float64))
    return whole.astype(np.int8).reshape(shape), scale


@dataclass
class _Run:
    """What one layer gives for the pictures.

    Args:
        exact: activations of the int16 network, or its pooled input's sums at the head.
        sums: float32 sums of the 8-bit network, in chunks.
        wanted: mean sum of the int16 network, float64 ``(outputs,)``.
        found: mean sum of the 8-bit network.
        largest: the largest activation of the int16 network, in its units.
    """

    exact: list[NDArray[Any]]
    sums: list[NDArray[np.float32]]
    wanted: NDArray[np.float64]
    found: NDArray[np.float64]
    largest: NDArray[np.float64]


def _run(layer: Layer, inputs: _Activations, exact: IntegerLayer, kernel: NDArray[np.generic]) -> _Run:
    outputs = layer.output_shape[2]
    run = _Run([], [], np.zeros(outputs), np.zeros(outputs), np.zeros(outputs))
    rows = 0
    for fine, rough in zip(inputs.exact, inputs.coarse, strict=True):
        sums = integer_sums(fine.astype(np.int32), exact.kernel, layer)
        rows += sums[..., 0].size
        run.wanted += sums.sum(axis=(0, 1, 2))
        if layer.kind != "head":
            activations = requantize(sums, exact, MAX_ACTIVATION[EXACT])
            run.largest = np.maximum(run.largest, activations.max(axis=(0, 1, 2)))
            run.exact.append(activations.astype(np.uint16))
        sums = integer_sums(rough.astype(np.int32), kernel, layer)
        run.found += sums.sum(axis=(0, 1, 2))
        run.sums.append(sums.astype(np.float32))
    run.wanted /= rows
    run.found /= rows
    return run


def _steps(run: _Run, scale: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return steps by which nothing that either network shows on the pictures is clipped below 6."""
    largest = run.largest * float(STEP)
    for sums in run.sums:
        largest = np.maximum(largest, sums.max(axis=(0, 1, 2)).astype(np.float64) * scale + bias)
    steps: NDArray[np.float32] = (np.clip(largest * HEADROOM, SMALLEST_RANGE, 6) / HIGHEST).astype(np.float32)
    return steps


def _next_layer(
    layer: Layer, folded: Folded, exact: IntegerLayer, inputs: _Activations
) -> tuple[IntegerLayer, _Activations]:
    """Make one layer of the 8-bit network, and run the pictures through it."""
    kernel, scale = (exact.kernel, exact.scale) if layer.kind == "stem" else _kernel(layer, folded, inputs)
    run = _run(layer, inputs, exact, kernel)
    bias = (exact.bias + (run.wanted * exact.scale - run.found * scale)).astype(np.float32)
    if layer.kind == "head":
        return IntegerLayer(kernel, scale, bias, None), inputs
    made = IntegerLayer(kernel, scale, bias, _steps(run, scale, bias))
    coarse = [requantize(sums.astype(np.float64), made, HIGHEST).astype(np.uint8) for sums in run.sums]
    assert made.step is not None
    return made, _Activations(list(run.exact), list(coarse), float(STEP), made.step.astype(np.float64))


def _pooled(inputs: _Activations) -> _Activations:
    exact = [pool(chunk.astype(np.int32), POOL_UNITS[EXACT]) for chunk in inputs.exact]
    coarse = [pool(chunk.astype(np.int32), POOL_UNITS[PRECISION]) for chunk in inputs.coarse]
    return _Activations(list(exact), list(coarse), inputs.exact_step, inputs.step / POOL_UNITS[PRECISION])


def _first(images: NDArray[np.uint8], recipe: Recipe) -> _Activations:
    chunks = [stem_input(images[start : start + CHUNK], recipe.value_range) for start in range(0, len(images), CHUNK)]
    return _Activations(list(chunks), list(chunks), 1.0, np.ones(3))


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
        calibration: uint8 ``(N, R, R, 3)``, pictures such as the network will see, prepared by the recipe; None takes
            ``synthetic_pictures``, which needs no data and costs some agreement.
        progress: called with layers done and layers in all.

    Returns:
        Whole numbers within the bounds of ``quantize.bounds``; the same bits for the same pictures on every machine.

    Raises:
        UsageError: pictures of another shape or dtype, or none.
    """
    images = synthetic_pictures(spec.resolution) if calibration is None else calibration
    side = spec.resolution
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (side, side, 3) or not len(images):
        raise UsageError(
            f"calibration must be uint8 (N, {side}, {side}, 3) with N >= 1, received {images.dtype} {images.shape}"
        )
    exact, folded = quantize_int16(spec, arrays, recipe), fold(spec, arrays)
    activations, made = _first(images, recipe), {}
    rows = layers(spec)
    for number, layer in enumerate(rows, start=1):
        if layer.kind == "pool":
            activations = _pooled(activations)
        else:
            made[layer.name], activations = _next_layer(
                layer, folded[layer.name], exact.layers[layer.name], activations
            )
        if progress is not None:
            progress(number, len(rows))
    return Integers(PRECISION, made)
