"""RELIABILITY 8: damaged files end in pixels or an ImageError, nothing else, and say nothing.

For more than the quick number of examples: ``TINYSIGHT_FUZZ=5000 pytest tests/preprocess/test_decode_fuzz.py``.
"""

import gc
import os
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_makers import bmp_rle8, exif_block, gradient, saved
from PIL import Image

from tinysight.errors import ImageError
from tinysight.preprocess import Recipe, decode, prepare

EXAMPLES = int(os.environ.get("TINYSIGHT_FUZZ", "400"))
PICTURE = gradient(31, 45) ^ (np.arange(31 * 45 * 3).reshape(31, 45, 3) % 7).astype(np.uint8)
RGB = Image.fromarray(PICTURE)
RGBA = Image.fromarray(np.dstack([PICTURE, PICTURE[..., 0]]))
GREY, BITS, PALETTE, CMYK = RGB.convert("L"), RGB.convert("1"), RGB.quantize(50), RGB.convert("CMYK")
DEEP = Image.fromarray(PICTURE[..., 0].astype(np.uint16) * 257)
MORE = {"save_all": True, "append_images": [RGB.rotate(5)]}
TIFFS = ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")
FILES = [
    *(saved(image, "JPEG") for image in (RGB, GREY, CMYK)),
    *(
        saved(RGB, "JPEG", **options)
        for options in ({"progressive": True}, {"subsampling": 0}, {"exif": exif_block(6)})
    ),
    saved(RGB, "JPEG", restart_marker_blocks=1, icc_profile=b"x" * 300, comment=b"y" * 40),
    *(saved(image, "PNG") for image in (RGB, RGBA, GREY, BITS, PALETTE, DEEP)),
    *(
        saved(image, "PNG", **options)
        for image, options in ((PALETTE, {"transparency": 3}), (RGB, {"exif": exif_block(8)}))
    ),
    saved(RGB, "PNG", **MORE),
    *(saved(image, "GIF") for image in (PALETTE, GREY)),
    *(saved(PALETTE, "GIF", **options) for options in ({"transparency": 3}, {"interlace": 1}, MORE)),
    *(saved(image, "BMP") for image in (RGB, RGBA, PALETTE, BITS)),
    bmp_rle8(PICTURE[..., 1]),
    *(saved(image, "TIFF") for image in (RGB, RGBA, GREY, PALETTE, CMYK, DEEP)),
    *(saved(RGB, "TIFF", compression=name) for name in TIFFS),
    *(saved(BITS, "TIFF", compression=name) for name in ("group3", "group4")),
    *(saved(RGB, "TIFF", **options) for options in ({"big_tiff": True}, {"tiffinfo": {274: 6}}, MORE)),
    *(saved(image, "WEBP", **options) for image, options in ((RGB, {}), (RGBA, {"lossless": True}), (RGB, MORE))),
    saved(RGB, "AVIF"),
]


def test_there_are_at_least_forty_files_and_all_are_good():
    assert len(FILES) >= 40
    for data in FILES:
        assert decode(data).shape[2] == 3


@st.composite
def mutations(draw) -> bytes:
    data = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 8))):
        # Most of what can go wrong is decided near the front, in TIFF near the end.
        where = draw(st.one_of(st.integers(0, 80), st.integers(0, len(data)), st.integers(-60, -1)))
        change = draw(st.sampled_from(["set", "flip", "extreme", "cut", "insert", "delete"]))
        at = min(where, len(data) - 1) % len(data)
        if change == "set":
            data[at] = draw(st.integers(0, 255))
        elif change == "flip":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif change == "extreme":
            data[at : at + 4] = draw(
                st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"])
            )
        elif change == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif change == "delete":
            del data[at : at + draw(st.integers(1, 40))]
        else:
            del data[max(at, 1) :]
        if len(data) < 2:
            break
    return bytes(data)


def check(data: bytes, wanted_px: int | None) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            pixels = decode(data, wanted_px=wanted_px)
        except ImageError as error:
            problem = error
        else:
            assert pixels.dtype == np.uint8
            assert pixels.ndim == 3
            assert pixels.shape[2] == 3
            assert prepare(pixels, Recipe(resolution=32)).shape == (32, 32, 3)
            return
    assert str(problem).isprintable()
    assert len(str(problem)) < 300


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=mutations(), wanted_px=st.sampled_from([None, 4]))
def mutated_files(data, wanted_px):
    check(data, wanted_px)


def test_mutated_files_end_in_pixels_or_an_image_error(silent_stderr):
    mutated_files()


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=300), st.sampled_from(FILES).flatmap(lambda f: st.binary(max_size=80).map(f[:20].__add__))
    )
)
def test_any_bytes_end_in_pixels_or_an_image_error(data):
    check(data, None)


@pytest.mark.slow
def test_memory_does_not_grow():
    import tracemalloc

    def round_of_all() -> None:
        for data in FILES:
            for cut in (len(data), len(data) // 2):
                check(data[:cut], None)
        gc.collect()  # Pillow's own cycles are no growth

    round_of_all()
    tracemalloc.start()
    round_of_all()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10):
        round_of_all()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 100_000
