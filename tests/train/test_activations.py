"""Activations kept in bytes stand in for the blocks before, and each row belongs to its picture."""

import numpy as np
import pytest
from lively_models import lively
from training_pictures import crops_of

from tinysight.spec import Spec
from tinysight.train.augment import Augmentation
from tinysight.train.batches import Batches, prefetch

torch = pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
from tinysight.networks.torch import from_arrays  # noqa: E402
from tinysight.train import activations  # noqa: E402
from tinysight.train.activations import SCALING, ActivationBatches, activations_of, all_views, freeze  # noqa: E402
from tinysight.train.judging import logits_of, picture_scaling  # noqa: E402

SPEC = Spec(alpha=0.25, resolution=64, num_classes=4)
CPU, PIXELS = torch.device("cpu"), picture_scaling((-1.0, 1.0))
COUNT = 7
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, 64, 64, 3), np.uint8)
PLAIN = Augmentation(scale=(1, 1), ratio=(1, 1), flip=0, brightness=0, contrast=0, saturation=0)


@pytest.fixture(scope="module")
def network():
    return from_arrays(SPEC, lively(SPEC).arrays).eval()


@pytest.mark.parametrize("first", [1, 3, 15, 23, 25, 27])
def test_both_halves_are_the_whole_network_but_for_rounding(network, first):
    kept = activations_of(freeze(network, False), IMAGES, PIXELS, first, CPU)
    assert kept.dtype == np.uint8 and kept.flags.c_contiguous and len(kept) == COUNT
    exact = network.features(PIXELS.applied(IMAGES, CPU), 0, first).detach().permute(0, 2, 3, 1).numpy()
    assert kept.shape == exact.shape
    assert np.abs(kept * SCALING.factor - exact).max() <= SCALING.factor / 2 + 1e-4
    halves = logits_of(network, kept, SCALING, first, CPU)
    whole = logits_of(network, IMAGES, PIXELS, 0, CPU)
    assert np.abs(halves - whole).max() < 0.05 * np.ptp(whole)


def test_both_ends_are_reached(network):
    kept = activations_of(freeze(network, False), IMAGES, PIXELS, 3, CPU)
    assert kept.min() == 0 and kept.max() == 255


def test_in_bfloat16_they_are_nearly_the_same(network):
    slow, fast = (activations_of(freeze(network, fast), IMAGES, PIXELS, 15, CPU).astype(int) for fast in (False, True))
    assert np.abs(slow - fast).mean() < 5


@pytest.mark.parametrize(("batch_size", "indexes"), [(3, range(COUNT)), (64, range(COUNT)), (2, [1, 4, 6, 2, 5])])
def test_rows_belong_to_their_pictures(network, batch_size, indexes, tmp_path):
    labels, indexes = np.arange(COUNT) % 4, np.array(indexes)
    names = np.sort(indexes)
    batches = Batches(crops_of(COUNT), labels, indexes, 64, PLAIN, batch_size, 5, 4, 0.0, drop_last=False)
    views, targets = all_views(freeze(network, False), batches, names, 3, PIXELS, 5, CPU, tmp_path)
    assert views.shape[:2] == (3, len(indexes))
    np.testing.assert_array_equal(targets, np.eye(4)[labels[names]])
    alone = Batches(crops_of(COUNT), labels, indexes, 64, PLAIN, 1, 0, 4, 0.0)
    for batch in prefetch(alone, 0, 0, 1):
        expected = activations_of(freeze(network, False), batch.images, PIXELS, 5, CPU)[0].astype(int)
        at = names.tolist().index(int(batch.indexes[0]))
        for view in views:
            assert np.abs(view[at] - expected).max() <= 1  # nothing happens to pictures here; sums may round


def test_what_is_too_large_for_memory_goes_into_a_file_without_a_name(network, tmp_path, monkeypatch):
    batches = Batches(crops_of(3), np.arange(3), np.arange(3), 64, PLAIN, 2, 0, 4, drop_last=False)
    given = (freeze(network, False), batches, np.arange(3), 2, PIXELS, 5, CPU, tmp_path)
    in_memory, _ = all_views(*given)
    monkeypatch.setattr(activations, "MEMORY_BYTES", 1000)
    in_a_file, _ = all_views(*given)
    assert isinstance(in_a_file, np.memmap)
    np.testing.assert_array_equal(in_a_file, in_memory)
    assert not list(tmp_path.iterdir())


def test_views_of_a_picture_differ(network, tmp_path):
    batches = Batches(crops_of(3), np.arange(3), np.arange(3), 64, Augmentation(), 2, 0, 4, drop_last=False)
    views, _ = all_views(freeze(network, False), batches, np.arange(3), 3, PIXELS, 5, CPU, tmp_path)
    assert len({view[0].tobytes() for view in views}) == 3


VIEWS = np.arange(5 * 12, dtype=np.uint8).reshape(5, 12, 1, 1, 1)
TARGETS = np.eye(12, dtype=np.float32)


def test_an_epoch_takes_one_view_of_every_picture():
    batches = ActivationBatches(VIEWS, TARGETS, 4, 0)
    assert batches.steps_per_epoch == 3
    seen = [batches.batch(0, step) for step in range(3)]
    indexes = np.concatenate([batch.indexes for batch in seen])
    assert sorted(indexes.tolist()) == list(range(12))
    values = np.concatenate([batch.images.ravel() for batch in seen])
    np.testing.assert_array_equal(values % 12, indexes)
    assert len(set((values // 12).tolist())) > 1
    np.testing.assert_array_equal(np.concatenate([batch.targets for batch in seen]), TARGETS[indexes])


def test_a_batch_is_a_function_of_its_number():
    one, other = ActivationBatches(VIEWS, TARGETS, 4, 3), ActivationBatches(VIEWS, TARGETS, 4, 3)
    numbers = [(epoch, step) for epoch in range(3) for step in range(3)]
    backwards = {number: one.batch(*number) for number in reversed(numbers)}
    for number in numbers:
        assert other.batch(*number).images.tobytes() == backwards[number].images.tobytes()
    assert len({backwards[number].indexes.tobytes() for number in numbers}) == 9
    seeds = {ActivationBatches(VIEWS, TARGETS, 12, seed).batch(0, 0).indexes.tobytes() for seed in range(4)}
    assert len(seeds) == 4


@pytest.mark.parametrize("size", [2, 3])
def test_ranks_share_the_pictures_of_a_larger_batch(size):
    single = ActivationBatches(VIEWS, TARGETS, 6, 0)
    ranks = [ActivationBatches(VIEWS, TARGETS, 6 // size, 0, rank, size) for rank in range(size)]
    for step in range(2):
        shares = [batches.batch(1, step).indexes.tolist() for batches in ranks]
        assert sorted(index for share in shares for index in share) == sorted(single.batch(1, step).indexes.tolist())


def test_fewer_pictures_than_a_batch_are_a_smaller_batch():
    batches = ActivationBatches(VIEWS, TARGETS, 64, 0)
    assert batches.steps_per_epoch == 1 and len(batches.batch(0, 0).images) == 12
