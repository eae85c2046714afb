"""From pixels to the numbers that the weights expect. Engines need this file alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import UsageError


def scale(images: NDArray[np.uint8], value_range: tuple[float, float] = (-1.0, 1.0)) -> NDArray[np.float32]:
    """Map 0..255 to a recipe's range.

    Args:
        images: uint8, any shape; not modified.
        value_range: what 0 and 255 become. -1..1 gives, bit for bit, ``x / 127.5 - 1`` in float32, as
            ``keras.applications.mobilenet.preprocess_input`` does; 0..1 gives ``x / 255``.

    Returns:
        A new float32 array of the same shape.

    Raises:
        UsageError: images of another dtype, or a range that does not rise.

    >>> scale(np.array([0, 255], np.uint8)).tolist()
    [-1.0, 1.0]
    """
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8:
        raise UsageError(f"images must be a uint8 array, received {getattr(images, 'dtype', type(images).__name__)}")
    low, high = value_range
    if not low < high:
        raise UsageError(f"value_range must rise, received {value_range!r}")
    scaled: NDArray[np.float32] = images.astype(np.float32)
    scaled /= np.float32(255 / (high - low))
    scaled += np.float32(low)
    return scaled
