"""A network in integers: what every integer engine computes, to the bit.

Activations are whole numbers from 0 to ``MAX_ACTIVATION``; one unit of output channel c is worth ``step[c]``.
For each output channel n of a convolution

    sum[n]    = sum over its taps and input channels of input * kernel[n]          exact, fits int32
    output[n] = clip(rint(float32(sum[n]) * (scale[n] / step[n]) + bias[n] / step[n]), 0, MAX_ACTIVATION)

in float32, each operation rounded by itself, ``rint`` to the nearest and halves to even. The head has no step: its
logits are ``float32(sum) * scale + bias``. The stem reads pixels as ``stem_input`` gives them; the head reads
``rint(float32(sum over cells) * float32(POOL_UNITS / cells))``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinysight.spec import Layer

IntegerPrecision = Literal["int16", "int8"]
MAX_ACTIVATION: dict[str, int] = {"int16": 8191, "int8": 255}
# The mean over the picture is kept in this many parts of an activation's unit, so that both precisions give the head
# 13 bits.
POOL_UNITS: dict[str, int] = {"int16": 1, "int8": 32}
PIXEL_UNITS = 32  # a pixel's level counts 32 at the stem, so that the middle of the range falls on a whole number

LARGEST_PIXEL = 2**15 - 1  # of a stem's input in 16 bits


@dataclass(frozen=True, eq=False, slots=True)
class IntegerLayer:
    """One convolution.

    Args:
        kernel: int16 or int8, in the shape of ``Layer.weight_shape``; ``kernel_dtype`` says which.
        scale: float32 ``(outputs,)``, what one unit of the sum is worth, > 0.
        bias: float32 ``(outputs,)``, in the layer's own (real) unit.
        step: float32 ``(outputs,)``, what one unit of the output activation is worth, > 0; None for the head.
    """

    kernel: NDArray[np.int16] | NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    step: NDArray[np.float32] | None

    @property
    def multiplier(self) -> NDArray[np.float32]:
        """What float32(sum) is multiplied with, float32 ``(outputs,)``."""
        return self.scale if self.step is None else self.scale / self.step

    @property
    def addend(self) -> NDArray[np.float32]:
        """What is added after that, float32 ``(outputs,)``."""
        return self.bias if self.step is None else self.bias / self.step


@dataclass(frozen=True, eq=False, slots=True)
class Integers:
    """A whole network in integers.

    Args:
        precision: ``int8`` or ``int16``.
        layers: by convolution name, in the network's order.
        probe_outputs: float32 ``(number of the card's probes, outputs)``: what this network answers to them; None where
            nothing is stored (int16 is made from the float arrays whenever it is opened).
    """

    precision: IntegerPrecision
    layers: Mapping[str, IntegerLayer]
    probe_outputs: NDArray[np.float32] | None = None


def kernel_dtype(precision: str, layer: Layer) -> type[np.int16] | type[np.int8]:
    """Type of a layer's kernel: the stem and depthwise kernels are few, so that int8 keeps them in 16 bits."""
    return np.int8 if precision == "int8" and layer.kind in ("pointwise", "head") else np.int16


def stem_offset(value_range: tuple[float, float]) -> int:
    """Return what a black pixel is at the stem, in units of which a level has ``PIXEL_UNITS``; zero stays zero."""
    low, high = value_range
    return int(np.rint(PIXEL_UNITS * 255 * low / (high - low)))


def stem_limit(value_range: tuple[float, float]) -> int:
    """Return the largest magnitude of the stem's inputs, which 16-bit kernels hold up to ``LARGEST_PIXEL``."""
    black = stem_offset(value_range)
    return max(abs(black), abs(black + 255 * PIXEL_UNITS))


def stem_step(value_range: tuple[float, float]) -> float:
    """Return what one unit of the stem's input is worth."""
    low, high = value_range
    return (high - low) / (255 * PIXEL_UNITS)


def stem_input(images: NDArray[np.generic], value_range: tuple[float, float]) -> NDArray[np.int32]:
    """Turn pictures into the whole numbers that the stem reads.

    Args:
        images: uint8 pixels, or float32 in ``value_range``; values outside it are clipped.
        value_range: what 0 and 255 are for the network, from the recipe.

    Returns:
        int32 of the same shape: ``32 * pixel + stem_offset``, and the nearest such step for float32.
    """
    offset = stem_offset(value_range)
    if images.dtype == np.uint8:
        return images.astype(np.int32) * PIXEL_UNITS + offset
    units = images.astype(np.float32) * np.float32(1 / stem_step(value_range))
    clipped: NDArray[np.int32] = np.clip(np.rint(units), offset, offset + 255 * PIXEL_UNITS).astype(np.int32)
    return clipped
