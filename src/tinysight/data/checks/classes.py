"""Classes: how many, how large, in which parts, and what they are called."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from tinysight.data.dataset import PARTS
from tinysight.data.examined import Examined
from tinysight.data.findings import Finding
from tinysight.errors import printable

SMALL = 10  # pictures of a class, of which the usual shares measure with two and choose with one
IMBALANCE = 10  # times the smallest class: a network that never says its name is then nearly as often right


def sizes(examined: Examined) -> Iterator[Finding]:
    """Yield too few classes, small ones, and very different ones; only pictures that can be used count."""
    names = examined.dataset.classes
    counts = [sum(parts) for parts in examined.counts()]
    if len(names) == 1:
        yield Finding("one_class", f"all pictures are {printable(names[0], 60)}: there is nothing to tell apart")
    for name, count in zip(names, counts, strict=True):
        if count < SMALL:
            yield Finding(
                "small_class",
                f"{printable(name, 60)} has {count} of the {SMALL} usable pictures or more that are wanted",
            )
    least, most = min(counts), max(counts)
    if 0 < IMBALANCE * least < most:
        smallest, largest = (printable(names[counts.index(count)], 60) for count in (least, most))
        yield Finding("imbalance", f"{largest} has {most} pictures, {smallest} {least}: {most / least:.0f} times fewer")


def parts(examined: Examined) -> Iterator[Finding]:
    """Yield parts without pictures, and classes that a part which the data give does not have."""
    given = {example.part for example in examined.dataset.examples if example.part is not None}
    listed = {one.why for one in examined.ignored if one.kind == "empty_part"}
    for number, part in enumerate(PARTS):
        without = [
            examined.dataset.classes[label]
            for label, name_counts in enumerate(_given_counts(examined))
            if not name_counts[number]
        ]
        if part in given:
            for name in without:
                yield Finding("class_missing_in_part", f"{printable(name, 60)} has no picture in {part}")
    if not listed and examined.wants_test and len(examined.split.of("test")) == 0:
        yield Finding("empty_part", "no picture is left to measure with")


def _given_counts(examined: Examined) -> list[list[int]]:
    table = [[0] * len(PARTS) for _ in examined.dataset.classes]
    for example in examined.dataset.examples:
        if example.part is not None:
            table[example.label][PARTS.index(example.part)] += 1
    return table


def names(examined: Examined) -> Iterator[Finding]:
    """Yield names that are nearly the same, that are hard to write, and an order that surprises."""
    classes = examined.dataset.classes
    groups: dict[str, list[str]] = {}
    for name in classes:
        groups.setdefault("".join(unicodedata.normalize("NFKC", name).casefold().split()), []).append(name)
    for alike in groups.values():
        if len(alike) > 1:
            yield Finding("alike_names", ", ".join(ascii(name) for name in alike))
    for name in classes:
        problem = _odd(name)
        if problem is not None:
            yield Finding("odd_class_name", f"{name!a} {problem}")
    counted = sorted(classes, key=_natural)
    if list(classes) == sorted(classes) and counted != list(classes):
        first, other = next((a, b) for a, b in zip(classes, counted, strict=True) if a != b)
        yield Finding("class_order", f"{printable(first, 60)} comes before {printable(other, 60)}, as in Keras")


def _odd(name: str) -> str | None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    if not name.isprintable():
        return "has characters that cannot be seen"
    return "begins or ends with a space" if name != name.strip() else None


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that counts: ``class2`` before ``class10``."""
    pieces = re.split(r"([0-9]+)", name)
    return [(0, int(piece), "") if piece[:1].isascii() and piece.isdecimal() else (1, 0, piece) for piece in pieces]
