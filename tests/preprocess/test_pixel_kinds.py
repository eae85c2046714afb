"""What each kind of pixel becomes: RGB, 8 bits, on white."""

import struct

import numpy as np
import pytest
from picture_makers import bmp_rle8, gradient, png, png_chunk, saved, tiff
from PIL import Image

from tinysight.errors import ImageError
from tinysight.preprocess import decode

PICTURE = gradient(24, 36)
GREY = PICTURE[..., 0]
IMAGE = Image.fromarray(PICTURE)


def rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_upper_byte(kind):
    data = saved(Image.fromarray(GREY.astype(np.uint16) * 257), kind)
    np.testing.assert_array_equal(decode(data), rgb(GREY))
    low = Image.fromarray(GREY.astype(np.uint16) * 256 + 255)
    np.testing.assert_array_equal(decode(saved(low, kind)), rgb(GREY))
    np.testing.assert_array_equal(decode(low), rgb(GREY))


def test_16_bit_grey_of_the_other_byte_order():
    values = GREY.astype(">u2") * 257
    np.testing.assert_array_equal(decode(Image.frombytes("I;16B", (36, 24), values.tobytes())), rgb(GREY))


@pytest.mark.parametrize(("bits", "white_is_zero"), [(8, True), (8, False), (12, False), (16, True), (16, False)])
def test_grey_tiff_of_each_depth_and_direction(bits, white_is_zero):
    values = [0, 1, 2**bits // 4, 2**bits - 1]
    if bits == 12:
        body = int("".join(f"{value:012b}" for value in values), 2).to_bytes(6, "big")
    else:
        body = np.array(values, f"<u{bits // 8}").tobytes()
    tags = {256: (4, 1, 4), 257: (4, 1, 1), 258: (3, 1, bits), 259: (3, 1, 1), 262: (3, 1, int(not white_is_zero))}
    tags |= {273: (4, 1, 8 + 2 + 9 * 12 + 4), 277: (3, 1, 1), 278: (4, 1, 1), 279: (4, 1, len(body))}
    expected = [value >> (bits - 8) for value in values]
    if white_is_zero:
        expected = [255 - value for value in expected]
    assert decode(tiff(tags, body))[0, :, 0].tolist() == expected


def test_16_bit_rgb():
    rows = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in PICTURE)
    np.testing.assert_array_equal(decode(png(36, 24, 16, 2, rows)), PICTURE)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_hidden_colours_show_white_and_half_shows_half(kind):
    alpha = np.zeros((24, 36), np.uint8)
    alpha[:8], alpha[8:16] = 255, 128
    shown = decode(
        saved(
            Image.fromarray(np.dstack([PICTURE, alpha])),
            kind,
            **({"lossless": True, "exact": True} if kind == "WEBP" else {}),
        )
    )
    np.testing.assert_array_equal(shown[:8], PICTURE[:8])
    mixed = PICTURE[8:16].astype(float) * 128 / 255 + 255 * (127 / 255)
    assert np.abs(shown[8:16] - mixed).max() <= 1
    assert (shown[16:] == 255).all()


@pytest.mark.parametrize("mode", ["LA", "PA", "La", "RGBa"])
def test_other_kinds_of_alpha(mode):
    alpha = Image.fromarray(np.where(np.arange(24)[:, None] < 12, 255, 0).astype(np.uint8).repeat(36, 1))
    image = IMAGE.convert({"RGBa": "RGB", "PA": "P"}.get(mode, "L"))
    opaque = np.asarray(image.convert("RGB"))
    image.putalpha(alpha)
    if image.mode != mode:
        image = image.convert(mode)
    shown = decode(image)
    np.testing.assert_array_equal(shown[:12], opaque[:12])
    assert (shown[12:] == 255).all()


