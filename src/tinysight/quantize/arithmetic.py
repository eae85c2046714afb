"""Integer convolutions in NumPy: ``checkpoint.integers`` word for word.

Sums are taken in float64, which holds every whole number below 2**53, so that they are exact in any order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.integers import IntegerLayer
from tinysight.spec import Layer

Activations = NDArray[np.int32]


def windows(values: Activations, layer: Layer) -> list[NDArray[np.float64]]:
    """Nine strided views of the zero-padded input, one for each tap, as float64 ``(N, h, w, C)``."""
    padded = np.pad(values.astype(np.float64), ((0, 0), layer.pad, layer.pad, (0, 0)))
    height, width, _ = layer.output_shape
    rows, columns, step = layer.stride * (height - 1) + 1, layer.stride * (width - 1) + 1, layer.stride
    size = range(layer.kernel_size)
    return [padded[:, i : i + rows : step, j : j + columns : step] for i in size for j in size]


def integer_sums(values: Activations, kernel: NDArray[np.generic], layer: Layer) -> NDArray[np.float64]:
    """Return a convolution's exact sums.

    Args:
        values: int32 ``(N, H, W, C)``.
        kernel: whole numbers in the shape of ``layer.weight_shape``.
        layer: which convolution.

    Returns:
        float64 ``(N, h, w, outputs)``, whole numbers.
    """
    weights = kernel.astype(np.float64)
    if layer.kind in ("pointwise", "head"):
        product: NDArray[np.float64] = values.astype(np.float64) @ weights[0, 0]
        return product
    views = windows(values, layer)
    if layer.kind == "stem":
        stem: NDArray[np.float64] = np.concatenate(views, axis=-1) @ weights.reshape(-1, weights.shape[-1])
        return stem
    taps = weights.reshape(9, *weights.shape[2:])
    total = sum(view[..., None] * tap for view, tap in zip(views, taps, strict=True))
    assert isinstance(total, np.ndarray)
    return total.reshape(len(values), *layer.output_shape)


def requantize(sums: NDArray[np.float64], layer: IntegerLayer, highest: int) -> Activations:
    """Turn sums into activations 0..``highest``."""
    values = np.rint(sums.astype(np.float32) * layer.multiplier + layer.addend)
    activations: Activations = np.clip(values, 0, highest).astype(np.int32)
    return activations


def pool(values: Activations, units: int) -> Activations:
    """Average over the picture, in ``units`` parts of an activation's unit: ``(N, 1, 1, C)``."""
    cells = values.shape[1] * values.shape[2]
    sums = values.sum(axis=(1, 2), keepdims=True).astype(np.float32)
    means: Activations = np.rint(sums * np.float32(units / cells)).astype(np.int32)
    return means
