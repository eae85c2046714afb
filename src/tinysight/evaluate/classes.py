"""Which output of a model a data set's class means: by name, never by position."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinysight.data.dataset import Dataset
from tinysight.data.layout import TABLES
from tinysight.data.table import TABLE_SUFFIXES, read_table
from tinysight.errors import UsageError, printable
from tinysight.labels import Label, class_index

NAMED = 5  # classes shown in an error


def class_name(index: int, labels: Sequence[Label] | None) -> str:
    """Return what an output is called."""
    return f"class {index}" if labels is None else labels[index].name


def table_numbers(dataset: Dataset) -> tuple[int, ...] | None:
    """Return the index that a table gives each of its classes, in the order of the data's classes; None without.

    Raises:
        UsageError: the table cannot be read any more.
    """
    where = Path(dataset.where)
    table = (
        where
        if where.suffix.lower() in TABLE_SUFFIXES
        else next(filter(Path.is_file, map(where.joinpath, TABLES)), None)
    )
    if dataset.layout not in ("table", "metadata") or table is None:
        return None
    numbers = {row.number for row in read_table(table).rows}
    return None if None in numbers else tuple(sorted(number for number in numbers if number is not None))


def match_classes(
    names: Sequence[str],
    labels: Sequence[Label] | None,
    num_classes: int,
    numbers: Sequence[int] | None = None,
) -> NDArray[np.intp]:
    """Return the model's class of each of a data set's classes.

    A name, with spaces or underscores, comes before a wnid and an index: a model whose classes are called 0, 1, 10, 2
    means its third class by ``10``. Where several classes have a name (crane), the table's index tells which is meant;
    without one they are taken in order if the data has as many of that name, and refused otherwise.

    Args:
        names: classes of the data.
        labels: of the model, or None: its classes are then known by index only.
        num_classes: of the model.
        numbers: index of each name in the table it comes from, if it has one.

    Returns:
        ``(len(names),)``, 0..num_classes-1, no two equal.

    Raises:
        UsageError: a class that the model does not have, one that several have, or two that mean the same.
    """
    outputs: dict[str, list[int]] = {}
    for index, label in enumerate(labels or ()):
        for spelling in {label.name, label.keras_name, label.name.casefold(), label.keras_name.casefold()}:
            outputs.setdefault(spelling, []).append(index)
    found: list[int | None] = []
    for at, name in enumerate(names):
        candidates = outputs.get(name) or outputs.get(name.casefold(), [])
        place = None if numbers is None else numbers[at]
        found.append(place if place in candidates else _match(at, names, candidates, labels, num_classes))
    missing = [name for name, index in zip(names, found, strict=True) if index is None]
    if missing:
        has = printable(", ".join(class_name(i, labels) for i in range(min(NAMED, num_classes))), 200)
        raise UsageError(
            f"the model has no class {', '.join(repr(printable(name, 60)) for name in missing[:NAMED])}"
            f"{_more(len(missing))}; it has {num_classes:,} classes: {has}{', ...' if num_classes > NAMED else ''}"
        )
    indexes = np.array(found, np.intp)
    if len(set(indexes.tolist())) < len(indexes):
        twice = next(index for index in indexes.tolist() if (indexes == index).sum() > 1)
        same = [repr(printable(name, 60)) for name, index in zip(names, found, strict=True) if index == twice]
        raise UsageError(f"the data's classes {' and '.join(same[:2])} both mean the model's class {twice}")
    return indexes


def _match(
    at: int, names: Sequence[str], candidates: list[int], labels: Sequence[Label] | None, num_classes: int
) -> int | None:
    if len(candidates) == 1:
        return candidates[0]
    same = [place for place, other in enumerate(names) if other == names[at]]
    if candidates and len(same) == len(candidates):
        return candidates[same.index(at)]
    try:
        return class_index(names[at], labels, num_classes)
    except UsageError:
        if candidates:  # the message names the indexes to choose from
            raise
        return None


def _more(missing: int) -> str:
    return f" and {missing - NAMED} more" if missing > NAMED else ""
