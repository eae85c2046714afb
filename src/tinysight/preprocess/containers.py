"""Read the containers ourselves before a decoder sees them: how large, which way up, and nothing that does not matter.

Metadata is where small files become large costs: a JPEG of empty segments takes a kilobyte of memory for each, a
PNG comment of 64 kB unpacks to 64 MB. Pixels need none of it. So a picture in JPEG, PNG or GIF is handed on with only
what its pixels depend on, its size is known before a decoder has allocated anything, and the number of parts looked at
is bounded. TIFF cannot be cut down (it is a web of offsets), so its directory is checked instead.

Sources: the PNG specification section 5, GIF89a, TIFF 6.0 section 2, WebP's RIFF container, ISO/IEC 14496-12 section 4.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator

from tinysight.errors import ImageError
from tinysight.preprocess.exif import byte_order, entries
from tinysight.preprocess.jpeg import reduce_jpeg
from tinysight.preprocess.picture import MAX_PARTS, Reduced, SizeLimit
from tinysight.preprocess.sniff import Format

# Run-length coded bitmaps are decoded by a Python loop, about 2 s for this many pixels or bytes.
_MAX_RLE = 16_000_000
# Numbers in one TIFF tag: one strip for each row of the tallest picture, or tiles of 16 x 16 pixels.
_MAX_TIFF_VALUES = 262_144


def reduce(kind: Format, data: bytes, limit: SizeLimit) -> Reduced:
    """Return the picture in ``data`` without the metadata around it.

    Args:
        kind: what ``sniff`` found.
        data: the whole file.
        limit: asked with (width, height) as soon as they are known.

    Raises:
        ImageError: ``truncated``, ``corrupt``, ``too_slow``, ``too_many_pixels``, ``unsupported_pixels``.
    """
    try:
        return _READERS[kind](data, limit)
    except (IndexError, OverflowError, struct.error) as error:  # the data ended inside a field
        raise ImageError("truncated", f"the {kind} file is cut short") from error


def _png(data: bytes, limit: SizeLimit) -> Reduced:
    if data[12:16] != b"IHDR":
        raise ImageError("truncated" if len(data) < 16 else "corrupt", "the PNG file does not begin with its size")
    width, height, bit_depth = struct.unpack_from(">IIB", data, 16)
    limit.check(width, height)
    kept, exif, position, parts = [data[:8]], b"", 8, 0
    while position + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if not name.isalpha():
            raise ImageError("corrupt", "damaged PNG: what should be a chunk is none")
        if name == b"eXIf":
            exif = data[position + 8 : end - 4]
        if name == b"IDAT":
            _check_sum(data, position + 4, end - 4)
        if name[:1].isupper() or name == b"tRNS":  # an upper-case first letter means the pixels depend on it
            kept.append(data[position:end])
        if name == b"IEND":
            break
        position, parts = end, parts + 1
        if parts > MAX_PARTS:
            raise ImageError("too_slow", f"the PNG file has over {MAX_PARTS:,} chunks")
    return Reduced(b"".join(kept), (width, height), exif, bit_depth)


def _check_sum(data: bytes, start: int, end: int) -> None:
    # Pillow leaves the sums of pixel data unchecked.
    if zlib.crc32(memoryview(data)[start:end]) != struct.unpack_from(">I", data, end)[0]:
        raise ImageError("corrupt", "damaged PNG: a checksum over its pixels is wrong")


def _gif(data: bytes, limit: SizeLimit) -> Reduced:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    position = 13 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
    screen, control, parts = data[:position], b"", 0
    while (introducer := data[position]) != 0x2C:  # the first image
        if introducer == 0x21:
            start, position = position, position + 2
            while length := data[position]:
                position, parts = position + 1 + length, parts + 1
            if data[start + 1] == 0xF9:  # graphic control: transparency
                control = data[start : position + 1]
        elif introducer != 0:
            raise ImageError("corrupt", "the GIF file holds no picture")
        position, parts = position + 1, parts + 1
        if parts > MAX_PARTS:
            raise ImageError("too_slow", f"the GIF file has over {MAX_PARTS:,} blocks before its first picture")
    left, top, frame_width, frame_height = struct.unpack_from("<HHHH", data, position + 1)
    size = (max(width, left + frame_width), max(height, top + frame_height))
    limit.check(*size)
    return Reduced(b"".join([screen, control, memoryview(data)[position:]]), size)


def _bmp(data: bytes, limit: SizeLimit) -> Reduced:
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    if header_bytes == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height, compression = struct.unpack_from("<ii4xI", data, 18)
        if compression in (1, 2) and max(len(data), abs(width * height)) > _MAX_RLE:
            raise ImageError("too_slow", f"a run-length coded BMP file may have {_MAX_RLE:,} bytes and pixels")
    limit.check(abs(width), abs(height))
    return Reduced(data)


def _webp(data: bytes, limit: SizeLimit) -> Reduced:
    if struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise IndexError
    size = None
    chunk = data[12:16]
    if chunk == b"VP8X":
        size = tuple(1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
    elif chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        size = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    elif chunk == b"VP8 ":
        size = tuple(side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    if size is not None:
        limit.check(*size)
    return Reduced(data)


def _iso_media(data: bytes, _: SizeLimit) -> Reduced:
    """Check that the boxes of an AVIF or HEIF file are all there; what they hold is left to the decoder."""
    for _name, _start, end in _boxes(data):
        if end > len(data):
            raise IndexError
    return Reduced(data)


def _avif(data: bytes, limit: SizeLimit) -> Reduced:
    """Hide the EXIF item as well: which way up an AVIF is, boxes of its own say, and Pillow fails on damaged EXIF."""
    _iso_media(data, limit)
    for name, start, end in _boxes(data):
        if name == b"meta" and b"Exif" in data[start:end]:
            meta = data[start:end].replace(b"Exif", b"hide")
            return Reduced(b"".join([data[:start], meta, memoryview(data)[end:]]))
    return Reduced(data)


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, start, end) of the outer boxes up to the last that matters; ``end`` may lie behind the data's."""
    position, missing = 0, {b"meta", b"mdat"}
    for _ in range(MAX_PARTS):
        length, name = struct.unpack_from(">I4s", data, position)
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, position + 8)
        elif length == 0:  # up to the end of the file
            length = len(data) - position
        start, position = position, position + max(length, 8)
        yield name, start, position
        missing.discard(name)
        if not missing:
            return


