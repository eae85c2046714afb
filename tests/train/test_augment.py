"""One picture, augmented: shapes, bounds, colours, and that nothing happens where nothing was asked for."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from training_pictures import pictures

from tinysight.errors import UsageError
from tinysight.preprocess import Recipe, prepare
from tinysight.train import augment as augment_file
from tinysight.train.augment import Augmentation, augment_one, draw_box
from tinysight.train.colours import recolour

NOTHING = Augmentation(scale=(1, 1), ratio=(1, 1), flip=0, brightness=0, contrast=0, saturation=0)
PICTURE = pictures(1)[0]


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return chance(seed).integers(0, 256, (height, width, 3), np.uint8)


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([32, 33, 47, 64]), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_any_picture_becomes_a_square(height, width, resolution, seed):
    everything = Augmentation(randaugment=(2, 9))
    picture = noise(height, width)
    before = picture.copy()
    square = augment_one(picture, resolution, everything, chance(seed))
    assert square.shape == (resolution, resolution, 3) and square.dtype == np.uint8
    assert square.flags.c_contiguous and square.flags.writeable
    np.testing.assert_array_equal(picture, before)
    np.testing.assert_array_equal(square, augment_one(picture, resolution, everything, chance(seed)))


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.tuples(st.floats(0.001, 1), st.floats(0.001, 1)).map(sorted),
    st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)).map(sorted),
)
def test_a_crop_is_inside_its_picture(height, width, scale, ratio):
    augmentation = Augmentation(scale=tuple(scale), ratio=tuple(ratio))
    top, left, rows, columns = draw_box(height, width, augmentation, chance())
    assert 0 <= top <= top + rows <= height and rows >= 1
    assert 0 <= left <= left + columns <= width and columns >= 1


def test_crops_have_the_area_and_the_proportions_asked_for():
    boxes = np.array([draw_box(300, 400, Augmentation(), rng) for rng in [chance()] for _ in range(3000)])
    area = boxes[:, 2] * boxes[:, 3] / (300 * 400)
    ratio = boxes[:, 3] / boxes[:, 2]
    assert area.min() == pytest.approx(0.25, abs=0.01) and area.max() > 0.97
    assert ratio.min() == pytest.approx(3 / 4, abs=0.02) and ratio.max() == pytest.approx(4 / 3, abs=0.02)


def test_small_crops_reach_every_edge():
    augmentation, rng = Augmentation(scale=(0.25, 0.3)), chance()
    boxes = np.array([draw_box(30, 40, augmentation, rng) for _ in range(1000)])
    assert boxes[:, :2].min(axis=0).tolist() == [0, 0]
    assert (boxes[:, :2] + boxes[:, 2:]).max(axis=0).tolist() == [30, 40]
    centres = (boxes[:, :2] + boxes[:, 2:] / 2).mean(axis=0)
    np.testing.assert_allclose(centres, [15, 20], atol=0.5)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (50, 50), (90, 61), (61, 90), (40, 80)])
def test_without_chance_it_is_the_centred_square_of_prepare(height, width):
    picture = noise(height, width)
    np.testing.assert_array_equal(augment_one(picture, 40, NOTHING, chance()), prepare(picture, Recipe(resolution=40)))


def test_mirroring_twice_is_nothing():
    mirror = Augmentation(**(NOTHING.to_dict() | {"scale": (1, 1), "ratio": (1, 1), "flip": 1}))
    square = noise(48, 48)
    mirrored = augment_one(square, 48, mirror, chance())
    np.testing.assert_array_equal(mirrored, square[:, ::-1])
    np.testing.assert_array_equal(augment_one(mirrored, 48, mirror, chance()), square)


def test_half_of_the_pictures_are_mirrored():
    halves = Augmentation(scale=(1, 1), ratio=(1, 1), brightness=0, contrast=0, saturation=0)
    square, rng = noise(32, 32), chance()
    count = sum(np.array_equal(augment_one(square, 32, halves, rng), square[:, ::-1]) for _ in range(400))
    assert 160 < count < 240


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.0, 1.4])
@pytest.mark.parametrize(
    ("name", "pillow"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("saturation", ImageEnhance.Color),
    ],
)
def test_colours_change_as_pillow_changes_them(name, pillow, factor):
    changed = noise(150, 140)  # more than one product
    expected = np.asarray(pillow(Image.fromarray(changed)).enhance(factor)).astype(int)
    recolour(changed, **({"brightness": 1.0, "contrast": 1.0, "saturation": 1.0} | {name: factor}))
    assert np.abs(changed - expected).max() <= 1  # Pillow rounds the greys and cuts fractions off


def test_colours_are_changed_in_the_order_of_the_arguments():
    changed = np.array([[[10, 20, 30], [40, 30, 50]]], np.uint8)
    values = changed * 1.2
    luma = np.array([0.299, 0.587, 0.114])
    values = 0.8 * values + 0.2 * (values @ luma).mean()
    values = 1.5 * values - 0.5 * (values @ luma)[..., None]
    recolour(changed, 1.2, 0.8, 1.5)
    np.testing.assert_array_equal(changed, np.rint(values))


def test_factors_of_one_change_no_byte():
    square = noise(133, 131)
    changed = square.copy()
    recolour(changed, 1.0, 1.0, 1.0)
    np.testing.assert_array_equal(changed, square)


def test_without_the_compiled_part_pictures_are_the_same_but_for_rounding(monkeypatch):
    compiled = augment_one(PICTURE, 48, Augmentation(), chance())
    monkeypatch.setattr(augment_file, "_native", lambda: None)
    assert np.abs(compiled.astype(int) - augment_one(PICTURE, 48, Augmentation(), chance())).max() <= 2


def test_it_can_be_written_as_json():
    fields = json.loads(json.dumps(Augmentation(randaugment=(2, 9)).to_dict()))
    assert fields["scale"] == [0.25, 1.0] and fields["randaugment"] == [2, 9] and fields["flip"] == 0.5


@pytest.mark.parametrize(
    "fields",
    [
        {"scale": (0, 1)},
        {"scale": (0.5, 0.4)},
        {"scale": (0.5, 1.1)},
        {"scale": [0.5, 1.0]},
        {"scale": 0.5},
        {"ratio": (0.01, 1)},
        {"ratio": (1, float("nan"))},
        {"flip": -0.1},
        {"flip": True},
        {"brightness": 1.5},
        {"contrast": "0.2"},
        {"saturation": float("nan")},
        {"mixup": 11},
        {"cutmix": -1},
        {"erasing": 2},
        {"randaugment": (0, 5)},
        {"randaugment": (2, 11)},
        {"randaugment": (2.0, 5)},
        {"randaugment": 2},
    ],
)
def test_what_makes_no_sense_is_refused(fields):
    (name,) = fields
    with pytest.raises(UsageError, match=f"^{name} must be .*received"):
        Augmentation(**fields)


def test_a_resolution_that_no_network_takes_is_refused():
    with pytest.raises(UsageError, match="at least 32, received 31"):
        augment_one(PICTURE, 31, NOTHING, chance())
