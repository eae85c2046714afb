"""RELIABILITY 1, 3, 5 and 6 for the Python interface: each file of the hostile corpus, as its manifest says."""

import csv
import os
import time

import numpy as np
import pytest
from picture_makers import measured

from tinysight.errors import ImageError
from tinysight.preprocess import MAX_PIXELS, Recipe, prepare, read_picture
from tinysight.preprocess.picture import Picture

REFERENCES = {
    "hopper_512": "generated/eq_base.jpg",
    "hopper_256": "generated/eq_rgb.png",
    "hopper_gray": "generated/eq_gray.png",
}
# The manifest says these are no picture, because their signature is damaged; we say what they were: damaged PNG files.
PNG_AFTER_ALL = {"pngsuite/xcrn0g04.png", "pngsuite/xlfn0g04.png", "pngsuite/xs7n0g01.png"}
SECONDS = 10
CHUNKS = 8


@pytest.fixture(scope="module")
def corpus(shared):
    with (shared / "data" / "bad_images" / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 300
    return shared / "data" / "bad_images", rows


def read(path) -> Picture | ImageError:
    start = time.monotonic()
    try:
        return read_picture(path)
    except ImageError as error:
        message = str(error)
        assert message.isprintable()
        assert len(message) < 500
        assert os.path.basename(path)[:4] in message  # noqa: PTH119
        return error
    finally:
        assert time.monotonic() - start < SECONDS


def faults(row: dict[str, str], answer: Picture | ImageError) -> str | None:
    expect = row["expect"]
    if isinstance(answer, ImageError):
        if expect == "ok":
            return f"refused: {answer}"
        fits = expect != "error" or answer.reason == row["reason"] or row["file"] in PNG_AFTER_ALL
        return None if fits else f"reason {answer.reason}, the manifest says {row['reason']}"
    if expect == "error":
        return "accepted"
    pixels = answer.pixels
    assert pixels.shape == (answer.height, answer.width, 3)
    if expect == "ok" and (answer.width, answer.height) != (int(row["width"]), int(row["height"])):
        return f"{answer.width} x {answer.height} pixels"
    prepared = prepare(pixels, Recipe())
    return None if prepared.shape == (224, 224, 3) else "not prepared"


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_each_file_as_the_manifest_says(corpus, chunk, silent_stderr):
    folder, rows = corpus
    wrong = {}
    for row in rows[chunk::CHUNKS]:
        fault = faults(row, read(folder / row["file"]))
        if fault:
            wrong[row["file"]] = fault
    assert wrong == {}


def test_equal_pictures_have_equal_pixels(corpus):
    folder, rows = corpus
    compared = 0
    for row in rows:
        if not row["max_abs_diff"]:
            continue
        name = row["file"]
        reference = REFERENCES.get(row["group"]) or REFERENCES["hopper_gray" if "gray" in name else "hopper_256"]
        answer = read(folder / name)
        if isinstance(answer, ImageError):
            assert row["expect"] != "ok"
            continue
        expected = read_picture(folder / reference).pixels
        difference = np.abs(answer.pixels.astype(int) - expected).max()
        assert difference <= float(row["max_abs_diff"]), name
        compared += 1
    assert compared >= 60


def test_too_many_pixels_cost_nothing(corpus):
    folder, rows = corpus
    names = [row["file"] for row in rows if row["reason"] == "too_many_pixels"]
    assert len(names) >= 9
    for name, (answer, seconds, grown_kb) in zip(names, measured(folder / name for name in names), strict=True):
        assert (name, answer) == (name, "too_many_pixels")
        assert seconds < 0.5, name
        assert grown_kb < 100_000, name


def test_extreme_proportions_are_cheap(corpus):
    folder, rows = corpus
    names = [row["file"] for row in rows if row["reason"] == "aspect_ratio"]
    assert len(names) >= 3
    for name, (answer, seconds, grown_kb) in zip(names, measured(folder / name for name in names), strict=True):
        assert (name, answer) == (name, "read")
        assert seconds < 1, name
        assert grown_kb < 300_000, name


def test_the_limit_that_is_documented():
    assert MAX_PIXELS == 64_000_000
