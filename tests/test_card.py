"""The card: what it refuses, and when two are the same."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from tinysight.checkpoint import Card, Checkpoint, Probe, read_checkpoint, write_checkpoint
from tinysight.checkpoint.card import card_from_json, seen_pictures
from tinysight.errors import CheckpointError, UsageError
from tinysight.labels import Label
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Spec


@pytest.fixture
def checkpoint(make_checkpoint):
    probe = Probe(np.arange(27, dtype=np.uint8).reshape(3, 3, 3), np.float32([1, -2, 3, 4.5]))
    made = make_checkpoint(alpha=0.25, resolution=32, num_classes=4)
    return Checkpoint(replace(made.card, probes=(probe,)), made.arrays)


@pytest.fixture
def saved(tmp_path, checkpoint):
    path = tmp_path / "model.safetensors"
    write_checkpoint(path, checkpoint)
    return path


def test_parts_that_do_not_fit_are_refused():
    card = dict(name="x", spec=Spec(), recipe=Recipe(), labels=None, licence="", source="")
    with pytest.raises(CheckpointError, match="999 labels for 1000 classes"):
        Card(**card | {"labels": tuple(Label(None, str(i)) for i in range(999))})
    with pytest.raises(CheckpointError, match="192 px"):
        Card(**card | {"recipe": Recipe(resolution=192)})


@pytest.mark.parametrize(
    "change",
    [
        {"spec": {}},
        {"recipe": None},
        {"labels": [["n1"]]},
        {"labels": "abcd"},
        {"labels": 7},
        {"name": 3},
        {"probes": {}},
        {"probes": [{"side_px": 0}]},
        {"probes": [{"side_px": 2, "pixels": "####", "output": ""}]},
        {"probes": [{"side_px": 2, "pixels": "", "output": ""}]},
        {"unknown": 1},
    ],
)
def test_a_damaged_card_is_one_line(saved, change):
    text = read_checkpoint(saved).card.to_json()
    with pytest.raises(CheckpointError) as caught:
        card_from_json(json.dumps(json.loads(text) | change))
    assert "\n" not in str(caught.value)


def test_resolution_in_a_card_is_bounded():
    with pytest.raises((UsageError, CheckpointError)):
        Card("x", Spec(resolution=100_000), Recipe(resolution=100_000), None, "", "")


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("spec", "alpha", 10**400),
        ("spec", "bn_epsilon", 1e-320),
        ("spec", "resolution", 10**30),
        ("recipe", "crop_fraction", 1e-310),
        ("recipe", "value_range", [-1e308, 1e308]),
        (None, "name", "two\nlines"),
        (None, "name", "\x1b[31mred"),
        (None, "name", ""),
        (None, "licence", "x" * 10_001),
    ],
)
def test_hostile_numbers_and_names_in_a_card_are_refused(checkpoint, part, field, value):
    fields = json.loads(checkpoint.card.to_json())
    (fields[part] if part else fields)[field] = value
    with pytest.raises(CheckpointError) as caught:
        card_from_json(json.dumps(fields))
    assert "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_a_small_file_cannot_ask_for_all_memory():
    spec = Spec(alpha=0.01, resolution=4096, depth_multiplier=200)
    with pytest.raises(CheckpointError, match="bytes for one picture"):
        Card("x", spec, Recipe(resolution=4096), None, "", "")


def test_cards_of_the_same_file_are_equal(saved):
    one, two = read_checkpoint(saved).card, read_checkpoint(saved).card
    assert one == two and hash(one) == hash(two)
    changed = Probe(one.probes[0].pixels, one.probes[0].output + 1)
    assert replace(one, probes=(changed,)) != one


def test_what_the_format_page_forbids_is_refused(saved):
    text = read_checkpoint(saved).card.to_json()
    fields = json.loads(text)
    twice = text.replace('{"labels"', '{"name":"x","labels"', 1)
    assert twice != text
    with pytest.raises(CheckpointError, match="stands twice"):
        card_from_json(twice)
    with pytest.raises(CheckpointError, match="exactly the keys"):
        card_from_json(json.dumps(fields | {"probes": [fields["probes"][0] | {"extra": 1}]}))
    with pytest.raises(CheckpointError, match="each probe must have 4 outputs"):
        card_from_json(json.dumps(fields | {"probes": [fields["probes"][0] | {"output": ""}]}))
    with pytest.raises(CheckpointError, match="wnid or null"):
        card_from_json(json.dumps(fields | {"labels": ["ab", "cd", "ef", "gh"]}))


def test_pictures_that_were_trained_on_are_remembered_by_their_hashes(make_checkpoint):
    digests = [hashlib.sha256(bytes([n])).digest() for n in (3, 1, 2, 1)]
    card = replace(make_checkpoint(alpha=0.25, resolution=32).card, seen=seen_pictures(digests))
    assert card.trained_on.tolist() == sorted({int.from_bytes(digest[:4], "big") for digest in digests})
    assert card_from_json(card.to_json()) == card


def test_a_card_without_seen_pictures_is_the_text_that_it_was(make_checkpoint):
    card = make_checkpoint(alpha=0.25, resolution=32).card
    assert card.trained_on is None
    assert "seen" not in json.loads(card.to_json())


@pytest.mark.parametrize("seen", ["", "AAAA", "AAAAAgAAAAE=", "AAAAAQAAAAE=", "?", 7, None])
def test_damaged_seen_pictures_are_refused(make_checkpoint, seen):
    fields = json.loads(make_checkpoint(alpha=0.25, resolution=32).card.to_json()) | {"seen": seen}
    with pytest.raises(CheckpointError):
        card_from_json(json.dumps(fields))
