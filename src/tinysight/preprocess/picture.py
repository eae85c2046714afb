"""What decoding gives, and how large it may be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import ImageError

MAX_PIXELS = 64_000_000
# What the largest picture takes without compression at four bytes a pixel.
MAX_BYTES = 256 * 1024 * 1024
# Keeps every pass over a picture within memory, however thin it is; a JPEG's sides are at most 65,535.
MAX_SIDE_PX = 131_072
# Segments, chunks, blocks or tags. A PNG of 64 megapixels in the usual chunks of 8 kB has about 24,000.
MAX_PARTS = 100_000


class Picture(NamedTuple):
    """An upright picture.

    ``pixels`` is uint8 (height, width, 3) RGB, decoded smaller than the picture if that was allowed; ``width`` and
    ``height`` are the picture's own size in pixels, as it is shown.
    """

    pixels: NDArray[np.uint8]
    width: int
    height: int


class SizeLimit(NamedTuple):
    """The check that is made before pixels are allocated."""

    max_pixels: int = MAX_PIXELS

    def check(self, width: int, height: int) -> None:
        """Refuse a picture of more than ``max_pixels``, with a side over ``MAX_SIDE_PX``, or without pixels.

        Raises:
            ImageError: ``too_many_pixels`` or ``corrupt``.
        """
        size = f"the picture has {width} x {height} pixels"
        if width < 1 or height < 1:
            raise ImageError("corrupt", size)
        if width * height > self.max_pixels:
            raise ImageError("too_many_pixels", f"{size}; at most {self.max_pixels:,} are read")
        if max(width, height) > MAX_SIDE_PX:
            raise ImageError("too_many_pixels", f"{size}; a side may have {MAX_SIDE_PX:,}")


class Reduced(NamedTuple):
    """What a decoder is given.

    ``data`` is a whole file; ``size`` is (width, height) and ``exif`` the EXIF block, where the container told. Grey
    samples of PNG and TIFF have ``bit_depth`` bits and may count from white to black.
    """

    data: bytes
    size: tuple[int, int] | None = None
    exif: bytes = b""
    bit_depth: int = 8
    white_is_zero: bool = False
