"""Pictures to measure with, and whether two ways to compute give the same answers to them."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import ImageError, UsageError, printable
from tinysight.pictures import find_pictures
from tinysight.preprocess import Recipe, prepare, read_picture

LABELS = "labels.csv"


class Photographs(NamedTuple):
    """Prepared pictures.

    ``images`` uint8 ``(N, R, R, 3)``; ``classes`` their class indices, int ``(N,)``, None where the folder has no
    ``labels.csv``; ``unreadable``: how many files were left out.
    """

    images: NDArray[np.uint8]
    classes: NDArray[np.intp] | None
    unreadable: int


def listed(folder: Path) -> list[tuple[Path, int | None]]:
    """Return the pictures of a folder: those of its ``labels.csv`` (columns ``file``, ``index``), or all without.

    Raises:
        UsageError: no picture, or a list without these columns.
    """
    table = folder / LABELS
    if not table.is_file():
        return [(Path(found.name), None) for found in find_pictures([str(folder)]) if found.problem is None]
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        return [(folder / row["file"], int(row["index"])) for row in rows]
    except (KeyError, TypeError, ValueError):
        raise UsageError(
            f"{printable(str(table))} must have the columns file and index, the index a whole number"
        ) from None


def read_photographs(folder: Path, recipe: Recipe, limit: int | None = None) -> Photographs:
    """Read and prepare the pictures of a folder.

    Args:
        folder: of pictures, with or without ``labels.csv``.
        recipe: how they are prepared.
        limit: read no more than this many, spread evenly over the folder.

    Raises:
        UsageError: none that can be read.
    """
    files = listed(folder)
    if limit is not None and len(files) > limit:
        files = [files[number * len(files) // limit] for number in range(limit)]
    images, classes, unreadable = [], [], 0
    for path, index in files:
        try:
            images.append(prepare(read_picture(path, wanted_px=recipe.wanted_px).pixels, recipe))
        except ImageError:
            unreadable += 1
            continue
        classes.append(index)
    if not images:
        raise UsageError(f"no picture in {printable(str(folder))} can be read")
    known = None if any(index is None for index in classes) else np.array(classes, np.intp)
    return Photographs(np.stack(images), known, unreadable)


def same_answers(logits: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """Return the share of pictures whose first answer is the same, 0..1; both ``(N, classes)``."""
    return float((logits.argmax(axis=1) == wanted.argmax(axis=1)).mean())


def top1(logits: NDArray[np.float32], classes: NDArray[np.intp]) -> float:
    """Return the share of pictures whose first answer is their class, 0..1."""
    return float((logits.argmax(axis=1) == classes).mean())


def signal_to_noise_db(given: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """Return how far numbers stand above their error, in decibels: 10 log10 of the ratio of mean squares.

    Args:
        given: any shape.
        wanted: the same shape.

    Returns:
        At most 200, for equal numbers.

    >>> signal_to_noise_db(np.float32([1.1, 2.2]), np.float32([1.0, 2.0])).__round__(2)
    20.0
    """
    signal = float(np.square(wanted, dtype=np.float64).sum())
    noise = float(np.square(given.astype(np.float64) - wanted).sum())
    return min(200.0, 10 * math.log10(max(signal, 1e-300) / max(noise, 1e-20 * max(signal, 1e-300))))
