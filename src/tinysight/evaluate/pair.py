"""Two evaluations of the same data, matched picture by picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import UsageError
from tinysight.evaluate.compare import Comparison, compare
from tinysight.evaluate.html import escape, lines, percent, plural, table
from tinysight.evaluate.run import Evaluation
from tinysight.evaluate.summary import share_fields

SURE = 0.05  # the usual bound for a p-value; above it nothing is claimed
FLIPS_SHOWN = 100


@dataclass(frozen=True, eq=False, slots=True)
class Pair:
    """Two models on the pictures that both could be measured on.

    Args:
        first, second: what each said; their class numbers may differ.
        places: indexes of the common pictures in the first and in the second, int ``(N, 2)``.
        comparison: its indexes count in ``places``.
    """

    first: Evaluation
    second: Evaluation
    places: NDArray[np.intp]
    comparison: Comparison

    @property
    def names(self) -> tuple[str, str]:
        """What to call the two, also where their cards have the same name; it may come from a stranger's file."""
        first, second = self.first.model, self.second.model
        return (first, second) if first != second else (f"{first} (first)", f"{second} (second)")

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Why pictures could not be read, a line each."""
        return tuple(dict.fromkeys((*self.first.unreadable, *self.second.unreadable)))

    @property
    def left_out_seen(self) -> int:
        """Pictures left out because one of the two was trained on them."""
        one = self.first
        return len(one.paths) + len(one.unreadable) + one.left_out_seen - len(self.unreadable) - len(self.places)


@dataclass(frozen=True, slots=True)
class Flip:
    """A picture that only one of the two named right: what it is, and what each said."""

    path: Path
    label: str
    first: str
    second: str


def pair(first: Evaluation, second: Evaluation) -> Pair:
    """Match two evaluations by file, so that only what both have seen is compared.

    Raises:
        UsageError: they share no picture.
    """
    where = {path: index for index, path in enumerate(second.paths)}
    places = np.array([(at, where[path]) for at, path in enumerate(first.paths) if path in where], np.intp)
    if not len(places):
        raise UsageError("the two models share no picture that could be measured on")
    return Pair(first, second, places, compare(first.correct[places[:, 0]], second.correct[places[:, 1]]))


def flips(found: Pair, which: NDArray[np.intp]) -> list[Flip]:
    """Return pictures of a pair, ``comparison.lost`` or ``comparison.won``, with both answers."""
    first, second = found.first, found.second
    said = first.predicted, second.predicted
    return [
        Flip(first.paths[a], first.name(int(first.truth[a])), first.name(int(said[0][a])), second.name(int(said[1][b])))
        for a, b in found.places[which].tolist()
    ]


def verdict(comparison: Comparison, first: str, second: str) -> str:
    """Say in words what a comparison shows.

    >>> from tinysight.evaluate.compare import compare
    >>> verdict(compare(np.ones(9, bool), np.ones(9, bool)), "a", "b")
    'a and b name the same pictures right'
    """
    flipped = len(comparison.lost) + len(comparison.won)
    if not flipped:
        return f"{first} and {second} name the same pictures right"
    if comparison.p_value >= SURE:
        return f"these pictures cannot tell which of the two is better (p = {comparison.p_value:.2g})"
    better = second if comparison.difference > 0 else first
    return f"{better} is better (p = {comparison.p_value:.2g})"


def pair_fields(found: Pair) -> dict[str, Any]:
    """Return a comparison as JSON holds it; docs/json.md tells the keys."""
    one, comparison = found.first, found.comparison
    changed = [
        {"file": str(flip.path), "label": flip.label, "first": flip.first, "second": flip.second, "right": right}
        for right, which in (("first", comparison.lost), ("second", comparison.won))
        for flip in flips(found, which)
    ]
    return {
        "model": one.model,
        "precision": one.precision,
        "model_b": found.second.model,
        "precision_b": found.second.precision,
        "data": one.where,
        "images": len(found.places),
        **share_fields("top1", comparison.first),
        **share_fields("top1_b", comparison.second),
        "difference": round(comparison.difference, 5),
        "difference_low": round(comparison.low, 5),
        "difference_high": round(comparison.high, 5),
        "p_value": comparison.p_value,
        "only_first_right": len(comparison.lost),
        "only_second_right": len(comparison.won),
        "flipped": changed,
        "unreadable": len(found.unreadable),
        "left_out_seen": found.left_out_seen,
    }


def pair_section(found: Pair) -> tuple[str, str]:
    """Return a part for the first model's report: how it stands to the second."""
    comparison, names = found.comparison, found.names
    rows = [
        (name, f"{one.hits:,} of {one.pictures:,}", percent(one.value))
        for name, one in zip(names, (comparison.first, comparison.second), strict=True)
    ]
    words = (
        f"<p>On the same pictures: {escape(verdict(comparison, *names))}. Second less first: "
        f"{100 * comparison.difference:+.1f} points, 95 % interval {100 * comparison.low:+.1f} to "
        f"{100 * comparison.high:+.1f}.</p>"
    )
    parts = [words, table(("model", "named right", "share"), rows)]
    for name, which in zip(names, (comparison.lost, comparison.won), strict=True):
        texts = [
            f"{found.first.shown(flip.path)}: {flip.label}; {flip.first} / {flip.second}"
            for flip in flips(found, which)
        ]
        title = f"<summary>{plural(len(which), 'picture')} only {escape(name)} named right</summary>"
        parts.append(f"<details>{title}{lines(texts, FLIPS_SHOWN)}</details>")
    return f"Against {names[1]}", "".join(parts)
