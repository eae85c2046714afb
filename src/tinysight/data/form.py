"""How a picture is stored: what its pixels are, whether it moves, whether it lies on its side.

Read from the file's own header; what pixels are decoded to does not tell. A header that makes no sense gives the
plainest answer, because whether the file is damaged is for the decoder to say.

Sources: ITU T.81 annex B, the PNG specification section 11, GIF89a, WebP's RIFF container, TIFF 6.0 section 8.
"""

from __future__ import annotations

import re
import struct
from typing import Literal, NamedTuple

from tinysight.errors import ImageError
from tinysight.preprocess.containers import reduce
from tinysight.preprocess.exif import byte_order, entries, orientation
from tinysight.preprocess.picture import SizeLimit
from tinysight.preprocess.sniff import Format

Pixels = Literal["colour", "grey", "palette", "transparent", "CMYK", "16-bit"]
_PNG_PIXELS: dict[int, Pixels] = {0: "grey", 3: "palette", 4: "transparent", 6: "transparent"}
_JPEG_PIXELS: dict[int, Pixels] = {1: "grey", 4: "CMYK"}
_TIFF_PIXELS: dict[int, Pixels] = {0: "grey", 1: "grey", 3: "palette", 5: "CMYK"}
_JPEG_FRAME = re.compile(rb"\xff[\xc0-\xc3\xc5-\xc7\xc9-\xcb\xcd-\xcf]..\x08....(.)", re.DOTALL)
_BITS, _PHOTOMETRIC, _EXTRA_SAMPLES = 258, 262, 338
_GIF_SCREEN_BYTES = 13
_MOST_BLOCKS = 10_000  # of a GIF, up to its second picture


class Form(NamedTuple):
    """How a picture is stored.

    Args:
        pixels: what a pixel is, ``colour`` for RGB in 8 bits.
        moves: whether there are further frames or pages, of which only the first is used.
        turned: whether EXIF says to turn it; the pixels we use are upright.
    """

    pixels: Pixels = "colour"
    moves: bool = False
    turned: bool = False


PLAIN = Form()


def read_form(kind: Format, data: bytes) -> Form:
    """Return the form of a whole file's bytes; ``kind`` is what ``sniff`` found."""
    try:
        if kind == "PNG":
            return _png(data)
        if kind == "JPEG":
            return _jpeg(data)
        if kind == "GIF":
            return Form("palette", moves=_gif_moves(data))
        if kind == "WEBP":
            return _webp(data)
        if kind == "TIFF":
            return _tiff(data)
    except (ImageError, IndexError, OverflowError, struct.error):
        return PLAIN
    if kind == "BMP":
        return Form("palette" if 0 < int.from_bytes(data[28:30], "little") <= 8 else "colour")
    return Form(moves=b"avis" in data[:64])


def _png(data: bytes) -> Form:
    depth, colour = data[24], data[25]
    head = data[: data.find(b"IDAT")]
    pixels = _PNG_PIXELS.get(colour, "colour")
    if b"tRNS" in head:
        pixels = "transparent"
    turned = orientation(reduce("PNG", data, SizeLimit()).exif) > 1 if b"eXIf" in head else False
    return Form("16-bit" if depth == 16 else pixels, b"acTL" in head, turned)


def _jpeg(data: bytes) -> Form:
    reduced = reduce("JPEG", data, SizeLimit())
    frame = _JPEG_FRAME.search(reduced.data)
    return Form(_JPEG_PIXELS.get(frame[1][0], "colour") if frame else "colour", turned=orientation(reduced.exif) > 1)


def _gif_moves(data: bytes) -> bool:
    position = _GIF_SCREEN_BYTES + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    pictures = 0
    for _ in range(_MOST_BLOCKS):
        introducer = data[position]
        if introducer == 0x2C:
            pictures += 1
            if pictures == 2:
                return True
            flags = data[position + 9]
            position += 11 + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)
        elif introducer == 0x21:
            position += 2
        else:
            return False
        while length := data[position]:
            position += 1 + length
        position += 1
    return False


def _webp(data: bytes) -> Form:
    if data[12:16] == b"VP8X":
        return Form("transparent" if data[20] & 0x10 else "colour", moves=bool(data[20] & 0x02))
    has_alpha = data[12:16] == b"VP8L" and bool(data[24] & 0x10)
    return Form("transparent" if has_alpha else "colour")


def _tiff(data: bytes) -> Form:
    order = byte_order(data)
    if order is None or 43 in data[2:4]:  # BigTIFF, which nobody's photos are
        return PLAIN
    (start,) = struct.unpack_from(order + "I", data, 4)
    tags: dict[int, int] = {}
    for tag, kind, count, position in entries(data, order, start):
        if tag == _BITS and count > 2:  # too many to lie in the entry itself
            (position,) = struct.unpack_from(order + "I", data, position)
        if kind == 3:
            (tags[tag],) = struct.unpack_from(order + "H", data, position)
    (number,) = struct.unpack_from(order + "H", data, start)
    (following,) = struct.unpack_from(order + "I", data, start + 2 + 12 * number)
    pixels = "transparent" if _EXTRA_SAMPLES in tags else _TIFF_PIXELS.get(tags.get(_PHOTOMETRIC, 2), "colour")
    return Form("16-bit" if tags.get(_BITS) == 16 else pixels, following != 0, 1 < tags.get(274, 1) <= 8)
