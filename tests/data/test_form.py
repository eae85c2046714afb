"""How pictures are stored is read from their headers, and no header, however broken, is an error."""

import numpy as np
import pytest
from data_makers import drawn, encoded
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from tinysight.data.form import Form, read_form
from tinysight.preprocess.sniff import sniff

RGB = drawn(1)
TWO = {"save_all": True, "append_images": [drawn(2)]}
TURNED = Image.Exif()
TURNED[0x0112] = 8
DEEP = Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64))
CASES = [
    ("JPEG", RGB, {}, Form()),
    ("JPEG", RGB, {"progressive": True}, Form()),
    ("JPEG", RGB.convert("L"), {}, Form("grey")),
    ("JPEG", RGB.convert("CMYK"), {}, Form("CMYK")),
    ("JPEG", RGB, {"exif": TURNED}, Form(turned=True)),
    ("PNG", RGB, {}, Form()),
    ("PNG", RGB.convert("L"), {}, Form("grey")),
    ("PNG", RGB.convert("LA"), {}, Form("transparent")),
    ("PNG", RGB, {"transparency": (1, 2, 3)}, Form("transparent")),
    ("PNG", RGB.convert("P"), {}, Form("palette")),
    ("PNG", DEEP, {}, Form("16-bit")),
    ("PNG", RGB, TWO, Form(moves=True)),
    ("PNG", RGB, {"exif": TURNED}, Form(turned=True)),
    ("GIF", RGB, {}, Form("palette")),
    ("GIF", RGB, TWO, Form("palette", moves=True)),
    ("BMP", RGB, {}, Form()),
    ("BMP", RGB.convert("P"), {}, Form("palette")),
    ("TIFF", RGB, {}, Form()),
    ("TIFF", RGB.convert("L"), {}, Form("grey")),
    ("TIFF", RGB.convert("CMYK"), {}, Form("CMYK")),
    ("TIFF", RGB.convert("RGBA"), {}, Form("transparent")),
    ("TIFF", DEEP, {}, Form("16-bit")),
    ("TIFF", RGB, TWO, Form(moves=True)),
    ("WEBP", RGB, {}, Form()),
    ("WEBP", RGB, {"lossless": True}, Form()),
    ("WEBP", RGB.convert("RGBA").rotate(30), {}, Form("transparent")),
    ("WEBP", RGB.convert("RGBA").rotate(30), {"lossless": True}, Form("transparent")),
    ("WEBP", RGB, TWO, Form(moves=True)),
]


@pytest.mark.parametrize(("kind", "image", "options", "form"), CASES)
def test_forms(kind, image, options, form):
    data = encoded(image, kind, **options)
    assert sniff(data) == kind
    assert read_form(kind, data) == form


@given(st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "HEIF"]), st.binary(max_size=200))
@example("GIF", b"GIF89a")
@example("PNG", b"")
@example("TIFF", b"II*\0\xff\xff\xff\xff")
def test_no_bytes_are_an_error(kind, data):
    assert isinstance(read_form(kind, data), Form)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_cut_headers_are_no_error(case):
    kind, image, options, _ = case
    data = encoded(image, kind, **options)
    for end in range(min(len(data), 400)):
        assert isinstance(read_form(kind, data[:end]), Form)
