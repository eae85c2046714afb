"""Crop, resize, scale: what the network sees of a picture."""

import hashlib
import importlib
import io
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_makers import gradient, measured
from PIL import Image

from tinysight.errors import UsageError
from tinysight.preprocess import Recipe, crop_box, decode, encode_png, prepare, recipe_named, resize, scale

CENTER = Recipe(resolution=32)


def photo(name: str) -> np.ndarray:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image, a test dependency")
    return getattr(data, name)()


@pytest.mark.parametrize(
    ("height", "width", "recipe", "box"),
    [
        (375, 500, Recipe(), (0, 62, 375, 375)),
        (500, 375, Recipe(), (62, 0, 375, 375)),
        (224, 224, Recipe(), (0, 0, 224, 224)),
        (1000, 2000, Recipe(crop_fraction=0.875), (62, 562, 875, 875)),
        (375, 500, Recipe(crop_fraction=0.875), (23, 86, 328, 328)),
        (375, 500, recipe_named("keras"), (0, 0, 375, 500)),
        (1, 60_000, Recipe(crop_fraction=0.001), (0, 29_999, 1, 1)),
    ],
)
def test_the_part_that_is_seen(height, width, recipe, box):
    assert crop_box(height, width, recipe) == box


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 5000), st.floats(0.01, 1))
def test_the_square_is_inside_and_centred(height, width, fraction):
    top, left, side, other = crop_box(height, width, Recipe(crop_fraction=fraction))
    assert side == other >= 1
    assert abs(side - min(height, width) * fraction) <= 1
    for start, whole in ((top, height), (left, width)):
        assert 0 <= start <= whole - side
        assert 0 <= (whole - side - start) - start <= 1


def test_half_size_averages_pairs_as_the_triangle_filter_does():
    """Along one axis by hand: at half size the weights are 1/8, 3/8, 3/8, 1/8, at the edge 0, 3/7, 3/7, 1/7."""
    row = np.array([0, 70, 140, 210, 0, 0, 0, 0], np.uint8)
    pixels = np.broadcast_to(row[None, :, None], (8, 8, 3)).repeat(8, 0).repeat(8, 1)  # 64 x 64
    assert prepare(pixels, Recipe(resolution=64)).tolist() == pixels.tolist()
    shrunk = resize(np.ascontiguousarray(pixels[::8, ::8]), 4, 4)
    expected = [(70 * 3 + 140) / 7, (70 + 140 * 3 + 210 * 3) / 8, 210 / 8, 0]
    assert shrunk[1, :, 0].tolist() == [round(value) for value in expected]


def test_the_crop_comes_before_the_resize():
    pixels = np.zeros((64, 192, 3), np.uint8)
    pixels[:, 64:128] = 200
    np.testing.assert_array_equal(prepare(pixels, CENTER), np.full((32, 32, 3), 200))
    squashed = prepare(pixels, Recipe(resolution=32, crop="squash"))
    assert squashed[5, 13:19, 1].tolist() == [200] * 6
    assert squashed[5, 0, 1] == squashed[5, 31, 1] == 0


# The network's input for photographs that scikit-image ships; changes only where what the network sees changes.
GOLDEN = {
    ("chelsea", "center"): "1a0055e035510d6f",
    ("chelsea", "center-87.5"): "ce3991dcd54a1059",
    ("chelsea", "keras"): "45bef609c9e71675",
    ("coffee", "center"): "9775d4ff609183fb",
    ("coffee", "center-87.5"): "1b5b9258e1d65251",
    ("coffee", "keras"): "5f6262eccbd03967",
    ("rocket", "center"): "faea6a812575159b",
    ("rocket", "center-87.5"): "71910bcd6a37d7f2",
    ("rocket", "keras"): "ac49fd7b1c1cbf6c",
}


@pytest.mark.parametrize("name", ["center", "center-87.5", "keras"])
@pytest.mark.parametrize("which", ["chelsea", "coffee", "rocket"])
def test_golden_photographs(which, name):
    prepared = prepare(photo(which), recipe_named(name))
    assert prepared.shape == (224, 224, 3)
    assert hashlib.sha256(prepared.tobytes()).hexdigest()[:16] == GOLDEN[which, name]


def test_bicubic_is_sharper_than_bilinear_and_of_the_same_brightness():
    pixels = photo("chelsea")
    soft, sharp = (prepare(pixels, Recipe(resample=name)).astype(float) for name in ("bilinear", "bicubic"))
    assert abs(soft.mean() - sharp.mean()) < 0.1
    assert np.abs(np.diff(sharp, axis=1)).mean() > 1.05 * np.abs(np.diff(soft, axis=1)).mean()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from(["center", "squash"]),
    st.sampled_from(["nearest", "bilinear", "bicubic"]),
    st.integers(0, 2**32 - 1),
)
def test_any_picture_becomes_a_square_and_is_not_changed(height, width, crop, resample, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    before = pixels.copy()
    pixels.flags.writeable = False
    prepared = prepare(pixels, Recipe(resolution=48, crop=crop, resample=resample))
    assert prepared.shape == (48, 48, 3)
    assert prepared.dtype == np.uint8
    assert prepared.flags.writeable
    np.testing.assert_array_equal(pixels, before)
    flipped = prepare(pixels[:, ::-1], Recipe(resolution=48, crop="squash", resample="bilinear"))
    straight = prepare(pixels, Recipe(resolution=48, crop="squash", resample="bilinear"))
    np.testing.assert_allclose(flipped[:, ::-1].astype(int), straight, atol=1)  # strides are not the picture


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 700), st.integers(1, 260), st.sampled_from(["noise", "black and white", "white"]), st.integers(0, 99)
)
def test_the_compiled_resize_gives_pillows_pixels(side, wanted, what, seed):
    native = pytest.importorskip("tinysight._native", reason="the package was built without a C++ compiler")
    random = np.random.default_rng(seed)
    whole = (
        random.integers(0, 256, (side + 3, side + 5, 3), np.uint8)
        if what == "noise"
        else np.full((side + 3, side + 5, 3), 255, np.uint8)
    )
    if what == "black and white":
        whole *= random.integers(0, 2, whole.shape, np.uint8)
    part = whole[2 : 2 + side, 5:]  # ends where the memory of its rows ends
    expected = np.asarray(Image.fromarray(part).resize((wanted, wanted), Image.Resampling.BILINEAR))
    for isa in native.available():
        square = np.empty((wanted, wanted, 3), np.uint8)
        native.resize(part, square, isa)
        np.testing.assert_array_equal(square, expected, err_msg=isa)