_TIFF_INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_TIFF_BLOBS = (1, 2, 6, 7)  # byte strings stay as they are; anything else becomes a list of Python numbers
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _TILE_WIDTH, _TILE_HEIGHT = 256, 257, 258, 262, 322, 323


def _tiff(data: bytes, limit: SizeLimit) -> Reduced:
    order = byte_order(data)
    if order is None:  # never after sniff
        raise ImageError("corrupt", "the TIFF file has no byte order")
    big = 43 in data[2:4]
    (start,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (number,) = struct.unpack_from(order + ("Q" if big else "H"), data, start)
    if number > MAX_PARTS:
        raise ImageError("too_slow", f"the TIFF file has over {MAX_PARTS:,} tags")
    numbers: dict[int, int] = {}
    found = 0
    for tag, kind, count, position in entries(data, order, start, big):
        found += 1
        if count > _MAX_TIFF_VALUES and kind not in _TIFF_BLOBS:
            reason = "corrupt" if count > len(data) else "too_slow"
            raise ImageError(reason, f"the TIFF file has a tag of {count:,} numbers; {_MAX_TIFF_VALUES:,} are read")
        if kind in _TIFF_INTEGERS and count == 1:
            (value,) = struct.unpack_from(order + _TIFF_INTEGERS[kind], data, position)
            numbers[tag] = max(value, numbers.get(tag, 0))
    if found < number:
        raise IndexError
    limit.check(numbers.get(_WIDTH, 0), numbers.get(_HEIGHT, 0))
    # A tile is decoded whole, however little of it the picture shows.
    limit.check(numbers.get(_TILE_WIDTH, 1), numbers.get(_TILE_HEIGHT, 1))
    return Reduced(data, bit_depth=numbers.get(_BITS, 1), white_is_zero=numbers.get(_PHOTOMETRIC, 0) == 0)


_READERS: dict[Format, Callable[[bytes, SizeLimit], Reduced]] = {
    "JPEG": reduce_jpeg,
    "PNG": _png,
    "GIF": _gif,
    "BMP": _bmp,
    "WEBP": _webp,
    "TIFF": _tiff,
    "AVIF": _avif,
    "HEIF": _iso_media,
}
