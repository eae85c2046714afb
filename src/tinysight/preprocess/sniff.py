"""Tell what a file is by its content; its name says nothing.

The formats on the list are the ones people's photos come in. What else Pillow could open stays closed: each further
decoder is one more that a stranger's file can reach, and one of them (EPS) starts another program.
JPEG 2000 is not on the list, HEIC only where the application has registered a Pillow plugin for it.
"""

from __future__ import annotations

from typing import Literal

from tinysight.errors import ImageError

Format = Literal["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "HEIF"]

ACCEPTED = "JPEG, PNG, WebP, GIF, BMP, TIFF and AVIF"
_HEAD_BYTES = 4096
_BMP_HEADER_BYTES = (12, 40, 52, 56, 64, 108, 124)
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_UNSUPPORTED = (
    (b"%!PS", "EPS or PostScript"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"%PDF", "PDF"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\x01\0", "an icon (ICO)"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"qoif", "QOI"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (b"SIMPLE  =", "FITS"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
)
_NOT_IMAGES = (
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself; run: git lfs pull"),
    (b"\x1f\x8b", "gzip-compressed data; decompress it first"),
    (b"PK\x03\x04", "a zip archive; unpack it first"),
    (b"PK\x05\x06", "an empty zip archive"),
)


def sniff(data: bytes) -> Format:
    """Return the format of a whole file's bytes.

    Raises:
        ImageError: ``empty``, ``unsupported_format`` (a picture or video, but not of a kind that is read),
            ``not_an_image``, or ``corrupt`` for a PNG that was damaged as text.
    """
    if not data:
        raise ImageError("empty", "the file is empty")
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(_TIFF_STARTS):
        return "TIFF"
    if data.startswith(b"BM") and (len(data) < 18 or int.from_bytes(data[14:18], "little") in _BMP_HEADER_BYTES):
        return "BMP"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _iso_media(data)
    raise _refusal(data)


def _iso_media(data: bytes) -> Format:
    box = data[: min(int.from_bytes(data[:4], "big"), _HEAD_BYTES)]
    brands = {box[8:12], *(box[at : at + 4] for at in range(16, len(box), 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    if len(data) < 16:
        raise ImageError("truncated", "the file is cut short before it says what it is")
    raise ImageError("unsupported_format", f"this is an MP4 or a similar video; {ACCEPTED} are read")


def _refusal(data: bytes) -> ImageError:
    head = data[:_HEAD_BYTES]
    for start, kind in _UNSUPPORTED:
        if head.startswith(start):
            return ImageError("unsupported_format", f"this is {kind}; {ACCEPTED} are read")
    if head.startswith(b"\x89PNG"):
        return ImageError("corrupt", "damaged PNG: its first bytes were changed, as a transfer in text mode does")
    for start, kind in _NOT_IMAGES:
        if head.startswith(start):
            return ImageError("not_an_image", f"this is {kind}")
    lower = head.lower()
    if b"<svg" in lower:
        return ImageError("unsupported_format", f"this is SVG, a drawing; {ACCEPTED} are read")
    if b"<html" in lower or b"<!doctype html" in lower:
        return ImageError("not_an_image", "this is a web page (HTML), perhaps saved in place of the picture")
    if _looks_like_text(head):
        return ImageError("not_an_image", "this is text, not a picture")
    return ImageError("not_an_image", f"not a picture in a known format (it starts with {head[:8].hex(' ')})")


def _looks_like_text(head: bytes) -> bool:
    readable = sum(byte in b"\t\n\r\f" or byte >= 0x20 for byte in head)
    plain = sum(byte in b"\t\n\r\f" or 0x20 <= byte < 0x7F for byte in head)
    return len(head) > 1 and readable == len(head) and plain >= 0.7 * len(head)
