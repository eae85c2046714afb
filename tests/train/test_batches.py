"""A batch is a function of its number: not of threads, of where a run was resumed, or of how many share the work."""

import threading
import time
from itertools import islice

import numpy as np
import pytest
from training_pictures import crops_of, pictures

from tinysight.errors import ImageError, UsageError
from tinysight.train.augment import Augmentation
from tinysight.train.batches import Batch, Batches, prefetch
from tinysight.train.crops import make_crops

COUNT = 23
CLASSES = 4
CROPS = crops_of(COUNT)
LABELS = np.arange(COUNT) % CLASSES
EVERYTHING = Augmentation(mixup=0.4, cutmix=1.0, erasing=0.3)


def make(augmentation=EVERYTHING, batch_size=5, crops=CROPS, indexes=None, **options) -> Batches:
    chosen = np.arange(COUNT) if indexes is None else np.array(indexes)
    return Batches(crops, LABELS, chosen, 32, augmentation, batch_size, options.pop("seed", 1), CLASSES, **options)


def everything_in(run) -> list[tuple]:
    return [(b.epoch, b.step, b.indexes.tobytes(), b.images.tobytes(), b.targets.tobytes()) for b in run]


def test_a_batch_has_the_promised_form():
    batch = make(label_smoothing=0.1, augmentation=Augmentation()).batch(0, 1)
    assert isinstance(batch, Batch) and batch[:2] == (0, 1)
    assert batch.images.shape == (5, 32, 32, 3) and batch.images.dtype == np.uint8 and batch.images.flags.c_contiguous
    assert batch.targets.dtype == np.float32
    expected = np.full((5, CLASSES), 0.1 / CLASSES)
    expected[np.arange(5), LABELS[batch.indexes]] += 0.9
    np.testing.assert_allclose(batch.targets, expected, rtol=1e-6)


def test_a_teacher_has_its_share_of_the_targets():
    said = np.random.default_rng(0).dirichlet(np.ones(CLASSES), COUNT).astype(np.float32)
    plain = make(augmentation=Augmentation()).batch(0, 1)
    taught = make(augmentation=Augmentation(), soft=said, soft_share=0.75).batch(0, 1)
    np.testing.assert_allclose(taught.targets, plain.targets / 4 + 3 / 4 * said[plain.indexes], rtol=1e-5)
    assert taught.images.tobytes() == plain.images.tobytes()
    with pytest.raises(UsageError, match="soft targets must be"):
        make(soft=said[1:])


