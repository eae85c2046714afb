"""From pixels to the numbers that the weights expect. Needs no Pillow; engines import this file alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def scale(images: NDArray[np.uint8], value_range: tuple[float, float] = (-1.0, 1.0)) -> NDArray[np.float32]:
    """Map 0..255 to a recipe's range.

    Args:
        images: uint8, any shape.
        value_range: (low, high) of the result.

    Returns:
        float32 of the same shape. For -1..1 it is ``x / 127.5 - 1`` in float32, bit for bit what
        ``keras.applications.mobilenet.preprocess_input`` gives.
    """
    low, high = value_range
    if (low, high) == (-1.0, 1.0):
        values = images.astype(np.float32)
        values /= np.float32(127.5)
        values -= np.float32(1)
        return values
    step = np.float32((high - low) / 255)
    return images.astype(np.float32) * step + np.float32(low)
