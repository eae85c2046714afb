"""The one thing in EXIF that changes what a picture shows: which way up it is.

EXIF is a TIFF directory (TIFF 6.0, section 2: entries of 12 bytes) inside another file. Cameras, editors and
mischief leave it damaged; a damaged one says nothing, so the picture counts as upright. Only the first directory is
looked at, so a directory that points at itself does no harm.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

ORIENTATION_TAG = 0x0112
_SHORT = 3
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}


def byte_order(data: bytes) -> str | None:
    """Return ``<`` or ``>`` for the two byte orders of TIFF, None for anything else."""
    return _BYTE_ORDERS.get(data[:2])


def entries(data: bytes, order: str, start: int, big: bool = False) -> Iterator[tuple[int, int, int, int]]:
    """Yield (tag, type, count, position of the value field) for each whole entry of the directory at ``start``.

    ``big`` reads BigTIFF, whose numbers are 64 bits wide.
    """
    layout = struct.Struct(order + ("HHQ" if big else "HHI"))
    entry_bytes, count_format = (20, "Q") if big else (12, "H")
    count_bytes = struct.calcsize(order + count_format)
    if start < 0 or start + count_bytes > len(data):
        return
    (number,) = struct.unpack_from(order + count_format, data, start)
    first = start + count_bytes
    for position in range(first, min(first + number * entry_bytes, len(data) - entry_bytes + 1), entry_bytes):
        yield *layout.unpack_from(data, position), position + layout.size


def orientation(exif: bytes) -> int:
    r"""Return the EXIF orientation, 1 to 8; 1 (upright) when there is none or EXIF is damaged.

    Args:
        exif: the EXIF block, with or without ``Exif\0\0`` in front of it.

    >>> orientation(b"Exif\0\0MM\0*\0\0\0\x08" + b"\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0")
    6
    >>> orientation(b"rubbish")
    1
    """
    tiff = exif.removeprefix(b"Exif\0\0").removeprefix(b"Exif\0\0")  # some writers put it there twice
    order = byte_order(tiff)
    if order is None or len(tiff) < 8 or struct.unpack_from(order + "H", tiff, 2) != (42,):
        return 1
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    for tag, kind, count, position in entries(tiff, order, start):
        if tag == ORIENTATION_TAG:
            (value,) = struct.unpack_from(order + "H", tiff, position)
            return value if kind == _SHORT and count == 1 and 1 <= value <= 8 else 1
    return 1
