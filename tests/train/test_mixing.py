"""Batches that are blended, patched or erased: targets follow the pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinysight.train.augment import Augmentation
from tinysight.train.mixing import erase, mix

SIDE = 48


def batch(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Picture i has only the colour i + 1, and its target is one-hot at i: pixels tell whose they are."""
    images = np.zeros((count, SIDE, SIDE, 3), np.uint8)
    images += np.arange(1, count + 1, dtype=np.uint8)[:, None, None, None]
    return images, np.eye(count, dtype=np.float32)


@given(st.integers(1, 9), st.floats(0, 10), st.floats(0, 10), st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_targets_sum_to_one_and_shapes_stay(count, mixup, cutmix, erasing, seed):
    augmentation = Augmentation(mixup=mixup, cutmix=cutmix, erasing=erasing)
    images, targets = mix(*batch(count), augmentation, np.random.default_rng(seed))
    assert images.shape == (count, SIDE, SIDE, 3) and images.dtype == np.uint8
    assert targets.shape == (count, count) and targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    assert targets.min() >= 0


@pytest.mark.parametrize("seed", range(8))
def test_cutmix_targets_are_shares_of_the_area(seed):
    count = 12
    images, targets = mix(*batch(count), Augmentation(cutmix=1.0), np.random.default_rng(seed))
    areas = np.stack([(images[..., 0] == colour + 1).mean(axis=(1, 2)) for colour in range(count)], axis=1)
    np.testing.assert_allclose(targets, areas, atol=1e-6)
    assert ((areas > 0).sum(axis=1) == 2).sum() >= count // 2  # pictures really got a piece of another


@pytest.mark.parametrize("seed", range(8))
def test_mixup_targets_are_shares_of_the_colours(seed):
    images, targets = mix(*batch(200), Augmentation(mixup=0.4), np.random.default_rng(seed))
    expected = targets @ np.arange(1, 201)
    assert np.abs(images[:, 0, 0, 0] - expected).max() <= 0.51  # rounded once
    assert (images == images[:, :1, :1, :1]).all()
    assert ((targets > 0.02).sum(axis=1) == 2).any()


def test_with_both_each_has_half_of_the_batches():
    both, rng = Augmentation(mixup=1.0, cutmix=1.0), np.random.default_rng(0)
    batches = (mix(*batch(8), both, rng)[0] for _ in range(200))
    patched = sum(any(len(np.unique(image)) > 1 for image in images) for images in batches)
    assert 70 < patched < 130


def test_nothing_asked_for_nothing_done():
    images, targets = batch(3)
    mixed, mixed_targets = mix(images, targets, Augmentation(), np.random.default_rng(0))
    assert mixed is images and mixed_targets is targets


def test_what_was_given_is_not_changed_by_mixing():
    images, targets = batch(5)
    for augmentation in (Augmentation(mixup=1.0), Augmentation(cutmix=1.0)):
        mix(images, targets, augmentation, np.random.default_rng(0))
        np.testing.assert_array_equal(images, batch(5)[0])
        np.testing.assert_array_equal(targets, batch(5)[1])


def test_erased_rectangles_have_the_papers_sizes():
    rng, shares = np.random.default_rng(0), []
    for _ in range(300):
        image = np.full((SIDE, SIDE, 3), 7, np.uint8)
        erase(image, rng)
        rows, columns = np.nonzero((image != 7).any(axis=-1))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) > 0.97 * height * width  # a full rectangle, but for noise of the same colour
        shares.append(height * width / SIDE**2)
    assert 0.015 < min(shares) < 0.04 and 0.36 < max(shares) < 0.43


def test_erasing_happens_as_often_as_asked_and_leaves_targets_alone():
    images, targets = batch(200)
    before = images.copy()
    erased, after = mix(images, targets, Augmentation(erasing=0.25), np.random.default_rng(0))
    assert 30 < (erased != before).any(axis=(1, 2, 3)).sum() < 70
    assert after is targets
