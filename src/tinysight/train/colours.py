"""Brightness, contrast and saturation of one picture, cheap enough to be changed for every picture of every epoch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# What an eye sees of red, green and blue: ITU-R BT.601, as Pillow's and torchvision's greys.
LUMA = np.array([0.299, 0.587, 0.114])
# One product of this many pixels is below the size at which OpenBLAS wakes threads of its own (2^18 multiplications),
# which would fight with those of the training.
_PIXELS_AT_ONCE = 16384


def recolour(square: NDArray[np.uint8], brightness: float, contrast: float, saturation: float) -> None:
    """Change the colours of one picture, in place.

    All three are linear in the colours, so together they are one 3 x 3 matrix and one addend. The factors act in the
    order of the arguments; values are cut to 0..255 once, after the last.

    Args:
        square: uint8 ``(height, width, 3)`` RGB, contiguous.
        brightness: factor of all colours, from 0; 1 changes nothing, likewise below.
        contrast: factor of the distances from the picture's mean grey.
        saturation: factor of the distances from each pixel's own grey.
    """
    pixels = square.reshape(-1, 3)
    values = pixels.astype(np.float32)
    # Rows first: sums of whole numbers below 2^24, exact in float32, at the speed of memory.
    sums = values.reshape(square.shape[0], -1).sum(axis=0).reshape(-1, 3).sum(axis=0, dtype=np.float64)
    grey = brightness * float(sums @ LUMA) / len(pixels)
    addend = np.float32((1 - contrast) * grey + 0.5)  # the half rounds when the fraction is cut off
    matrix = saturation * np.eye(3) + (1 - saturation) * LUMA[:, None]
    matrix = (contrast * brightness * matrix).astype(np.float32)
    changed = np.empty((min(_PIXELS_AT_ONCE, len(pixels)), 3), np.float32)
    for first in range(0, len(pixels), _PIXELS_AT_ONCE):
        part = values[first : first + _PIXELS_AT_ONCE]
        out = np.matmul(part, matrix, out=changed[: len(part)])
        out += addend
        np.clip(out, 0, 255, out=out)
        np.copyto(pixels[first : first + len(part)], out, casting="unsafe")