@pytest.mark.parametrize("batch_size", [1, 5, 23, 40])
@pytest.mark.parametrize("drop_last", [True, False])
def test_every_picture_once_an_epoch(batch_size, drop_last):
    batches = make(batch_size=batch_size, drop_last=drop_last, indexes=range(2, 21))
    seen = [batches.indexes(0, step).tolist() for step in range(batches.steps_per_epoch)]
    flat = [index for one in seen for index in one]
    assert len(set(flat)) == len(flat)
    assert set(flat) <= set(range(2, 21))
    full = min(batch_size, 19)
    assert [len(one) for one in seen[:-1]] == [full] * (len(seen) - 1)
    assert len(flat) == (19 // full * full if drop_last else 19)


def test_epochs_have_orders_and_pictures_of_their_own():
    batches = make(augmentation=Augmentation())
    orders = [[i for step in range(4) for i in batches.indexes(epoch, step).tolist()] for epoch in range(3)]
    assert orders[0] != orders[1] != orders[2]
    one_picture = make(augmentation=Augmentation(), indexes=[3])
    assert len({one_picture.batch(epoch, 0).images.tobytes() for epoch in range(5)}) == 5


def test_the_seed_decides():
    first, again, other = (everything_in(prefetch(make(seed=seed), 0, 0, 1)) for seed in (1, 1, 2))
    assert first == again
    assert not set(first) & set(other)


@pytest.mark.parametrize(("workers", "ahead"), [(1, 1), (1, 3), (2, 3), (5, 2), (4, 9)])
def test_threads_change_no_byte(workers, ahead):
    plain = [make().batch(epoch, step) for epoch in range(3) for step in range(4)]
    assert everything_in(prefetch(make(), 0, 0, 3, ahead, workers)) == everything_in(plain)


@pytest.mark.parametrize(("epoch", "step"), [(0, 0), (0, 3), (1, 0), (1, 4), (2, 2), (2, 4), (3, 0)])
def test_a_resumed_run_goes_on_with_the_same_bytes(epoch, step):
    whole = everything_in(prefetch(make(), 0, 0, 3))
    assert everything_in(prefetch(make(), epoch, step, 3)) == whole[epoch * 4 + step :]


def test_the_picture_does_not_depend_on_the_batch_it_is_in():
    def by_index(batches):
        made = [batches.batch(0, step) for step in range(batches.steps_per_epoch)]
        return {int(i): image.tobytes() for b in made for i, image in zip(b.indexes, b.images, strict=True)}

    plain = Augmentation()
    alone = by_index(make(plain, 1))
    assert by_index(make(plain, 23)) == alone
    halves = [by_index(make(plain, 4, drop_last=False, rank=rank, world_size=2)) for rank in range(2)]
    assert halves[0] | halves[1] == alone and not halves[0].keys() & halves[1].keys()


@pytest.mark.parametrize("drop_last", [True, False])
def test_ranks_share_the_pictures_of_a_larger_batch(drop_last):
    single = make(batch_size=6, drop_last=drop_last)
    ranks = [make(batch_size=2, drop_last=drop_last, rank=rank, world_size=3) for rank in range(3)]
    assert {batches.steps_per_epoch for batches in ranks} == {single.steps_per_epoch}
    for step in range(single.steps_per_epoch):
        shares = [batches.indexes(1, step).tolist() for batches in ranks]
        assert sorted(index for share in shares for index in share) == sorted(single.indexes(1, step).tolist())
        assert min(map(len, shares)) >= 1


def test_fewer_pictures_than_a_batch_are_a_smaller_batch():
    few = make(batch_size=64, indexes=[4, 5, 6])
    assert few.steps_per_epoch == 1
    assert len(few.batch(0, 0).images) == 3


def test_a_rest_that_leaves_a_rank_without_pictures_is_left_out():
    assert make(batch_size=2, drop_last=False, indexes=range(8), world_size=3).steps_per_epoch == 1
    assert make(batch_size=2, drop_last=False, indexes=range(9), world_size=3).steps_per_epoch == 2


@pytest.mark.parametrize("taken", [0, 1, 4])
def test_a_run_that_is_left_early_ends_its_threads(taken):
    before = threading.active_count()
    run = prefetch(make(), 0, 0, 1000, ahead=4, workers=3)
    assert len(list(islice(run, taken))) == taken
    start = time.monotonic()
    run.close()
    assert time.monotonic() - start < 5
    assert threading.active_count() == before


def test_no_more_than_asked_is_made_ahead(monkeypatch):
    made = []
    original = Batches.batch
    monkeypatch.setattr(Batches, "batch", lambda self, *at: made.append(at) or original(self, *at))
    run = prefetch(make(), 0, 0, 10, ahead=3, workers=4)
    next(run)
    time.sleep(0.1)
    assert len(made) <= 3
    run.close()


def test_leaving_early_does_not_wait_for_batches_that_were_not_begun(monkeypatch):
    made = []
    monkeypatch.setattr(Batches, "batch", lambda _, *at: made.append(at) or time.sleep(0.02))
    run = prefetch(make(), 0, 0, 10, ahead=20, workers=1)
    next(run)
    run.close()
    assert len(made) < 10


def test_an_error_arrives_where_its_batch_would_have(monkeypatch):
    original = Batches.batch

    def sometimes(self, epoch, step):
        if (epoch, step) == (0, 2):
            raise OSError("the disk went away")
        return original(self, epoch, step)

    monkeypatch.setattr(Batches, "batch", sometimes)
    run = prefetch(make(), 0, 0, 2, ahead=4, workers=2)
    assert [next(run).step, next(run).step] == [0, 1]
    with pytest.raises(OSError, match="the disk went away"):
        next(run)


def test_a_run_that_is_over_has_no_batches():
    assert list(prefetch(make(), 3, 0, 3)) == []


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 0},
        {"seed": -1},
        {"world_size": 0},
        {"rank": 1},
        {"rank": -1},
        {"label_smoothing": 1.0},
        {"soft_share": 1.5},
        {"indexes": []},
        {"indexes": [1], "world_size": 2},
    ],
)
def test_numbers_that_make_no_sense_are_refused(options):
    with pytest.raises(UsageError, match="received"):
        make(**options)


def test_pictures_and_labels_must_fit():
    broken = make_crops([ImageError("empty", "empty"), *pictures(COUNT - 1)], COUNT, folder=".")
    with pytest.raises(UsageError, match="can be read"):
        make(crops=broken)
    assert make(crops=broken, indexes=[1, 2]).steps_per_epoch == 1
    with pytest.raises(UsageError, match="as many labels, received 3"):
        Batches(CROPS, np.zeros(3, int), np.arange(3), 32, EVERYTHING, 2, 0, CLASSES)
    with pytest.raises(UsageError, match="labels must be 0 to 2, received 0 to 3"):
        Batches(CROPS, LABELS, np.arange(COUNT), 32, EVERYTHING, 2, 0, 3)


@pytest.mark.parametrize(("epoch", "step"), [(0, 4), (0, -1), (-1, 0)])
def test_there_is_no_such_batch(epoch, step):
    with pytest.raises(UsageError, match="the steps 0 to 3"):
        make().batch(epoch, step)


@pytest.mark.parametrize("wrong", [{"start_step": 5}, {"start_epoch": -1}, {"ahead": 0}, {"workers": 0}])
def test_a_run_that_makes_no_sense_is_refused_at_once(wrong):
    with pytest.raises(UsageError, match="must be from 0"):
        prefetch(make(), **({"start_epoch": 0, "start_step": 0, "epochs": 1} | wrong))
