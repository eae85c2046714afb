"""Batch norm folded into the convolution before it.

At inference batch norm is a fixed scale and shift per channel, y = gamma * (x - mean) / sqrt(variance + epsilon) + beta
(Ioffe and Szegedy, arXiv 1502.03167, algorithm 2). A convolution is linear, so the scale moves into its kernel and
the shift becomes its bias: 27 layers disappear and no answer changes beyond rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.spec import Spec, layers

Array = NDArray[np.float32]


class Folded(NamedTuple):
    """One convolution with its batch norm folded: kernel as in ``Layer.weight_shape``, bias ``(channels,)``."""

    kernel: Array
    bias: Array


def scale_and_shift(name: str, arrays: Mapping[str, Array], epsilon: float) -> tuple[Array, Array]:
    """Return what the batch norm after layer ``name`` does to each channel.

    Args:
        name: the convolution's name, for example ``conv_dw_3``.
        arrays: the network's arrays by name.
        epsilon: added to the variance, the ``Spec.bn_epsilon`` of these weights.

    Returns:
        scale and shift, float32 ``(channels,)`` each: y = x * scale + shift. Computed in float64.
    """
    gamma, beta, mean, variance = (
        arrays[f"{name}_bn.{array}"].astype(np.float64) for array in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + epsilon)
    return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)


def fold(spec: Spec, arrays: Mapping[str, Array]) -> dict[str, Folded]:
    """Fold every batch norm of the network.

    Args:
        spec: the network.
        arrays: its float32 arrays by name, as ``spec.array_shapes`` lists them; not modified.

    Returns:
        Per convolution, in the network's order, its folded kernel and bias; the head is passed through.
    """
    folded: dict[str, Folded] = {}
    for layer in layers(spec):
        if layer.kind == "pool":
            continue
        kernel = arrays[f"{layer.name}.kernel"]
        if not layer.has_bn:
            folded[layer.name] = Folded(kernel, arrays[f"{layer.name}.bias"])
            continue
        scale, shift = scale_and_shift(layer.name, arrays, spec.bn_epsilon)
        # A depthwise kernel is (3, 3, channels, multiplier) and its outputs count through both last axes.
        per_output = scale.reshape(kernel.shape[2:]) if layer.kind == "depthwise" else scale
        folded[layer.name] = Folded(kernel * per_output, shift)
    return folded
