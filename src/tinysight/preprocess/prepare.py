"""From upright RGB pixels of any size to the square that the network sees."""

from __future__ import annotations

import io
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import UsageError
from tinysight.preprocess.recipe import Recipe

if TYPE_CHECKING:
    from PIL import Image


def crop_box(height: int, width: int, recipe: Recipe) -> tuple[int, int, int, int]:
    """Return (top, left, height, width), in pixels, of the part of a picture that the network sees.

    Where the margins cannot be equal, the one at the top or left is the smaller.

    Raises:
        UsageError: a side below 1.

    >>> crop_box(375, 500, Recipe())
    (0, 62, 375, 375)
    """
    if height < 1 or width < 1:
        raise UsageError(f"a picture has at least 1 x 1 pixels, received {width} x {height}")
    if recipe.crop == "squash":
        return 0, 0, height, width
    side = max(1, round(min(height, width) * recipe.crop_fraction))
    return (height - side) // 2, (width - side) // 2, side, side


def prepare(pixels: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.uint8]:
    """Crop and resize one picture for the network.

    Args:
        pixels: uint8 (height, width, 3) RGB, 0..255, upright; not modified.
        recipe: what the weights expect; stored in the checkpoint's card.

    Returns:
        A new uint8 array (resolution, resolution, 3); ``scale`` brings it to the recipe's value range.

    Raises:
        UsageError: pixels of another type or shape.
    """
    _check_pixels(pixels)
    top, left, height, width = crop_box(pixels.shape[0], pixels.shape[1], recipe)
    part = pixels[top : top + height, left : left + width]
    side = recipe.resolution
    if part.shape[:2] == (side, side):
        return np.array(part, order="C")
    if recipe.resample == "nearest":
        return _nearest(part, side)
    native = _native() if recipe.resample == "bilinear" and part.shape[0] == part.shape[1] else None
    if native is None:
        return np.array(_resized(_image(part), side, side, recipe.resample))
    square = np.empty((side, side, 3), np.uint8)
    native.resize(part if part.strides[1:] == (3, 1) else np.ascontiguousarray(part), square)
    return square


@lru_cache(maxsize=1)
def _native() -> ModuleType | None:
    """Return the compiled part, whose bilinear resize gives Pillow's pixels sooner, if it is there.

    To the bit (compared on x86-64 with Pillow 13.0) for squares only: what is not scaled alike in both directions,
    Pillow resizes in an order of its own.
    """
    try:
        from tinysight import _native
    except ImportError:
        return None
    return _native


def resize(values: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Resize a picture or a map, bilinear, averaging over all pixels that fall into one when it gets smaller.

    Args:
        values: uint8 (h, w, 3) RGB, or float (h, w), for example an activation map; finite.
        height: rows of the result, in pixels, at least 1.
        width: columns of the result.

    Returns:
        uint8 (height, width, 3), or float32 (height, width).

    Raises:
        UsageError: values of another type or shape, or a side below 1.
    """
    if height < 1 or width < 1:
        raise UsageError(f"a picture has at least 1 x 1 pixels, received {width} x {height}")
    if isinstance(values, np.ndarray) and values.ndim == 2 and values.size and values.dtype.kind == "f":
        image = _image(values.astype(np.float32))
    else:
        _check_pixels(values)
        image = _image(values)
    return np.array(_resized(image, width, height, "bilinear"))


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return uint8 (height, width, 3) RGB pixels as the bytes of a PNG file.

    Raises:
        UsageError: pixels of another type or shape.
    """
    _check_pixels(pixels)
    file = io.BytesIO()
    _image(pixels).save(file, "PNG")
    return file.getvalue()


def _resized(image: Image.Image, width: int, height: int, resample: str) -> Image.Image:
    from PIL import Image

    kernel = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[resample]
    return image.resize((width, height), kernel)


def _nearest(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Pick the pixels that Pillow's nearest filter picks, without copying all of them into a Pillow image first."""
    from PIL import Image

    def picked(length: int) -> NDArray[np.int32]:
        # Its sums of rounding errors are part of the answer, so it is asked itself, with the numbers of the pixels.
        ramp = Image.fromarray(np.arange(length, dtype=np.int32)[None])
        indexes: NDArray[np.int32] = np.asarray(ramp.resize((side, 1), Image.Resampling.NEAREST))[0]
        return indexes

    rows, columns = (picked(length) for length in pixels.shape[:2])
    return pixels[rows[:, None], columns]


def _image(values: NDArray[Any]) -> Image.Image:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(values))


def _check_pixels(pixels: Any) -> None:
    fits = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
    if not fits or pixels.size == 0:
        raise UsageError(f"pixels must be a uint8 array (height, width, 3), received {_described(pixels)}")


def _described(value: Any) -> str:
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
