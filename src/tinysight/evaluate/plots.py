"""Plots of shares and courses, as SVG: lines over steps, reliability, risk over coverage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tinysight.errors import UsageError
from tinysight.evaluate.calibration import ReliabilityBin
from tinysight.evaluate.intervals import wilson
from tinysight.evaluate.svg import DASHES, SERIES, Drawing, Point, clipped, spaced, ticks

WIDTH, HEIGHT = 480, 300
LEFT, TOP, BOTTOM = 58, 18, 50
NAME_CHARACTERS = 18
MOST_POINTS = 600  # more than a plot has pixels to show


class Axes(NamedTuple):
    """Where numbers lie in a drawing: the ranges shown and the rectangle, in pixels, that shows them."""

    drawing: Drawing
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    box: tuple[float, float, float, float]  # left, top, right, bottom

    def at(self, x: float, y: float) -> Point:
        """Return the pixel of a pair of numbers."""
        left, top, right, bottom = self.box
        across = (x - self.x_range[0]) / (self.x_range[1] - self.x_range[0])
        up = (y - self.y_range[0]) / (self.y_range[1] - self.y_range[0])
        return left + across * (right - left), bottom - up * (bottom - top)

    def frame(self, x_label: str, y_label: str, percent: tuple[bool, bool] = (False, False)) -> None:
        """Draw grid lines, their numbers and what the axes are."""
        left, top, right, bottom = self.box
        for value in ticks(*self.y_range):
            y = self.at(self.x_range[0], value)[1]
            self.drawing.line([(left, y), (right, y)], "grid")
            self.drawing.text(left - 8, y + 4, _tick(value, percent[1]), "soft", anchor="end", size=11)
        for value in ticks(*self.x_range):
            x = self.at(value, self.y_range[0])[0]
            self.drawing.line([(x, bottom), (x, bottom + 4)], "soft")
            self.drawing.text(x, bottom + 18, _tick(value, percent[0]), "soft", size=11)
        self.drawing.line([(left, bottom), (right, bottom)], "soft")
        self.drawing.text((left + right) / 2, bottom + 38, x_label, "soft")
        self.drawing.text(16, (top + bottom) / 2, y_label, "soft", turned=-90)


def _tick(value: float, percent: bool) -> str:
    return f"{100 * value:.4g} %" if percent else f"{value:.6g}"


def _padded(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    reach = (high - low) * 0.05 or abs(low) * 0.1 or 1.0
    return low - reach, high + reach


def curves_svg(
    series: Mapping[str, Sequence[Point]], x_label: str, y_label: str, *, title: str = "", percent: bool = False
) -> str:
    """Draw lines over a common axis, such as the loss over the epochs, each with its name at its end.

    Args:
        series: name -> points (x, y) with rising x, finite; six at most.
        x_label: what x is, with its unit.
        y_label: what y is.
        title: for screen readers; made of the labels where empty.
        percent: write y, a share of 0..1, in percent.

    Returns:
        SVG text; it stands alone in a file or in a page.

    Raises:
        UsageError: no series, too many, one without points, or a number that is not finite.
    """
    if not 1 <= len(series) <= len(SERIES) or not all(series.values()):
        raise UsageError(f"curves_svg takes 1 to {len(SERIES)} series with points, received {len(series)}")
    points = [point for one in series.values() for point in one]
    if not all(math.isfinite(value) for point in points for value in point):
        raise UsageError("a curve holds a number that is not finite (NaN or infinity)")
    last = "; ".join(f"{name} ends at {_tick(one[-1][1], percent)}" for name, one in series.items())
    drawing = Drawing(WIDTH, HEIGHT, title or f"{y_label} over {x_label}", f"Lines over {x_label}: {last}.")
    right = WIDTH - 24 - 7 * min(NAME_CHARACTERS, max(map(len, series)))
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x_range = (min(xs), max(xs)) if min(xs) < max(xs) else _padded(xs)
    axes = Axes(drawing, x_range, _padded(ys), (LEFT, TOP, right, HEIGHT - BOTTOM))
    axes.frame(x_label, y_label, (False, percent))
    ends = spaced([axes.at(*one[-1])[1] for one in series.values()], 15, TOP, HEIGHT - BOTTOM)
    for (name, one), colour, dash, y in zip(series.items(), SERIES, DASHES, ends, strict=False):
        drawing.line([axes.at(*point) for point in thinned(one)], colour, 2, dash)
        drawing.dot(*axes.at(*one[-1]), 3.5, colour)
        drawing.text(right + 10, y + 4, clipped(name, NAME_CHARACTERS), colour, anchor="start", bold=True, hint=name)
    return drawing.svg()


def thinned(points: Sequence[Point]) -> list[Point]:
    """Return at most ``MOST_POINTS`` points, spread evenly, the first and the last among them."""
    count = min(len(points), MOST_POINTS)
    return [points[at * (len(points) - 1) // max(count - 1, 1)] for at in range(count)]


def reliability_svg(bins: Sequence[ReliabilityBin]) -> str:
    """Draw how often answers are right against how sure the model was; on the diagonal the two agree.

    Args:
        bins: of ``calibration.reliability_bins``, at least one.
    """
    side = 360
    worst = max(bins, key=lambda one: one.pictures * abs(one.accuracy - one.confidence))
    drawing = Drawing(
        side + 90,
        side + 30,
        "Reliability diagram",
        f"Share right against probability given, in {len(bins)} bins. Furthest off: {worst.pictures} pictures with "
        f"{worst.confidence:.0%} on average, of which {worst.accuracy:.0%} were right.",
    )
    axes = Axes(drawing, (0, 1), (0, 1), (LEFT, TOP, side + 62, side - 20))
    axes.frame("probability the model gave", "share that was right", (True, True))
    drawing.line([axes.at(0, 0), axes.at(1, 1)], "grey", 1.5, "4 4")
    drawing.text(*axes.at(0.03, 0.95), "above the line: too modest", "soft", size=11, anchor="start")
    drawing.text(*axes.at(0.97, 0.04), "below: too sure", "soft", size=11, anchor="end")
    most = max(one.pictures for one in bins)
    for one in bins:
        low, high = wilson(one.hits, one.pictures)
        x, y = axes.at(one.confidence, one.accuracy)
        drawing.line([axes.at(one.confidence, low), axes.at(one.confidence, high)], "blue", 1.5)
        hint = f"{one.pictures} pictures given {one.confidence:.0%}: {one.accuracy:.0%} right"
        drawing.dot(x, y, 3 + 6 * math.sqrt(one.pictures / most), "blue", hint)
    return drawing.svg()


def risk_coverage_svg(curve: Sequence[Point], mark: Point | None = None) -> str:
    """Draw the share of wrong answers against the share of pictures that are answered, the surest first.

    Args:
        curve: of ``rejection.risk_coverage``, at least one point.
        mark: the point to point at, (coverage, risk).
    """
    drawing = Drawing(
        WIDTH,
        HEIGHT,
        "Risk over coverage",
        f"Share wrong when only the surest are answered; {curve[-1][1]:.1%} are wrong when all are.",
    )
    axes = Axes(
        drawing, (0, 1), (0, max(0.02, 1.1 * max(risk for _, risk in curve))), (LEFT, TOP, WIDTH - 24, HEIGHT - BOTTOM)
    )
    axes.frame("share of pictures answered, the surest first", "share of answers wrong", (True, True))
    drawing.line([axes.at(*point) for point in thinned(curve)], "blue", 2)
    if mark is not None:
        x, y = axes.at(*mark)
        drawing.dot(x, y, 5, "orange", f"{mark[0]:.1%} answered, {mark[1]:.1%} of them wrong")
        drawing.text(x - 8, y - 10, f"{mark[0]:.1%} answered, {mark[1]:.1%} wrong", "orange", anchor="end", bold=True)
    return drawing.svg()
