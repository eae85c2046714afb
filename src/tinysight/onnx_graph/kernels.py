"""Kernels in ONNX's order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.spec import Layer


def onnx_kernel(layer: Layer, kernel: NDArray[Any]) -> NDArray[Any]:
    """Turn a kernel as in ``Layer.weight_shape`` into ONNX's (outputs, inputs of one group, height, width)."""
    if layer.kind == "depthwise":
        size = layer.kernel_size
        return kernel.reshape(size, size, 1, -1).transpose(3, 2, 0, 1)
    return kernel.transpose(3, 2, 0, 1)


def convolution_attributes(layer: Layer) -> dict[str, Any]:
    """Return the attributes of a layer's ``Conv`` node."""
    before, after = layer.pad
    return {
        "kernel_shape": [layer.kernel_size] * 2,
        "strides": [layer.stride] * 2,
        "pads": [before, before, after, after],
        "group": layer.input_shape[2] if layer.kind == "depthwise" else 1,
    }


def per_output(layer: Layer, factors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shape a factor for each output so that it multiplies a kernel in ``Layer.weight_shape``."""
    if layer.kind == "depthwise":
        return factors.reshape(layer.weight_shape[2:]) if layer.weight_shape else factors
    return factors
