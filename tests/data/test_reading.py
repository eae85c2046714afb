"""Contents and pictures: in order, never blocking, never ahead of what is asked by much."""

import hashlib
import os
import threading

import numpy as np
import pytest
from data_makers import drawn, encoded, tree

from tinysight.data import hash_contents, read_images, read_upright
from tinysight.data.threads import AHEAD, in_order
from tinysight.errors import ImageError, UsageError
from tinysight.preprocess import Recipe, prepare, read_picture

RECIPE = Recipe(resolution=32)


@pytest.fixture
def pictures(tmp_path):
    for number in range(7):
        (tmp_path / f"{number}.png").write_bytes(encoded(drawn(number, 50 + 20 * number, 70)))
    return sorted(tmp_path.iterdir())


def test_hashes_are_those_of_the_bytes(tmp_path):
    tree(tmp_path, "a", content=b"x" * 3_000_000)
    tree(tmp_path, "empty")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    names = ["a", "empty", "link", "pipe", "missing", "."]
    paths = [*(tmp_path / name for name in names), "/dev/zero", str(tmp_path / "a"), "a\0b"]
    digest = hashlib.sha256(b"x" * 3_000_000).digest()
    nothing = hashlib.sha256().digest()
    assert hash_contents(paths, workers=3) == [digest, nothing, digest, b"", b"", b"", b"", digest, b""]
    assert hash_contents([]) == []


def test_larger_than_a_picture_may_be_has_no_content(tmp_path, monkeypatch):
    monkeypatch.setattr("tinysight.data.contents.MAX_BYTES", 10)
    tree(tmp_path, "ten", content=bytes(10))
    tree(tmp_path, "eleven", content=bytes(11))
    assert [bool(one) for one in hash_contents([tmp_path / "ten", tmp_path / "eleven"])] == [True, False]


@pytest.mark.parametrize("workers", [1, 3, None])
def test_images_come_prepared_and_in_order(pictures, workers):
    pictures.insert(2, pictures[0].parent / "missing.png")
    found = list(read_images(pictures, RECIPE, workers=workers))
    assert isinstance(found[2], ImageError) and found[2].reason == "not_found"
    del found[2], pictures[2]
    for path, image in zip(pictures, found, strict=True):
        assert np.array_equal(image, prepare(read_picture(path, wanted_px=RECIPE.wanted_px).pixels, RECIPE))


def test_upright_is_made_smaller_cut_to_two_to_one_and_never_larger(pictures):
    broken = tree(pictures[0].parent, "broken.png", content=b"\x89PNG") / "broken.png"
    *found, error = read_upright([*pictures, broken], 40)
    assert isinstance(error, ImageError)
    for path, image in zip(pictures, found, strict=True):
        height, width = read_picture(path).pixels.shape[:2]
        assert min(image.shape[:2]) == 40 and image.dtype == np.uint8 and image.flags.c_contiguous
        ratio = min(2.0, max(height, width) / min(height, width))
        assert max(image.shape[:2]) == pytest.approx(40 * ratio, abs=1)
    untouched = next(read_upright(pictures, 500))
    assert np.array_equal(untouched, read_picture(pictures[0]).pixels)


def test_the_longer_side_is_cut_around_its_middle(tmp_path):
    pixels = np.zeros((20, 100, 3), np.uint8)
    pixels[:, 30:70] = 255
    from PIL import Image

    (tmp_path / "long.png").write_bytes(encoded(Image.fromarray(pixels)))
    (image,) = read_upright([tmp_path / "long.png"], 20)
    assert image.shape == (20, 40, 3) and image.min() == 255


def test_no_more_than_a_few_are_read_ahead_and_closing_ends_it():
    begun, lock = [], threading.Lock()

    def work(item):
        with lock:
            begun.append(item)
        return item

    before = threading.active_count()
    answers = in_order(work, iter(range(10**9)), 2)
    assert [next(answers) for _ in range(5)] == [0, 1, 2, 3, 4]
    answers.close()
    assert len(begun) <= 5 + 2 * AHEAD
    assert threading.active_count() == before


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_workers_that_are_refused_at_once(workers):
    with pytest.raises(UsageError, match="workers must be a whole number of at least 1"):
        read_images([], RECIPE, workers=workers)
    with pytest.raises(UsageError, match="shorter_px"):
        read_upright([], workers)
