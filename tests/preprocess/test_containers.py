"""Formats by content, sizes before pixels, and files made to cost much: all refused early or read cheaply."""

import struct

import numpy as np
import pytest
from picture_makers import bmp_rle8, exif_block, gradient, measured, png, png_chunk, saved, tiff
from PIL import Image

from tinysight.errors import ImageError
from tinysight.preprocess import decode
from tinysight.preprocess.containers import reduce
from tinysight.preprocess.picture import MAX_PARTS, SizeLimit
from tinysight.preprocess.sniff import sniff

PICTURE = gradient(40, 56)
GREY = Image.fromarray(PICTURE[..., 0])
PALETTE = Image.fromarray(PICTURE).quantize(64)
TIFF_BASE = {256: (4, 1, 10), 257: (4, 1, 10), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 277: (3, 1, 1)}


def reason_of(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(data)
    assert str(caught.value).isprintable()
    return caught.value.reason


FORMATS = {"JPEG": {}, "PNG": {}, "GIF": {}, "BMP": {}, "TIFF": {}, "WEBP": {}, "AVIF": {}}


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_is_known_by_its_content(kind):
    assert sniff(saved(PICTURE, kind)) == kind


@pytest.mark.parametrize(
    ("start", "reason", "words"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported_format", "PostScript"),
        (b"%PDF-1.7\n", "unsupported_format", "PDF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "unsupported_format", "JPEG 2000"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomiso2", "unsupported_format", "MP4"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x08meta\0\0\0\x08mdat", "unsupported_format", "HEIC"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE x>\n<svg>", "unsupported_format", "SVG"),
        (b"<!DOCTYPE html><title>404</title>", "not_an_image", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "not_an_image", "git lfs pull"),
        (b"\x1f\x8b\x08\0", "not_an_image", "gzip"),
        (b"PK\x03\x04", "not_an_image", "zip"),
        (b'{"error": "no such picture"}', "not_an_image", "text"),
        (b"BMW is a car, and this is text\n", "not_an_image", "text"),
        (b"\0\0\0\0\0\0\0\0", "not_an_image", "00 00 00 00"),
        (b"\xff", "not_an_image", "ff"),
        (b"RIFF\0\0\0\0WAVE", "not_an_image", "52 49 46 46"),
        (b"\x89PNG\n\x1a\n\0\0", "corrupt", "text mode"),
        (b"", "empty", "empty"),
    ],
)
def test_what_is_no_picture_is_said_helpfully(start, reason, words):
    with pytest.raises(ImageError, match=words) as caught:
        decode(start)
    assert caught.value.reason == reason


def test_heic_is_read_where_a_plugin_is_registered(monkeypatch):
    def factory(stream, _name):
        stream.read()
        return Image.fromarray(PICTURE)

    monkeypatch.setitem(Image.OPEN, "HEIF", (factory, None))
    box = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"
    np.testing.assert_array_equal(decode(box + b"\0\0\0\x08meta\0\0\0\x08mdat"), PICTURE)


VARIANTS = {
    "JPEG": saved(PICTURE, "JPEG"),
    "JPEG progressive": saved(PICTURE, "JPEG", progressive=True),
    "JPEG grey": saved(GREY, "JPEG"),
    "JPEG CMYK": saved(Image.fromarray(PICTURE).convert("CMYK"), "JPEG"),
    "JPEG restart": saved(PICTURE, "JPEG", restart_marker_rows=1),
    "PNG": saved(PICTURE, "PNG"),
    "PNG palette": saved(PALETTE, "PNG"),
    "GIF": saved(PALETTE, "GIF"),
    "GIF animated": saved(PALETTE, "GIF", save_all=True, append_images=[PALETTE.rotate(90)]),
    "BMP": saved(PICTURE, "BMP"),
    "BMP palette": saved(PALETTE, "BMP"),
    "BMP RLE": bmp_rle8(PICTURE[..., 0]),
    "TIFF": saved(PICTURE, "TIFF"),
    "TIFF LZW": saved(PICTURE, "TIFF", compression="tiff_lzw"),
    "TIFF deflate": saved(PICTURE, "TIFF", compression="tiff_adobe_deflate"),
    "TIFF JPEG": saved(PICTURE, "TIFF", compression="jpeg"),
    "TIFF G4": saved(GREY.convert("1"), "TIFF", compression="group4"),
    "TIFF big": saved(PICTURE, "TIFF", big_tiff=True),
    "WebP": saved(PICTURE, "WEBP"),
    "WebP lossless": saved(PICTURE, "WEBP", lossless=True),
    "WebP extended": saved(PICTURE, "WEBP", exif=exif_block(1)),
    "AVIF": saved(PICTURE, "AVIF"),
}


@pytest.mark.parametrize("data", VARIANTS.values(), ids=VARIANTS)
def test_a_picture_cut_anywhere_is_refused_unless_all_its_pixels_are_there(data, silent_stderr):
    whole = decode(data)
    reasons = set()
    for length in {*range(1, len(data), max(1, len(data) // 60)), *range(len(data) - 8, len(data))}:
        try:
            pixels = decode(data[:length])
        except ImageError as error:
            reasons.add(error.reason)
        else:
            np.testing.assert_array_equal(pixels, whole)
    assert "truncated" in reasons
    assert reasons <= {"truncated", "corrupt", "not_an_image"}


@pytest.mark.parametrize("data", VARIANTS.values(), ids=VARIANTS)
def test_half_a_picture_is_called_truncated(data):
    if data is not VARIANTS["GIF animated"]:
        assert reason_of(data[: len(data) // 2]) == "truncated"


def gif_head(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)


GIF_FRAME = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;"
JPEG = VARIANTS["JPEG"]
MANY = {
    "PNG chunks before": VARIANTS["PNG"][:33] + png_chunk(b"abCd", b"") * (MAX_PARTS + 1) + VARIANTS["PNG"][33:],
    "PNG chunks after": VARIANTS["PNG"][:-12] + png_chunk(b"tEXt", b"a\0b") * (MAX_PARTS + 1) + VARIANTS["PNG"][-12:],
    "JPEG segments": JPEG[:2] + b"\xff\xe5\0\2" * (MAX_PARTS + 1) + JPEG[2:],
    "GIF comments": gif_head(1, 1) + b"!\xfe\1a\0" * MAX_PARTS + GIF_FRAME,
    "GIF sub-blocks": gif_head(1, 1) + b"!\xfe" + b"\1a" * (MAX_PARTS + 1) + b"\0" + GIF_FRAME,
    "TIFF numbers": tiff(TIFF_BASE | {258: (3, 300_000, 200)}, b"\x08\0" * 300_000),
    "BMP runs": bmp_rle8(np.zeros((1, 1))).replace(struct.pack("<ii", 1, 1), struct.pack("<ii", 4001, 4000)),
}


@pytest.mark.parametrize("data", MANY.values(), ids=MANY)
def test_too_many_parts_are_too_slow(data):
    assert reason_of(data) == "too_slow"


def test_bigtiff_directories_are_counted():
    data = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, MAX_PARTS + 1) + bytes(20 * (MAX_PARTS + 1))
    assert reason_of(data) == "too_slow"


def test_junk_between_jpeg_segments_is_bounded():
    np.testing.assert_array_equal(decode(JPEG[:20] + bytes(1000) + JPEG[20:]), decode(JPEG))
    assert reason_of(JPEG[:20] + bytes(70_000) + JPEG[20:]) == "corrupt"


def test_a_jpeg_with_too_many_scans_for_its_size_is_too_slow():
    data = saved(Image.new("L", (2000, 2000), 90), "JPEG", progressive=True)
    first = data.index(b"\xff\xda")
    second = data.index(b"\xff\xda", first + 2)
    scan = data[second : data.index(b"\xff", second + 2)]
    assert reason_of(data[:-2] + scan * 400 + data[-2:]) == "too_slow"  # 400 allowed at 4 megapixels, and 6 are there
    few = JPEG[:-2] + b"\xff\xfe" + struct.pack(">H", 60_002) + b"\xff\xda" * 30_000 + JPEG[-2:]
    np.testing.assert_array_equal(decode(few), decode(JPEG))  # not a scan, only a comment full of its marker


BOMBS = {
    "PNG": png(30_000, 30_000, 1, 0, b""),
    "PNG of 2^31": png(2**31 - 1, 2**31 - 1, 8, 2, b""),
    "PNG one too many": png(8001, 8000, 1, 0, b""),
    "PNG too long": png(131_073, 1, 1, 0, b""),
    "JPEG": JPEG.replace(struct.pack(">HH", 40, 56), b"\xff\xff\xff\xff"),
    "GIF canvas": gif_head(65_535, 65_535) + GIF_FRAME,
    "GIF frame": gif_head(1, 1) + b",\0\0\0\0" + struct.pack("<HH", 9400, 9400) + GIF_FRAME[9:],
    "GIF frame that is put back": gif_head(1, 1)
    + b"!\xf9\4\x08\0\0\0\0,\0\0\0\0"
    + struct.pack("<HH", 9400, 9400)
    + GIF_FRAME[9:],
    "BMP": VARIANTS["BMP"].replace(struct.pack("<ii", 56, 40), struct.pack("<ii", 60_000, -60_000)),
    "TIFF": tiff(TIFF_BASE | {256: (4, 1, 100_000), 257: (4, 1, 100_000)}),
    "TIFF tile": tiff(TIFF_BASE | {259: (3, 1, 8), 322: (4, 1, 30_000), 323: (4, 1, 30_000), 324: (4, 1, 8)}),
    "WebP VP8L": b"RIFF\x16\0\0\0WEBPVP8L\x09\0\0\0\x2f\xfe\xff\xff\x0f\0\0\0\0\0",
    "WebP VP8X": b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\0\xff\xff\0",
    "WebP VP8": b"RIFF\x16\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\xff\x3f\xff\x3f",
}


def test_a_picture_of_too_many_pixels_is_refused_before_it_takes_memory_or_time(tmp_path):
    for name, data in BOMBS.items():
        (tmp_path / name).write_bytes(data)
    for name, (answer, seconds, grown_kb) in zip(BOMBS, measured(tmp_path / name for name in BOMBS), strict=True):
        assert (name, answer) == (name, "too_many_pixels")
        assert seconds < 0.3, name
        assert grown_kb < 20_000, name


@pytest.mark.parametrize("name", [name for name in VARIANTS if name != "AVIF"])
def test_the_size_is_known_before_a_decoder_is_asked(name):
    data = VARIANTS[name]
    reduce(sniff(data), data, SizeLimit(40 * 56))
    with pytest.raises(ImageError, match="56 x 40 pixels"):
        reduce(sniff(data), data, SizeLimit(40 * 56 - 1))


def test_the_bits_of_a_lossless_webp_size():
    data = saved(gradient(3, 700), "WEBP", lossless=True)
    with pytest.raises(ImageError, match="700 x 3 pixels"):
        reduce("WEBP", data, SizeLimit(1))


@pytest.mark.parametrize("kind", FORMATS)
def test_the_limit_holds_for_each_format(kind):
    data = saved(PICTURE, kind)
    assert decode(data, max_pixels=40 * 56).shape == (40, 56, 3)
    with pytest.raises(ImageError, match="56 x 40 pixels; at most 2,239"):
        decode(data, max_pixels=40 * 56 - 1)


def test_the_limit_itself_is_allowed():
    row = b"\0" * 1001
    assert decode(png(8000, 100, 1, 0, row * 100), max_pixels=800_000).shape == (100, 8000, 3)
    with pytest.raises(ImageError, match="at most 799,999"):
        decode(png(8000, 100, 1, 0, row * 100), max_pixels=799_999)


def test_metadata_never_reaches_the_decoder():
    limit = SizeLimit()
    exif = exif_block(6)
    jpeg = saved(PICTURE, "JPEG", exif=exif, comment=b"<script>", icc_profile=b"x" * 70_000)
    reduced = reduce("JPEG", jpeg, limit)
    assert reduced.exif == exif
    assert reduced.size == (56, 40)
    assert len(reduced.data) < len(JPEG) + 10
    assert b"<script>" not in reduced.data
    bomb = png_chunk(b"zTXt", b"a\0\0" + b"x" * 5000) + png_chunk(b"iCCP", b"a\0\0nonsense") + png_chunk(b"acTL", b"")
    plain = VARIANTS["PNG"]
    assert reduce("PNG", plain[:33] + bomb + plain[33:], limit).data == plain
    plain = VARIANTS["GIF"]
    start = 13 + (3 << ((plain[10] & 7) + 1))
    assert reduce("GIF", plain[:start] + b"!\xfe\2hi\0\0" + plain[start:], limit).data == plain


DAMAGED = {
    "PNG pixel checksum": (VARIANTS["PNG"][:-14] + b"\0" + VARIANTS["PNG"][-13:], "corrupt"),
    "PNG without pixels": (VARIANTS["PNG"][:33] + VARIANTS["PNG"][-12:], "corrupt"),
    "PNG chunk name": (VARIANTS["PNG"].replace(b"IDAT", b"I\x1b[m"), "corrupt"),
    "PNG of no width": (png(0, 8, 8, 2, b""), "corrupt"),
    "JPEG without size": (JPEG[:2] + JPEG[JPEG.index(b"\xff\xda") :], "corrupt"),
    "JPEG of 12 bits": (JPEG.replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c"), "unsupported_pixels"),
    "JPEG of two sizes": (
        JPEG.replace(b"\xff\xdb", b"\xff\xc0\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0\xff\xdb", 1),
        "corrupt",
    ),
    "JPEG that ends early": (b"\xff\xd8\xff\xd9", "corrupt"),
    "GIF without picture": (gif_head(1, 1) + b";", "corrupt"),
    "TIFF without size": (tiff({258: (3, 1, 8)}), "corrupt"),
    "TIFF of odd samples": (tiff(TIFF_BASE | {258: (3, 1, 11), 273: (4, 1, 8)}), "unsupported_pixels"),
    "TIFF cut in its directory": (tiff(TIFF_BASE)[:50], "truncated"),
    "TIFF far directory": (b"II*\0\xff\xff\xff\xff", "truncated"),
    "BigTIFF far directory": (b"II+\0\x08\0\0\0" + b"\xff" * 8, "truncated"),
    "WebP chunk": (b"RIFF\x16\0\0\0WEBPVP8L\x09\0\0\0\x2f\0\0\0\0\0\0\0\0\0", "corrupt"),
}


@pytest.mark.parametrize(("data", "reason"), DAMAGED.values(), ids=DAMAGED)
def test_damage_has_a_name(data, reason, silent_stderr):
    assert reason_of(data) == reason
