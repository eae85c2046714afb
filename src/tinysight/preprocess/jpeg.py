"""A JPEG file without its metadata, and how many times its pixels would be gone over.

Source: ITU T.81, annex B.
"""

from __future__ import annotations

import re
import struct

from tinysight.errors import ImageError
from tinysight.preprocess.picture import MAX_PARTS, Reduced, SizeLimit

# Every scan of a JPEG costs a pass over its pixels, 1 to 3 ms a megapixel on a 2021 desktop core. Photos have 1 to 16
# scans; the largest picture may have 25. Small pictures count as one megapixel.
MAX_SCAN_PX = 1_600_000_000
# Bytes between JPEG segments that belong to none.
_MAX_JUNK_BYTES = 65_536
# A marker that is not fill, a stuffed zero, a restart or TEM: in front of a segment and within coded data alike.
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd7\xff])", re.DOTALL)
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS, _EOI, _APP1 = 0xDA, 0xD9, 0xE1
# Comments and application segments, but for APP0 (JFIF) and APP14 (Adobe), which tell the colour space.
_METADATA = (frozenset(range(0xE1, 0xF0)) | {0xFE}) - {0xEE}


def reduce_jpeg(data: bytes, limit: SizeLimit) -> Reduced:
    """Return the picture with the segments its pixels depend on; IndexError or struct.error where the data ends early.

    Raises:
        ImageError: ``corrupt``, ``too_many_pixels``, ``too_slow``, ``unsupported_pixels``.
    """
    kept, size, exif = [data[:2]], None, b""
    position = 2
    for _ in range(MAX_PARTS):
        found = _MARKER.search(data, position)
        if found is None:
            raise IndexError
        marker, start = found[1][0], found.end() - 2
        if start - position > _MAX_JUNK_BYTES:
            raise ImageError("corrupt", "the JPEG file has too much that belongs to no segment")
        if marker == _EOI:
            raise ImageError("corrupt", "the JPEG file ends before its pixels begin")
        if marker == _SOS:
            break
        (length,) = struct.unpack_from(">H", data, start + 2)
        position = start + 2 + length
        if marker in _SOF:
            size = _frame_size(data, start, limit)
        elif marker == _APP1 and not exif and data[start + 4 : start + 10] == b"Exif\0\0":
            exif = data[start + 4 : position]
        if marker not in _METADATA:
            kept.append(data[start:position])
    else:
        raise ImageError("too_slow", f"the JPEG file has over {MAX_PARTS:,} segments before its pixels")
    if size is None:
        raise ImageError("corrupt", "the JPEG file does not say its size before its pixels begin")
    _check_scans(data, start, size)
    return Reduced(b"".join([*kept, memoryview(data)[start:]]), size, exif)


def _frame_size(data: bytes, start: int, limit: SizeLimit) -> tuple[int, int]:
    precision, height, width = struct.unpack_from(">BHH", data, start + 4)
    if precision != 8:
        raise ImageError("unsupported_pixels", f"JPEG with {precision} bits a sample; 8 are read")
    limit.check(width, height)
    return width, height


def _check_scans(data: bytes, first: int, size: tuple[int, int]) -> None:
    allowed = MAX_SCAN_PX // max(size[0] * size[1], 1_000_000)
    # Counting the two bytes is fast and never too low; embedded pictures and chance can make it too high.
    if data.count(b"\xff\xda", first) <= allowed:
        return
    scans = 0
    position = first
    while (found := _MARKER.search(data, position)) is not None and found[1][0] != _EOI:
        scans += found[1][0] == _SOS
        if scans > allowed:
            raise ImageError(
                "too_slow", f"the JPEG file has over {allowed} scans, the most for {size[0]} x {size[1]} pixels"
            )
        length = data[found.end() : found.end() + 2]
        position = found.end() + max(2, int.from_bytes(length, "big"))
