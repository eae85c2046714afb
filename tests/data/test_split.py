"""The split: decided by bytes alone, the same however the data grow, are renamed or ordered."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinysight.data import LEFT_OUT, PARTS, Dataset, Example, split_dataset
from tinysight.errors import UsageError


def content(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def made(rows, classes=("a", "b", "c")):
    """(dataset, contents) of rows (number of the content, label, part)."""
    examples = tuple(
        Example(Path(f"{at}.jpg"), label, rest[0] if rest else None) for at, (_, label, *rest) in enumerate(rows)
    )
    contents = [content(number) if number is not None else b"" for number, *_ in rows]
    return Dataset("d", "class folders", classes, examples), contents


def parts(rows, **options):
    return split_dataset(*made(rows), **options).parts.tolist()


labelled = st.lists(st.tuples(st.integers(0, 10_000)), min_size=1, max_size=120, unique=True).map(
    lambda rows: [(number, number % 3) for (number,) in rows]
)


@settings(max_examples=60, deadline=None)
@given(labelled, st.randoms(use_true_random=False), st.integers(0, 5))
def test_order_and_names_do_not_matter(rows, random, seed):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert dict(zip(rows, parts(rows, seed=seed), strict=True)) == dict(
        zip(shuffled, parts(shuffled, seed=seed), strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(labelled, st.integers(0, 5), st.sampled_from([(0.2, 0.1), (0.01, 0.01), (0.9, 0.05), (0.05, 0.9)]))
def test_every_class_of_three_is_in_every_part(rows, seed, shares):
    found = parts(rows, seed=seed, test_share=shares[0], val_share=shares[1])
    for label in range(3):
        of_class = [part for part, (_, other) in zip(found, rows, strict=True) if other == label]
        if len(of_class) >= 3:
            assert set(of_class) == {0, 1, 2}
        else:
            assert set(of_class) <= {0}


@settings(max_examples=60, deadline=None)
@given(labelled, labelled)
def test_growth_moves_only_those_that_filled_in(rows, more):
    """At most one picture of a class for each of test, val and train is not where its bytes put it."""
    all_rows = list(dict.fromkeys(rows + more))
    before, after = dict(zip(rows, parts(rows), strict=True)), dict(zip(all_rows, parts(all_rows), strict=True))
    for label in range(3):
        size = sum(other == label for _, other in rows)
        moved = sum(before[row] != after[row] for row in rows if row[1] == label)
        assert moved <= (3 if size >= 3 else 2)


def test_a_large_class_never_moves_when_it_grows():
    rows = [(number, 0) for number in range(400)]
    assert parts(rows) == parts([*rows, *((number, 0) for number in range(400, 900))])[:400]


def test_shares_and_seed():
    rows = [(number, number % 3) for number in range(6000)]
    counts = np.bincount(parts(rows), minlength=3) / 6000
    assert np.allclose(counts, [0.7, 0.1, 0.2], atol=0.02)
    assert np.allclose(np.bincount(parts(rows, test_share=0.5, val_share=0.25)) / 6000, [0.25, 0.25, 0.5], atol=0.02)
    assert set(parts(rows, test_share=0, val_share=0)) == {0}
    assert set(parts(rows, test_share=0.3, val_share=0)) == {0, 2}
    assert parts(rows) == parts(rows, seed=0) != parts(rows, seed=1)


def test_places_are_pinned():
    """Another rule would put pictures that were measured on into training: it must not change by accident."""
    found = "".join(map(str, parts([(number, 0) for number in range(40)])))
    assert found == PINNED


PINNED = "0002002002002020000020001000002220220002"


def test_what_is_left_out():
    rows = [(1, 0), (2, 0), (1, 0), (3, 0), (3, 1), (None, 1), (4, 1), (5, 1), (6, 1)]
    split = split_dataset(*made(rows))
    assert [at for at, part in enumerate(split.parts) if part == LEFT_OUT] == [2, 3, 4, 5]
    assert split.reasons == (
        "5.jpg: cannot be read",
        "2.jpg: the same bytes as 0.jpg",
        "the same bytes under different labels: 3.jpg (a), 4.jpg (b)",
    )
    assert split.parts.dtype == np.int8
    assert sum(len(split.of(part)) for part in PARTS) == 5


def test_three_given_parts_are_kept_and_leaks_leave_train():
    rows = [(1, 0, "train"), (2, 0, "val"), (3, 0, "test"), (3, 0, "train"), (2, 0, "train"), (3, 0, "val")]
    split = split_dataset(*made(rows))
    assert split.parts.tolist() == [0, 1, 2, LEFT_OUT, LEFT_OUT, LEFT_OUT]
    assert split.reasons[0] == "4.jpg: the same bytes as 1.jpg, which is in val"
    assert "3.jpg: the same bytes as 2.jpg, which is in test" in split.reasons


@pytest.mark.parametrize("held_out", ["val", "test"])
def test_of_two_given_parts_the_other_is_test_and_val_is_cut(held_out):
    rows = [(number, 0, "train") for number in range(1600)] + [(number, 0, held_out) for number in range(1600, 1700)]
    found = parts(rows, test_share=0.5, val_share=0.2)
    assert set(found[1600:]) == {2}
    assert set(found[:1600]) == {0, 1}
    assert found[:1600].count(1) / 1600 == pytest.approx(0.4, abs=0.04)


def test_train_alone_is_cut_like_nothing_given():
    rows = [(number, 0, "train") for number in range(100)]
    assert parts(rows) == parts([row[:2] for row in rows])


def test_data_without_anything_to_teach_with():
    with pytest.raises(UsageError, match="the data give test and val but nothing to train on"):
        parts([(1, 0, "val"), (2, 0, "test")])


@pytest.mark.parametrize(
    "options",
    [
        {"test_share": -0.1},
        {"val_share": 1},
        {"test_share": float("nan")},
        {"test_share": 0.6, "val_share": 0.4},
        {"seed": 0.5},
        {"seed": True},
        {"test_share": "a"},
    ],
)
def test_options_that_are_refused(options):
    with pytest.raises(UsageError):
        parts([(1, 0)], **options)
    with pytest.raises(UsageError, match="1 pictures need as many contents, received 0"):
        split_dataset(made([(1, 0)])[0], [])
