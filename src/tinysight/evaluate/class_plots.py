"""Plots of classes, as SVG: which are taken for which, and how many of each are found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinysight.evaluate.intervals import Share
from tinysight.evaluate.svg import Drawing, clipped

MOST_NUMBERED = 20  # classes whose cells still have room for numbers
FEW = 8  # classes that can have large cells
MOST_NAMED = 60  # classes whose names still fit beside the cells
NAME_CHARACTERS = 16
FAINTEST = 0.12  # a single picture must still be seen
BAR_WIDTH, ROW_HEIGHT = 300, 24


def confusion_svg(confusion: NDArray[np.int64], names: Sequence[str]) -> str:
    """Draw which classes were taken for which: rows are the true classes, columns the answers.

    Colour follows the share of the row, right answers blue and wrong ones orange; up to 20 classes have numbers too.

    Args:
        confusion: int ``(K, K)``.
        names: of the classes, K.
    """
    count = len(names)
    cell = 48.0 if count <= FEW else 34.0 if count <= MOST_NUMBERED else max(2.0, 640 / count)
    named = count <= MOST_NAMED
    left, top = (130.0, 124.0) if named else (44.0, 40.0)
    right = int(np.trace(confusion))
    drawing = Drawing(
        left + count * cell + (56 if named else 16),
        top + count * cell + 16,
        "Confusion matrix",
        f"{count} classes; {right} of {int(confusion.sum())} pictures are on the diagonal, named right.",
    )
    for at in range(count):
        _names(drawing, names[at], left, top, (at + 0.5) * cell, cell, named)
    drawing.rect(left, top, count * cell, count * cell, "grid", opacity=0.35)
    totals = np.maximum(confusion.sum(axis=1), 1)
    for row, column in np.argwhere(confusion > 0).tolist():
        pictures = int(confusion[row, column])
        share = pictures / int(totals[row])
        hint = f"{pictures} of {int(totals[row])} {names[row]}: called {names[column]}"
        x, y, gap = left + column * cell, top + row * cell, min(1.0, cell / 12)
        opacity = FAINTEST + (1 - FAINTEST) * share
        fill = "blue" if row == column else "orange"
        drawing.rect(x + gap, y + gap, cell - 2 * gap, cell - 2 * gap, fill, opacity=opacity, hint=hint)
        if count <= MOST_NUMBERED:
            text = "on" if opacity > 0.55 else "ink"
            size = 12 if pictures < 1000 else 10
            drawing.text(x + cell / 2, y + cell / 2 + 4, str(pictures), text, size=size, hint=hint)
    drawing.text(left + count * cell / 2, 14, "the model said", "soft", bold=True)
    drawing.text(14, top + count * cell / 2, "it is", "soft", bold=True, turned=-90)
    return drawing.svg()


def _names(drawing: Drawing, name: str, left: float, top: float, middle: float, cell: float, named: bool) -> None:
    if not named:
        return
    size = min(12.0, cell * 0.9)
    short = clipped(name, NAME_CHARACTERS)
    drawing.text(left - 8, top + middle + size / 3, short, anchor="end", size=size, hint=name)
    drawing.text(left + middle, top - 8, short, anchor="start", size=size, turned=-50, hint=name)


def class_bars_svg(names: Sequence[str], recalls: Sequence[Share]) -> str:
    """Draw the share of each class's pictures that was named right, with its 95 % interval as a line.

    Args:
        names: of the classes, at least one.
        recalls: of the same.
    """
    left, top = 150.0, 30.0
    height = top + len(names) * ROW_HEIGHT + 12
    worst = min(range(len(names)), key=lambda index: recalls[index].value)
    drawing = Drawing(
        left + BAR_WIDTH + 110,
        height,
        "Share named right, by class",
        f"{len(names)} classes; the lowest is {names[worst]} with {recalls[worst].value:.0%}.",
    )
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = left + tick * BAR_WIDTH
        drawing.line([(x, top - 4), (x, height - 8)], "grid")
        drawing.text(x, top - 10, f"{tick:.0%}", "soft", size=11)
    for row, (name, found) in enumerate(zip(names, recalls, strict=True)):
        middle = top + (row + 0.5) * ROW_HEIGHT
        hint = f"{name}: {found.hits} of {found.pictures}, 95 % interval {found.low:.1%} to {found.high:.1%}"
        drawing.text(left - 10, middle + 4, clipped(name, NAME_CHARACTERS + 4), anchor="end", hint=name)
        drawing.rect(left, middle - 7, max(found.value * BAR_WIDTH, 1), 14, "blue", opacity=0.45, hint=hint)
        ends = left + found.low * BAR_WIDTH, left + found.high * BAR_WIDTH
        drawing.line([(ends[0], middle), (ends[1], middle)], "ink", 1.5)
        for end in ends:
            drawing.line([(end, middle - 4), (end, middle + 4)], "ink", 1.5)
        text = f"{found.value:.1%} of {found.pictures}"
        drawing.text(left + BAR_WIDTH + 14, middle + 4, text, "soft", anchor="start", size=11)
    return drawing.svg()
