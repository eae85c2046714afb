"""RandAugment's fourteen operations against Pillow, or against what they say they do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from tinysight.train.randaugment import OPERATIONS, rand_augment

SQUARE = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)


def of_pillow(function, *arguments) -> np.ndarray:
    return np.asarray(function(Image.fromarray(SQUARE), *arguments))


def squares() -> st.SearchStrategy[np.ndarray]:
    """Pictures of few and of many colours, of one colour, dark and bright ones."""

    def make(seed, low, span, side):
        rng = np.random.default_rng(seed)
        return rng.integers(low, min(256, low + span + 1), (side, side, 3)).astype(np.uint8)

    return st.builds(make, st.integers(0, 99), st.integers(0, 255), st.integers(0, 255), st.sampled_from([3, 20, 41]))


@given(squares())
@settings(deadline=None)
def test_autocontrast_and_equalize_are_pillows(square):
    for name in ("autocontrast", "equalize"):
        expected = np.asarray(getattr(ImageOps, name)(Image.fromarray(square))).astype(int)
        # Pillow's autocontrast multiplies before it subtracts, which now and then falls just below a whole number.
        assert np.abs(OPERATIONS[name](square, 0.3) - expected).max() <= (1 if name == "autocontrast" else 0)


@pytest.mark.parametrize(("strength", "bits"), [(0, 8), (0.25, 7), (-0.5, 6), (0.75, 5), (1, 4)])
def test_posterize_is_pillows(strength, bits):
    np.testing.assert_array_equal(OPERATIONS["posterize"](SQUARE, strength), of_pillow(ImageOps.posterize, bits))


@pytest.mark.parametrize(("strength", "threshold"), [(0, 256), (0.5, 128), (-0.75, 64), (1, 0)])
def test_solarize_is_pillows(strength, threshold):
    np.testing.assert_array_equal(OPERATIONS["solarize"](SQUARE, strength), of_pillow(ImageOps.solarize, threshold))


@pytest.mark.parametrize("strength", [-1.0, -0.3, 0.0, 0.8])
@pytest.mark.parametrize("name", ["Color", "Contrast", "Brightness", "Sharpness"])
def test_enhancing_is_pillows(name, strength):
    expected = np.asarray(getattr(ImageEnhance, name)(Image.fromarray(SQUARE)).enhance(1 + 0.9 * strength)).astype(int)
    assert np.abs(OPERATIONS[name.lower()](SQUARE, strength) - expected).max() <= 2  # Pillow rounds in between


@pytest.mark.parametrize("strength", [-0.97, -0.45, 0.6])
@pytest.mark.parametrize("side", [40, 41])
def test_moving_is_pillows(side, strength):
    square = np.random.default_rng(1).integers(0, 256, (side, side, 3), np.uint8)
    middle, shift = side / 2, 150 / 331 * side * strength
    cosine, sine = np.cos(np.radians(30 * strength)), np.sin(np.radians(30 * strength))
    matrices = {
        "shear_x": (1, 0.3 * strength, 0, 1, 0, 0),
        "shear_y": (1, 0, 0.3 * strength, 1, 0, 0),
        "translate_x": (1, 0, 0, 1, shift, 0),
        "translate_y": (1, 0, 0, 1, 0, shift),
        "rotate": (cosine, sine, -sine, cosine, 0, 0),
    }
    for name, (a, b, c, d, x, y) in matrices.items():
        about_centre = (a, b, middle + x - (a + b) * middle, c, d, middle + y - (c + d) * middle)
        expected = Image.fromarray(square).transform(
            (side, side), Image.Transform.AFFINE, about_centre, Image.Resampling.NEAREST, fillcolor=(128, 128, 128)
        )
        same = (OPERATIONS[name](square, strength) == np.asarray(expected)).all(axis=-1)
        assert same.mean() > 0.99, name  # what is exactly between two pixels may fall to either side


def test_at_strength_nought_only_two_operations_act():
    changed = {
        name for name, operation in OPERATIONS.items() if not np.array_equal(operation(SQUARE // 2, 0.0), SQUARE // 2)
    }
    assert changed == {"autocontrast", "equalize"}


def test_there_are_the_papers_fourteen_and_all_get_their_turn(monkeypatch):
    assert len(OPERATIONS) == 14
    used = []
    noting = {name: lambda square, strength, name=name: used.append((name, strength)) or square for name in OPERATIONS}
    monkeypatch.setattr("tinysight.train.randaugment.OPERATIONS", noting)
    rand_augment(SQUARE, 1000, 7, np.random.default_rng(0))
    assert {strength for _, strength in used} == {-0.7, 0.7}
    counts = [sum(name == other for other, _ in used) for name in OPERATIONS]
    assert min(counts) > 40


@given(squares(), st.integers(1, 4), st.integers(0, 10), st.integers(0, 99))
@settings(deadline=None)
def test_any_draw_gives_a_new_picture_of_the_same_shape(square, operations, magnitude, seed):
    before = square.copy()
    changed = rand_augment(square, operations, magnitude, np.random.default_rng(seed))
    assert changed.shape == square.shape and changed.dtype == np.uint8
    np.testing.assert_array_equal(square, before)