@pytest.mark.parametrize("side", [31, 32, 33, 500])
def test_preparing_needs_no_compiled_part(side, monkeypatch):
    pixels = np.random.default_rng(side).integers(0, 256, (side, side + 9, 3), np.uint8)
    pictures = [pixels, pixels[::-1], pixels[:, ::-1], np.asfortranarray(pixels)]
    compiled = [prepare(picture, CENTER) for picture in pictures]
    monkeypatch.setattr(importlib.import_module("tinysight.preprocess.prepare"), "_native", lambda: None)
    for picture, expected in zip(pictures, compiled, strict=True):
        np.testing.assert_array_equal(prepare(picture, CENTER), expected)


def test_a_plain_colour_stays_itself():
    for resample in ("nearest", "bilinear", "bicubic"):
        for shape in ((1, 1), (3, 500), (500, 3), (90, 91)):
            pixels = np.full((*shape, 3), (3, 130, 251), np.uint8)
            prepared = prepare(pixels, Recipe(resolution=40, crop="squash", resample=resample))
            np.testing.assert_array_equal(prepared, np.full((40, 40, 3), (3, 130, 251)))


@pytest.mark.parametrize("shape", [(1, 60_000), (60_000, 1), (2, 131_072), (131_072, 2)])
@pytest.mark.parametrize("crop", ["center", "squash"])
@pytest.mark.parametrize("resample", ["nearest", "bilinear"])
def test_extreme_proportions_take_little_time(shape, crop, resample):
    pixels = np.zeros((*shape, 3), np.uint8)
    start = time.process_time()
    prepare(pixels, Recipe(crop=crop, resample=resample))
    assert time.process_time() - start < 1


@pytest.mark.parametrize("shape", [(2, 131_072), (131_072, 2)])
def test_extreme_proportions_take_little_memory(shape, tmp_path):
    (tmp_path / "thin.png").write_bytes(encode_png(np.zeros((*shape, 3), np.uint8)))
    (answer, _, grown_kb), *_ = measured([tmp_path / "thin.png"], resolution=4096)
    assert answer == "read"
    assert grown_kb < 400_000  # rows first would make 4096 x 131,072 pixels in between: 2 GB


def test_scale_is_keras_to_the_bit():
    pixels = np.arange(256, dtype=np.uint8)
    expected = pixels.astype(np.float32)
    expected /= 127.5
    expected -= 1.0
    assert scale(pixels).dtype == np.float32
    assert scale(pixels).tobytes() == expected.tobytes()
    assert scale(pixels, (0.0, 1.0)).tobytes() == (pixels.astype(np.float32) / np.float32(255)).tobytes()
    assert scale(pixels, (0.0, 255.0)).tolist() == list(range(256))
    assert scale(pixels, (-2.0, 3.0))[[0, 255]].tolist() == [-2.0, 3.0]


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros(3, np.int8), [1, 2], None], ids=str)
def test_scale_takes_uint8_only(wrong):
    with pytest.raises(UsageError, match="uint8"):
        scale(wrong)
    with pytest.raises(UsageError, match="rise"):
        scale(np.zeros(3, np.uint8), (1.0, 1.0))


def test_resize_of_a_map_keeps_its_range_and_its_mean():
    values = np.random.default_rng(0).random((7, 7)).astype(np.float32)
    large = resize(values, 224, 161)
    assert large.shape == (224, 161)
    assert large.dtype == np.float32
    assert values.min() <= large.min()
    assert large.max() <= values.max()
    np.testing.assert_allclose(resize(np.full((3, 5), 0.25), 9, 2), 0.25)
    assert resize(gradient(10, 20), 30, 40).shape == (30, 40, 3)


@pytest.mark.parametrize(
    "wrong",
    [None, np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)],
    ids=lambda value: "None" if value is None else f"{value.dtype} {value.shape}",
)
def test_what_is_no_picture_is_refused(wrong):
    for function in (lambda: prepare(wrong, CENTER), lambda: encode_png(wrong)):
        with pytest.raises(UsageError, match=r"pixels must be a uint8 array"):
            function()
    for sides in ((0, 5), (5, 0)):
        with pytest.raises(UsageError, match="at least 1 x 1"):
            resize(gradient(4, 4), *sides)
        with pytest.raises(UsageError, match="at least 1 x 1"):
            crop_box(*sides, CENTER)
    with pytest.raises(UsageError):
        resize(np.zeros((4, 4), int), 2, 2)


def test_png_and_back():
    pixels = np.random.default_rng(1).integers(0, 256, (13, 17, 3), dtype=np.uint8)[:, ::-1]
    data = encode_png(pixels)
    np.testing.assert_array_equal(decode(data), pixels)
    assert Image.open(io.BytesIO(data)).mode == "RGB"
