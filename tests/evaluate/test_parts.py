"""Slices, rejection, pictures seen in training, and classes that are found by name."""

import numpy as np
import pytest

from tinysight.data import Dataset, Example
from tinysight.errors import UsageError
from tinysight.evaluate.classes import match_classes
from tinysight.evaluate.rejection import area_under_risk, reject, risk_coverage
from tinysight.evaluate.run import choose_part
from tinysight.evaluate.seen import unseen
from tinysight.evaluate.slices import is_grey, slice_by
from tinysight.labels import Label, imagenet_labels


def named(*names):
    return tuple(Label(None, name) for name in names)


def test_slices_count_every_picture_once_a_kind():
    sizes = np.array([(127, 400)] * 25 + [(128, 128)] * 3 + [(2000, 1024)] * 2 + [(300, 255)])
    grey = np.arange(31) < 21
    correct = np.arange(31) % 2 == 0
    found = {(one.kind, one.name): one for one in slice_by(sizes, grey, correct)}
    pictures = {key: one.top1.pictures for key, one in found.items()}
    assert pictures == {
        ("shorter side", "under 128 px"): 25,
        ("shorter side", "128-255 px"): 4,
        ("shorter side", "1024 px and more"): 2,
        ("shape", "landscape"): 3,
        ("shape", "portrait"): 25,
        ("shape", "square"): 3,
        ("colour", "colour"): 10,
        ("colour", "grey"): 21,
    }
    assert found["colour", "grey"].top1.hits == 11
    assert [key for key, one in found.items() if one.meaningful] == [
        ("shorter side", "under 128 px"),
        ("shape", "portrait"),
        ("colour", "grey"),
    ]


def test_grey_tolerates_what_jpeg_does():
    pixels = np.full((4, 4, 3), 100, np.uint8)
    pixels[0, 0] = (104, 100, 108)
    assert is_grey(pixels)
    pixels[3, 3, 2] = 109
    assert not is_grey(pixels)


def test_rejection_keeps_the_sure_ones():
    confidence = np.array([0.9, 0.8, 0.5, 0.4])
    correct = np.array([True, True, False, True])
    found = reject(confidence, correct, 0.5)
    assert (found.kept.hits, found.top1.hits, found.top1.pictures) == (3, 2, 3)
    assert reject(confidence, correct, 0.95).top1 is None
    curve = risk_coverage(confidence, correct)
    assert curve == [(0.25, 0), (0.5, 0), (0.75, 1 / 3), (1, 0.25)]
    assert area_under_risk(curve) == pytest.approx((1 / 3 + 0.25) / 4)


def test_equally_sure_answers_are_one_point():
    curve = risk_coverage(np.full(10, 0.7), np.arange(10) < 6)
    assert curve == [(1.0, 0.4)]


def test_seen_pictures_are_told_by_the_start_of_their_hash():
    contents = [bytes([1, 2, 3, 4]) + bytes(28), bytes([1, 2, 3, 5]) + bytes(28), b"", bytes(32)]
    prefixes = np.array([0x01020304, 0], np.uint32)
    assert unseen(contents, prefixes).tolist() == [False, True, True, False]
    assert unseen(contents, None).all()


def test_classes_are_matched_by_name_not_by_place():
    labels = named("0", "1", "10", "2")  # as folders are sorted
    assert match_classes(["10", "2"], labels, 4).tolist() == [2, 3]
    assert match_classes(["2", "0"], None, 4).tolist() == [2, 0]
    assert match_classes(["Rose", "tulip"], named("tulip", "rose"), 2).tolist() == [1, 0]
    imagenet = imagenet_labels()
    assert match_classes(["great_white_shark", "n01440764", "281"], imagenet, 1000).tolist() == [2, 0, 281]


def test_names_that_two_classes_have():
    imagenet = imagenet_labels()
    assert match_classes(["crane", "tench", "crane"], imagenet, 1000).tolist() == [134, 0, 517]
    assert match_classes(["tench", "crane"], imagenet, 1000, (0, 517)).tolist() == [0, 517]
    with pytest.raises(UsageError, match=r"crane.*\[134, 517\]"):
        match_classes(["crane"], imagenet, 1000)


def test_classes_that_the_model_does_not_have():
    with pytest.raises(UsageError, match=r"no class 'cat', 'dog'; it has 2 classes: tulip, rose$"):
        match_classes(["cat", "rose", "dog"], named("tulip", "rose"), 2)
    with pytest.raises(UsageError, match="both mean"):
        match_classes(["tulip", "0"], named("tulip", "rose"), 2)
    with pytest.raises(UsageError, match="no class '7'"):
        match_classes(["7"], None, 4)


def test_the_part_to_measure_on():
    def parts(*names):
        examples = tuple(Example(f"{at}.png", 0, name) for at, name in enumerate(names))
        return Dataset("data", "table", ("a",), examples)

    assert choose_part(parts("train", "test", "val")).tolist() == [1]
    assert choose_part(parts("train", "val")).tolist() == [1]
    assert choose_part(parts("train", "train")).tolist() == [0, 1]
    assert choose_part(parts(None, None)).tolist() == [0, 1]
    assert choose_part(parts("train", "test"), "train").tolist() == [0]
    with pytest.raises(UsageError, match="no part val; it has train, test"):
        choose_part(parts("train", "test"), "val")
