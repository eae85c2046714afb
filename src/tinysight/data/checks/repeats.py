"""Pictures that are there more than once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tinysight.data.contents import UNREADABLE
from tinysight.data.dataset import LEFT_OUT, PARTS
from tinysight.data.examined import Examined
from tinysight.data.findings import Finding
from tinysight.data.repeats import same_contents
from tinysight.errors import printable


class _Group(NamedTuple):
    labels: str
    parts: str
    has_two_labels: bool
    has_two_parts: bool


def listed_twice(examined: Examined) -> Iterator[Finding]:
    """Yield files that a table has more than one row for."""
    rows: dict[str, list[int]] = {}
    for index, example in enumerate(examined.dataset.examples):
        rows.setdefault(str(example.path), []).append(index)
    for path, indexes in rows.items():
        if len(indexes) > 1:
            labels = dict.fromkeys(printable(examined.class_name(index), 60) for index in indexes)
            as_what = (
                f"with the labels {', '.join(labels)}" if len(labels) > 1 else f"each time as {next(iter(labels))}"
            )
            yield Finding("listed_twice", f"{len(indexes)} times, {as_what}", (path,))


def same_bytes(examined: Examined) -> Iterator[Finding]:
    """Yield groups of files with the same bytes; damaged ones have findings of their own."""
    contents = [UNREADABLE if facts.error is not None else facts.content for facts in examined.facts]
    for every in same_contents(contents):
        indexes = list({str(examined.dataset.examples[index].path): index for index in reversed(every)}.values())[::-1]
        if len(indexes) < 2:
            continue
        given = [PARTS.index(part) for index in indexes if (part := examined.dataset.examples[index].part) is not None]
        group = _described(examined, indexes, given)
        if group.has_two_labels:
            kind, message = "same_bytes_two_labels", f"labelled {group.labels}; all are left out"
        elif group.has_two_parts:
            kind, message = "same_bytes_two_parts", f"in {group.parts}; kept in one of them"
        else:
            kind, message = "same_bytes", f"in {group.labels}; the first is kept"
        yield Finding(kind, message, examined.files(indexes))


def near_copies(examined: Examined) -> Iterator[Finding]:
    """Yield groups of files that show nearly the same."""
    for indexes in examined.near:
        parts = [int(examined.split.parts[index]) for index in indexes]
        group = _described(examined, list(indexes), [part for part in parts if part != LEFT_OUT])
        if group.has_two_labels:
            kind, message = "near_copy_two_labels", f"labelled {group.labels}"
        elif group.has_two_parts:
            kind, message = "near_copy_two_parts", f"in {group.parts}: what is measured there flatters"
        else:
            kind, message = "near_copy", f"in {group.labels}"
        yield Finding(kind, message, examined.files(indexes))


def _described(examined: Examined, indexes: list[int], parts: list[int]) -> _Group:
    labels = dict.fromkeys(examined.class_name(index) for index in indexes)
    named = [PARTS[part] for part in sorted(set(parts))]
    shown = " and ".join(printable(label, 60) for label in labels)
    numbers = {examined.dataset.examples[index].label for index in indexes}
    return _Group(shown, " and ".join(named), len(numbers) > 1, len(named) > 1)
