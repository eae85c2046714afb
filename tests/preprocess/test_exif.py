"""RELIABILITY 4: which way up a picture is, in every format that can say so, and what damage does."""

import io
import struct
import time

import numpy as np
import pytest
from picture_makers import exif_block, gradient, png, png_chunk, saved, stored_turned
from PIL import Image, ImageOps

from tinysight.preprocess import decode, read_picture
from tinysight.preprocess.exif import orientation

UPRIGHT = gradient(48, 32)
LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "TIFF": {}}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", range(1, 9))
def test_jpeg_of_each_orientation_comes_out_upright(value, order):
    data = saved(stored_turned(UPRIGHT, value), "JPEG", quality=95, subsampling=0, exif=exif_block(value, order))
    picture = read_picture(data)
    assert (picture.width, picture.height) == (32, 48)
    assert picture.pixels.shape == UPRIGHT.shape
    assert np.abs(picture.pixels.astype(int) - UPRIGHT).max() <= 8


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("kind", LOSSLESS)
def test_other_formats_come_out_upright_to_the_bit(kind, value):
    block = exif_block(value)
    tags = {"tiffinfo": {274: value}} if kind == "TIFF" else {"exif": block}
    picture = read_picture(saved(stored_turned(UPRIGHT, value), kind, **tags, **LOSSLESS[kind]))
    assert (picture.width, picture.height) == (32, 48)
    np.testing.assert_array_equal(picture.pixels, UPRIGHT)


def test_avif_comes_out_upright():
    data = saved(stored_turned(UPRIGHT, 6), "AVIF", quality=95, subsampling="4:4:4", exif=exif_block(6))
    assert np.abs(decode(data).astype(int) - UPRIGHT).max() <= 12


def test_png_may_say_it_after_its_pixels():
    data = saved(stored_turned(UPRIGHT, 8), "PNG")
    late = data[:-12] + png_chunk(b"eXIf", exif_block(8)[6:]) + data[-12:]
    np.testing.assert_array_equal(decode(late), UPRIGHT)


def test_the_size_of_a_turned_picture_that_was_decoded_smaller():
    stored = stored_turned(gradient(1200, 900), 6)
    picture = read_picture(saved(stored, "JPEG", exif=exif_block(6)), wanted_px=100)
    assert (picture.width, picture.height) == (900, 1200)
    assert picture.pixels.shape == (300, 225, 3)


BROKEN = {
    "zero": exif_block(0),
    "nine": exif_block(9),
    "65535": exif_block(65535),
    "garbage": b"Exif\0\0" + bytes(range(7, 250)),
    "empty": b"Exif\0\0",
    "cut": exif_block(6)[:14],
    "cut in the entry": exif_block(6)[:20],
    "huge count": exif_block(6, count=2**31 - 1),
    "other type": exif_block(6, kind=2),
    "directory that points at itself": exif_block(1, next_directory=8),
    "directory far away": b"Exif\0\0II*\0\xff\xff\xff\x7f",
    "wrong magic": exif_block(6).replace(b"II*\0", b"II+\0"),
}


# Pillow writes an AVIF's orientation as a box of its own and leaves no EXIF that holds only that.
OTHER_TAG = exif_block(1).replace(b"\x12\x01\x03", b"\x12\x02\x03")


@pytest.mark.parametrize("block", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_damaged_exif_means_upright(kind, block, silent_stderr):
    plain = saved(UPRIGHT, kind)
    data = saved(UPRIGHT, kind, exif=OTHER_TAG if kind == "AVIF" else exif_block(6))
    if kind == "PNG":
        data = plain[:33] + png_chunk(b"eXIf", block[6:]) + plain[33:]
    elif kind == "JPEG":
        data = plain[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + plain[2:]
    else:  # same length, so that the lengths around it stay right
        good = OTHER_TAG[6:] if kind == "AVIF" else exif_block(6)[6:]
        at = data.index(good)
        data = data[:at] + block[6:][: len(good)].ljust(len(good), b"\0") + data[at + len(good) :]
    picture = read_picture(data)
    assert (picture.width, picture.height) == (32, 48)
    np.testing.assert_array_equal(picture.pixels, decode(plain))


def test_damaged_directories_of_a_tiff_are_not_read(silent_stderr):
    """Pillow would read all 600,000 entries of this EXIF directory before it gave the pixels."""
    tags = [(256, 4, 8), (257, 4, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 16), (278, 4, 1), (34665, 4, 300)]
    directory = struct.pack("<Q", len(tags)) + b"".join(struct.pack("<HHQQ", t, k, 1, v) for t, k, v in tags)
    data = (b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + directory).ljust(300, b"\0")
    data += struct.pack("<Q", 600_000) + b"".join(struct.pack("<HHQQ", i % 60_000, 3, 1, 1) for i in range(600_000))
    start = time.process_time()
    assert decode(data).shape == (1, 8, 3)
    assert time.process_time() - start < 0.3


def test_only_the_first_block_and_twice_the_signature():
    assert orientation(b"Exif\0\0" + exif_block(5)) == 5
    assert orientation(exif_block(7, ">")[6:]) == 7
    assert orientation(b"") == 1
    assert [orientation(exif_block(value)) for value in range(11)] == [1, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1]


def test_a_pillow_image_is_turned_once():
    file = saved(stored_turned(UPRIGHT, 6), "PNG", exif=exif_block(6))
    with Image.open(io.BytesIO(file)) as image:
        np.testing.assert_array_equal(decode(image), UPRIGHT)
        np.testing.assert_array_equal(decode(ImageOps.exif_transpose(image)), UPRIGHT)


def test_a_black_row_shows_which_way_the_corner_went():
    """Orientation 6 by hand: the top of the scene is stored at the left."""
    stored = png(3, 2, 8, 0, b"\0\x0a\x14\x1e\0\x28\x32\x3c", png_chunk(b"eXIf", exif_block(6)[6:]))
    assert decode(stored)[..., 0].tolist() == [[40, 10], [50, 20], [60, 30]]
