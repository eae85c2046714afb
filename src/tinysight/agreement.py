"""Pictures to measure with, and whether two ways to compute give the same answers to them."""

from __future__ import annotations

import csv
import math
import os
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
    ``labels.csv``; ``unreadable``: why files were left out, a line each.
    """

    images: NDArray[np.uint8]
    classes: NDArray[np.intp] | None
    unreadable: tuple[str, ...]


def listed(folder: Path, num_classes: int | None = None) -> list[tuple[Path, int | None]]:
    """Return the pictures of a folder: those of its ``labels.csv`` (columns ``file``, ``index``), or all without.

    Args:
        folder: with pictures, also in folders inside it.
        num_classes: of the model; None takes any index from 0 on.

    Raises:
        UsageError: no picture, a list that cannot be read or without these columns, or an index of no class.
    """
    table = folder / LABELS
    if not os.path.lexists(table):
        found = [(Path(one.name), None) for one in find_pictures([str(folder)]) if one.problem is None]
        if not found:
            raise UsageError(f"no picture in {printable(str(folder))}")
        return list(found)
    where = printable(str(table))
    if not table.is_file():
        raise UsageError(f"{where} cannot be read: it is not a regular file")
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if not {"file", "index"} <= set(reader.fieldnames or ()):
                names = printable(", ".join(reader.fieldnames or ()), 100)
                raise UsageError(f"{where} must have the columns file and index, received {names or 'none'}")
            rows: list[tuple[Path, int | None]] = [
                (folder / _file(row["file"], where), _class(row["index"], num_classes, where)) for row in reader
            ]
    except (OSError, UnicodeError, csv.Error) as error:
        raise UsageError(f"{where} cannot be read as a table in UTF-8: {printable(str(error), 100)}") from None
    if not rows:
        raise UsageError(f"{where} lists no picture")
    return rows


def _file(name: str | None, where: str) -> str:
    if not name:
        raise UsageError(f"{where}: every row must name a file")
    return name


def _class(text: str | None, num_classes: int | None, where: str) -> int:
    shown = printable(str(text), 40)
    if text is None or not text.strip().isdecimal() or len(text) > 9:
        raise UsageError(f"{where}: an index must be a whole number from 0 on, received {shown!r}")
    if num_classes is not None and int(text) >= num_classes:
        raise UsageError(f"{where}: the model has the classes 0 to {num_classes - 1}, received {shown}")
    return int(text)


def read_photographs(
    folder: Path, recipe: Recipe, limit: int | None = None, num_classes: int | None = None
) -> Photographs:
    """Read and prepare the pictures of a folder.

    Args:
        folder: of pictures, with or without ``labels.csv``.
        recipe: how they are prepared.
        limit: read no more than this many, spread evenly over the folder.
        num_classes: of the model whose classes the list tells; None takes any index.

    Raises:
        UsageError: as ``listed``, or none that can be read.
    """
    files = listed(folder, num_classes)
    if limit is not None and len(files) > limit:
        files = [files[number * len(files) // limit] for number in range(limit)]
    images, classes, unreadable = [], [], []
    for path, index in files:
        try:
            images.append(prepare(read_picture(path, wanted_px=recipe.wanted_px).pixels, recipe))
        except ImageError as error:
            unreadable.append(str(error))
            continue
        classes.append(index)
    if not images:
        raise UsageError(f"no picture in {printable(str(folder))} can be read; the first: {unreadable[0]}")
    known = None if any(index is None for index in classes) else np.array(classes, np.intp)
    return Photographs(np.stack(images), known, tuple(unreadable))


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
