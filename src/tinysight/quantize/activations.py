"""The calibration pictures on their way through two networks: the int16 one, and the 8-bit one as far as it is made.

The int16 network stands for the float one: it has the same answers, and the same bits on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.integers import MAX_ACTIVATION, POOL_UNITS, IntegerLayer, stem_input
from tinysight.quantize.arithmetic import integer_sums, pool, requantize
from tinysight.spec import Layer

EXACT: Final = "int16"
COARSE: Final = "int8"
CHUNK = 5  # pictures that are worked on at once

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Activations:
    """The pictures at one place of both networks, in chunks of pictures.

    Args:
        exact: int16 network, ``(n, h, w, c)`` each, in its own unit.
        coarse: 8-bit network, likewise.
        step: float64 ``(c,)``, what one unit of ``coarse`` is worth.
    """

    exact: list[NDArray[Any]]
    coarse: list[NDArray[Any]]
    step: Values


def first_activations(images: NDArray[np.uint8], value_range: tuple[float, float]) -> Activations:
    """Return what the stem reads of the pictures ``(N, R, R, 3)``, the same in both networks."""
    chunks: list[NDArray[Any]] = [
        stem_input(images[start : start + CHUNK], value_range) for start in range(0, len(images), CHUNK)
    ]
    return Activations(chunks, chunks, np.ones(3))


def pooled(inputs: Activations) -> Activations:
    """Return both networks' means over the picture, as the head reads them."""
    exact: list[NDArray[Any]] = [pool(chunk.astype(np.int32), POOL_UNITS[EXACT]) for chunk in inputs.exact]
    coarse: list[NDArray[Any]] = [pool(chunk.astype(np.int32), POOL_UNITS[COARSE]) for chunk in inputs.coarse]
    return Activations(exact, coarse, inputs.step / POOL_UNITS[COARSE])


def damped_moments(inputs: Activations, damping: float, least: float) -> Values:
    """Return the second moments of the 8-bit inputs around their mean, with something added to the diagonal.

    Args:
        inputs: of a convolution without taps.
        damping: what is added, as a share of the diagonal's mean.
        least: what is added at least, for inputs that are all constant.

    Returns:
        float64 ``(c, c)``; the sums behind it are whole numbers, hence exact.
    """
    depth = len(inputs.step)
    moments, sums, rows = np.zeros((depth, depth)), np.zeros(depth), 0
    for chunk in inputs.coarse:
        flat = chunk.reshape(-1, depth).astype(np.float64)
        moments += flat.T @ flat
        sums += flat.sum(axis=0)
        rows += len(flat)
    moments -= sums[:, None] * (sums / rows)
    diagonal = np.arange(depth)
    moments[diagonal, diagonal] += damping * math.fsum(np.diag(moments)) / depth + least
    return moments


@dataclass(eq=False, slots=True)
class LayerRun:
    """What one layer makes of the pictures in both networks.

    Args:
        exact: activations of the int16 network, uint16, in chunks; none for the head.
        sums: float32 sums of the 8-bit network, in chunks.
        wanted: mean sum of the int16 network, float64 ``(outputs,)``.
        found: mean sum of the 8-bit network, likewise.
    """

    exact: list[NDArray[Any]]
    sums: list[NDArray[np.float32]]
    wanted: Values
    found: Values


def run_layer(layer: Layer, inputs: Activations, exact: IntegerLayer, kernel: NDArray[np.generic]) -> LayerRun:
    """Run the pictures through one layer of both networks.

    Args:
        layer: which.
        inputs: what it reads.
        exact: the layer of the int16 network.
        kernel: whole numbers of the 8-bit network.
    """
    outputs = layer.output_shape[2]
    run = LayerRun([], [], np.zeros(outputs), np.zeros(outputs))
    rows = 0
    for fine, rough in zip(inputs.exact, inputs.coarse, strict=True):
        sums = integer_sums(fine.astype(np.int32), exact.kernel, layer)
        rows += sums[..., 0].size
        run.wanted += sums.sum(axis=(0, 1, 2))
        if layer.kind != "head":
            run.exact.append(requantize(sums, exact, MAX_ACTIVATION[EXACT]).astype(np.uint16))
        sums = integer_sums(rough.astype(np.int32), kernel, layer)
        run.found += sums.sum(axis=(0, 1, 2))
        run.sums.append(sums.astype(np.float32))
    run.wanted /= rows
    run.found /= rows
    return run