def test_palette_transparency():
    palette = IMAGE.quantize(32)
    expected = np.asarray(palette.convert("RGB")).copy()
    np.testing.assert_array_equal(decode(saved(palette, "PNG")), expected)
    indexes = np.asarray(palette)
    expected[indexes == 5] = 255
    np.testing.assert_array_equal(decode(saved(palette, "PNG", transparency=5)), expected)
    np.testing.assert_array_equal(decode(saved(palette, "GIF", transparency=5)), expected)
    half = bytes([255] * 5 + [0] + [255] * 26)
    np.testing.assert_array_equal(decode(saved(palette, "PNG", transparency=half)), expected)


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_one_transparent_grey_at_each_depth(depth):
    top = 2**depth - 1
    values = [0, top, top // 2, 1]
    if depth < 8:
        body = int("".join(f"{value:0{depth}b}" for value in values).ljust(16, "0"), 2).to_bytes(2, "big")
        body = body[: (4 * depth + 7) // 8]
    else:
        body = b"".join(value.to_bytes(depth // 8, "big") for value in values)
    data = png(4, 1, depth, 0, b"\0" + body, png_chunk(b"tRNS", struct.pack(">H", top // 2)))
    expected = [255 if value == top // 2 else value * 255 // top for value in values]
    assert decode(data)[0, :, 0].tolist() == expected


@pytest.mark.parametrize("depth", [8, 16])
def test_one_transparent_colour(depth):
    dtype = ">u2" if depth == 16 else "u1"
    factor = 256 if depth == 16 else 1
    pixels = np.array([[[1, 2, 3], [200, 100, 50], [1, 2, 4]]]) * factor
    key = (np.array([200, 100, 50]) * factor).astype(">u2").tobytes()
    data = png(3, 1, depth, 2, b"\0" + pixels.astype(dtype).tobytes(), png_chunk(b"tRNS", key))
    assert decode(data)[0].tolist() == [[1, 2, 3], [255, 255, 255], [1, 2, 4]]


def test_grey_and_one_bit():
    np.testing.assert_array_equal(decode(saved(Image.fromarray(GREY), "PNG")), rgb(GREY))
    bits = Image.fromarray(GREY).convert("1")
    expected = rgb(np.asarray(bits).astype(np.uint8) * 255)
    for kind, options in (("PNG", {}), ("TIFF", {"compression": "group4"}), ("BMP", {})):
        np.testing.assert_array_equal(decode(saved(bits, kind, **options)), expected)


def test_cmyk_is_not_a_negative():
    cmyk = IMAGE.convert("CMYK")
    np.testing.assert_array_equal(decode(saved(cmyk, "TIFF")), PICTURE)
    assert np.abs(decode(saved(cmyk, "JPEG", quality=95)).astype(int) - PICTURE).mean() < 3


def test_jpeg_that_holds_rgb_is_not_read_as_ycc():
    data = saved(IMAGE, "JPEG", quality=95, keep_rgb=True)
    assert np.abs(decode(data).astype(int) - PICTURE).mean() < 3
    # Named 1, 2, 3 as YCC parts are, only the Adobe segment still tells.
    renamed = data.replace(b"R\x11\0G\x11\0B\x11\0", b"\1\x11\0\2\x11\0\3\x11\0").replace(b"R\0G\0B\0", b"\1\0\2\0\3\0")
    assert renamed != data
    np.testing.assert_array_equal(decode(renamed), decode(data))


def test_run_length_coded_bitmap():
    expected = np.stack([GREY, 255 - GREY, GREY], axis=-1)
    np.testing.assert_array_equal(decode(bmp_rle8(GREY)), expected)


@pytest.mark.parametrize("mode", ["YCbCr", "HSV"])
def test_other_colour_spaces_of_pillow_images(mode):
    image = IMAGE.convert(mode)
    np.testing.assert_array_equal(decode(image), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_pixels_without_an_agreed_white_are_refused(mode):
    with pytest.raises(ImageError, match=f"{mode} have no agreed white") as caught:
        decode(Image.new(mode, (4, 4)))
    assert caught.value.reason == "unsupported_pixels"


def test_colour_profiles_are_not_applied():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    np.testing.assert_array_equal(decode(saved(PICTURE, "PNG", icc_profile=profile)), PICTURE)
    np.testing.assert_array_equal(decode(saved(PICTURE, "PNG", icc_profile=b"rubbish")), PICTURE)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_the_first_frame_is_the_picture(kind):
    frames = [IMAGE.quantize(32).convert("RGB"), Image.new("RGB", (36, 24)), Image.new("RGB", (36, 24), "red")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(decode(data), np.asarray(frames[0]))


def test_a_large_picture_is_composited_in_bands_without_seams(monkeypatch):
    from tinysight.preprocess import pillow

    alpha = np.full((24, 36), 77, np.uint8)
    data = saved(Image.fromarray(np.dstack([PICTURE, alpha])), "PNG")
    whole = decode(data)
    monkeypatch.setattr(pillow, "_BAND_PX", 36 * 7)
    np.testing.assert_array_equal(decode(data), whole)


@pytest.mark.parametrize(
    ("wanted_px", "shape"),
    [(None, (600, 800)), (300, (600, 800)), (150, (300, 400)), (75, (150, 200)), (20, (75, 100))],
)
def test_jpeg_is_decoded_smaller_but_never_below_twice_what_is_wanted(wanted_px, shape):
    pixels = decode(saved(gradient(600, 800), "JPEG", quality=95), wanted_px=wanted_px)
    assert pixels.shape[:2] == shape
    assert wanted_px is None or min(shape) >= 2 * wanted_px
    factor = 600 // shape[0]
    expected = gradient(600, 800).reshape(shape[0], factor, shape[1], factor, 3).mean(axis=(1, 3))
    assert np.abs(pixels - expected).max() < 6


def test_other_formats_ignore_what_is_wanted():
    assert decode(saved(PICTURE, "PNG"), wanted_px=3).shape == PICTURE.shape
