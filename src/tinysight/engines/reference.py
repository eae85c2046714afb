"""The network in NumPy, written to be read beside the paper.

It folds nothing and fuses nothing: every layer of ``spec.layers`` is one step, every batch norm is there. All faster
engines and all exports are judged by the logits that this file gives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint
from tinysight.engines.output import Output, network_input
from tinysight.fold import scale_and_shift
from tinysight.spec import Layer, layers

Array = NDArray[np.float32]


def pad(images: Array, amount: tuple[int, int]) -> Array:
    """Surround pictures ``(N, H, W, C)`` with ``amount`` = (before, after) rows and columns of zeros."""
    return np.pad(images, ((0, 0), amount, amount, (0, 0))) if any(amount) else images


def windows(images: Array, layer: Layer) -> list[Array]:
    """Return the padded input as the kernel's taps see it: nine strided views ``(N, h, w, C)``, row by row."""
    padded = pad(images, layer.pad)
    height, width, _ = layer.output_shape
    rows, columns, step = layer.stride * (height - 1) + 1, layer.stride * (width - 1) + 1, layer.stride
    size = range(layer.kernel_size)
    return [padded[:, i : i + rows : step, j : j + columns : step] for i in size for j in size]


def standard(images: Array, kernel: Array, layer: Layer) -> Array:
    """Standard convolution: every output channel looks at every input channel. Only the stem is one."""
    patches = np.concatenate(windows(images, layer), axis=-1)
    product: Array = patches @ kernel.reshape(-1, kernel.shape[-1])
    return product


def depthwise(images: Array, kernel: Array, layer: Layer) -> Array:
    """Depthwise convolution: one 3 x 3 filter per channel and multiplier, channels do not mix.

    Output channel ``c * depth_multiplier + m`` is input channel ``c`` under filter ``kernel[:, :, c, m]``.
    """
    taps = kernel.reshape(-1, *kernel.shape[2:])
    count, (height, width, channels) = len(images), layer.output_shape
    total = np.zeros((count, height, width, *kernel.shape[2:]), np.float32)
    product = np.empty_like(total)
    for view, tap in zip(windows(images, layer), taps, strict=True):
        total += np.multiply(view[..., None], tap, out=product)
    return total.reshape(count, height, width, channels)


def pointwise(images: Array, kernel: Array) -> Array:
    """Pointwise convolution: a matrix product over the channels at every pixel."""
    product: Array = images @ kernel[0, 0]
    return product


def relu6(images: Array) -> Array:
    """Clip to 0..6, in place."""
    return np.clip(images, 0, 6, out=images)


class ReferenceEngine:
    """Runs any ``Spec`` in float32.

    Args:
        checkpoint: weights and card.
    """

    name = "reference"
    precision = "float32"

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.spec = checkpoint.card.spec
        self._value_range = checkpoint.card.recipe.value_range
        self._arrays = checkpoint.arrays
        self._batch_norms = {
            layer.name: scale_and_shift(layer.name, checkpoint.arrays, self.spec.bn_epsilon)
            for layer in layers(self.spec)
            if layer.has_bn
        }

    def run(self, images: NDArray[np.generic]) -> Output:
        """Run pictures through the network.

        Args:
            images: ``(N, R, R, 3)`` with R the spec's resolution; uint8 pixels, or float32 in the recipe's range.

        Returns:
            Logits ``(N, num_classes)``, None without a head, and features ``(N, h, w, c)`` after block 13.

        Raises:
            EngineError: another shape or dtype, or a value that is not finite.
        """
        values = network_input(images, self.spec.resolution, self._value_range)
        features, logits = values, None
        for layer in layers(self.spec):
            if layer.kind == "pool":
                features = values
                values = values.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
                continue
            values = self._convolve(values, layer)
            if layer.kind == "head":
                logits = (values + self._arrays[f"{layer.name}.bias"])[:, 0, 0]
        return Output(logits, features)

    def _convolve(self, values: Array, layer: Layer) -> Array:
        kernel = self._arrays[f"{layer.name}.kernel"]
        if layer.kind == "stem":
            values = standard(values, kernel, layer)
        elif layer.kind == "depthwise":
            values = depthwise(values, kernel, layer)
        else:
            values = pointwise(values, kernel)
        if layer.has_bn:
            scale, shift = self._batch_norms[layer.name]
            values = relu6(values * scale + shift)
        return values
