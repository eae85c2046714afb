"""From a picture in any form to upright RGB pixels, or one clear reason why not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import ImageError, UsageError, printable
from tinysight.preprocess.containers import reduce
from tinysight.preprocess.picture import MAX_BYTES, MAX_PIXELS, Picture, SizeLimit
from tinysight.preprocess.sniff import sniff
from tinysight.preprocess.source import read_file, read_stream

if TYPE_CHECKING:
    from PIL import Image

Source: TypeAlias = "str | os.PathLike[str] | os.PathLike[bytes] | bytes | BinaryIO | Image.Image | NDArray[np.uint8]"


def decode(
    source: Source, *, wanted_px: int | None = None, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> NDArray[np.uint8]:
    """Read one picture and return its pixels: ``read_picture(...).pixels``.

    Returns:
        A new uint8 array (height, width, 3), RGB, 0..255, upright.

    Raises:
        ImageError, UsageError: as ``read_picture``.
    """
    return read_picture(source, wanted_px=wanted_px, max_pixels=max_pixels, max_bytes=max_bytes).pixels


def read_picture(
    source: Source, *, wanted_px: int | None = None, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> Picture:
    """Read one picture.

    The format is found by content: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF where Pillow was built with it, HEIC where a
    plugin is registered. Of several frames or pages the first is taken. The size in the header is checked
    before pixels are allocated. EXIF orientation is applied (a damaged one counts as upright), transparency shows
    white, 16-bit samples keep their upper byte, colour profiles are not applied.

    Args:
        source: a path; bytes holding a whole file; a binary stream, read from where it stands and left open; a Pillow
            image, turned as its ``info["exif"]`` says; or a uint8 array (height, width) grey, (height, width, 1) grey,
            (height, width, 3) RGB or (height, width, 4) RGB and alpha, of any strides. It is not modified.
        wanted_px: the shorter side that will be needed, ``Recipe.wanted_px``. A JPEG is then decoded at 1/2, 1/4 or 1/8
            of its size as long as both sides stay at least twice that; other sources ignore it.
        max_pixels: the most pixels that are decoded. The longer side may have 131,072.
        max_bytes: the most bytes that are read from a file or stream.

    Returns:
        New pixels, uint8 (height, width, 3), RGB, 0..255, upright; and the picture's own width and height.

    Raises:
        ImageError: the picture cannot be read; ``reason`` is one of ``tinysight.errors.IMAGE_REASONS``.
        UsageError: a source of another type, or a limit that is no positive whole number.
    """
    for name, number in (("wanted_px", wanted_px), ("max_pixels", max_pixels), ("max_bytes", max_bytes)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
            raise UsageError(f"{name} must be a whole number of at least 1, received {number!r}")
    limit = SizeLimit(max_pixels)
    if isinstance(source, np.ndarray):
        return _from_array(source, limit)
    from tinysight.preprocess import pillow  # here, so that a Recipe can be had without loading Pillow

    if pillow.is_image(source):
        return pillow.read_image(source, limit)
    if isinstance(source, str | os.PathLike):
        path = _file_name(source)
        try:
            return _from_bytes(read_file(path, max_bytes), limit, wanted_px)
        except ImageError as error:
            raise ImageError(error.reason, f"{printable(os.fsdecode(path))}: {error}") from error
    return _from_bytes(_content(source, max_bytes), limit, wanted_px)


def _file_name(path: Any) -> str | bytes:
    try:
        name: str | bytes = os.fspath(path)
    except TypeError as error:
        raise UsageError(f"the path object of type {type(path).__name__} gives no path") from error
    return name


def _content(source: Any, max_bytes: int) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if callable(getattr(source, "read", None)):
        return read_stream(source, max_bytes)
    kinds = "a path, bytes, a binary stream, a Pillow image or a uint8 array"
    raise UsageError(f"a picture is {kinds}, received {type(source).__name__}")


def _from_bytes(data: bytes, limit: SizeLimit, wanted_px: int | None) -> Picture:
    from tinysight.preprocess import pillow

    kind = sniff(data)
    return pillow.read(kind, reduce(kind, data, limit), limit, wanted_px)


def _from_array(array: NDArray[Any], limit: SizeLimit) -> Picture:
    if array.dtype != np.uint8:
        raise ImageError("unsupported_pixels", f"an array must be uint8 with values 0..255, received {array.dtype}")
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4):
        raise ImageError(
            "unsupported_pixels",
            f"an array must be (height, width), optionally with 1, 3 or 4 channels last, received shape {array.shape}",
        )
    if array.size == 0:
        raise ImageError("empty", f"the array has no pixels, its shape is {array.shape}")
    height, width = array.shape[:2]
    limit.check(width, height)
    if channels == 4:
        from tinysight.preprocess import pillow

        return Picture(pillow.on_white(array), width, height)
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[...] = array.reshape(height, width, channels)
    return Picture(rgb, width, height)
