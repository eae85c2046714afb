"""A few shapes as SVG text: enough for the plots of a report, nothing more.

Colours are CSS classes with a light and a dark value. A plot that stands in a page takes the page's: each colour is a
variable ``--ts-NAME`` where the page sets one. No style stands in an attribute, so that a page may forbid those.
Coordinates are pixels, x to the right and y down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from tinysight.evaluate.html import escape

Point = tuple[float, float]

# name -> (light, dark); text and lines reach a contrast of 4.5 and 3 to the page
COLOURS = {
    "page": ("#ffffff", "#12161d"),
    "ink": ("#1b2230", "#e8ecf3"),
    "soft": ("#5a6475", "#9aa5b8"),
    "grid": ("#e3e7ee", "#2a313d"),
    "blue": ("#2f6fdb", "#6aa0ff"),
    "orange": ("#c2570c", "#ff9a4d"),
    "green": ("#1a7f5a", "#4cc79a"),
    "violet": ("#7a4fc9", "#b491ff"),
    "red": ("#c8324a", "#ff7a8c"),
    "grey": ("#737d8c", "#8b96a8"),
    "on": ("#ffffff", "#0c1118"),  # text on full colour
}
SERIES = ("blue", "orange", "green", "violet", "red", "grey")
DASHES = ("", "7 4", "2 4", "10 3 2 3", "5 2", "1 3")  # lines differ in more than colour
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"


def style() -> str:
    """Return the style sheet of all plots: one text, so that a page can name it by its hash."""

    def rules(which: int) -> str:
        return "".join(
            f".ts-{name}{{fill:var(--ts-{name},{pair[which]})}}.tl-{name}{{stroke:var(--ts-{name},{pair[which]})}}"
            for name, pair in COLOURS.items()
        )

    return f"{rules(0)}.tl{{fill:none}}@media (prefers-color-scheme:dark){{{rules(1)}}}"


def number(value: float) -> str:
    """Write a coordinate.

    >>> number(12.04), number(3.5)
    ('12', '3.5')
    """
    return f"{value:.1f}".removesuffix(".0")


class Drawing:
    """One plot; the methods add shapes, ``svg()`` is its text.

    Args:
        width: in pixels.
        height: in pixels.
        title: what a screen reader says first.
        description: what the plot shows, in words.
    """

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        self.width, self.height = width, height
        self.title, self.description = title, description
        self.body: list[str] = []
        self.rect(0, 0, width, height, "page")

    def rect(
        self, x: float, y: float, width: float, height: float, fill: str, *, opacity: float = 1, hint: str = ""
    ) -> None:
        """Add a filled rectangle; ``hint`` is shown under the pointer."""
        faint = f' fill-opacity="{opacity:.3f}"' if opacity < 1 else ""
        place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
        self.body.append(f'<rect {place} class="ts-{fill}"{faint}{_end("rect", hint)}')

    def line(self, points: Iterable[Point], stroke: str, width: float = 1, dash: str = "") -> None:
        """Add a line through points."""
        corners = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        ends = ' stroke-linejoin="round"'
        self.body.append(
            f'<polyline points="{corners}" class="tl tl-{stroke}" stroke-width="{number(width)}"{dashes}{ends}/>'
        )

    def dot(self, x: float, y: float, radius: float, fill: str, hint: str = "") -> None:
        """Add a filled circle."""
        place = f'cx="{number(x)}" cy="{number(y)}" r="{number(radius)}"'
        self.body.append(f'<circle {place} class="ts-{fill}"{_end("circle", hint)}')

    def text(
        self,
        x: float,
        y: float,
        words: str,
        fill: str = "ink",
        *,
        size: float = 12,
        anchor: str = "middle",
        bold: bool = False,
        turned: float = 0,
        hint: str = "",
    ) -> None:
        """Add a line of text, its base line at ``y``, turned by so many degrees about its anchor."""
        weight = ' font-weight="600"' if bold else ""
        turn = f' transform="rotate({number(turned)} {number(x)} {number(y)})"' if turned else ""
        place = f'x="{number(x)}" y="{number(y)}" font-size="{number(size)}" text-anchor="{anchor}"'
        title = f"<title>{escape(hint)}</title>" if hint else ""
        self.body.append(f'<text {place} class="ts-{fill}"{weight}{turn}>{title}{escape(words)}</text>')

    def svg(self) -> str:
        """Return the plot, as it can stand in a page or, alone, in a file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{number(self.width)}" height="{number(self.height)}" '
            f'viewBox="0 0 {number(self.width)} {number(self.height)}" role="img" font-family="{FONT}">'
        )
        words = f"<title>{escape(self.title)}</title><desc>{escape(self.description)}</desc>"
        return "\n".join([head, words, f"<style>{style()}</style>", *self.body, "</svg>", ""])


def _end(element: str, hint: str) -> str:
    return f"><title>{escape(hint)}</title></{element}>" if hint else "/>"


def clipped(words: str, limit: int) -> str:
    """Shorten text to ``limit`` characters.

    >>> clipped("great white shark", 9)
    'great wh…'
    """
    return words if len(words) <= limit else words[: limit - 1] + "…"


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about ``count`` round numbers from ``low`` to ``high``, both finite.

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = high - low
    if not span > 0:
        return [low]
    raw = span / count
    power = 10.0 ** _floor_log10(raw)
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= raw * 0.999)
    first = -(-low // step)
    found = [round((first + at) * step, 12) for at in range(int(span / step) + 2)]
    return [value for value in found if low - step * 1e-6 <= value <= high + step * 1e-6]


def _floor_log10(value: float) -> int:
    return int(f"{value:e}".split("e")[1])


def spaced(places: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Move labels apart: return places near the given ones, at least ``least`` apart where there is room.

    >>> spaced([10, 12, 50], 14, 0, 100)
    [10, 24, 50]
    """
    order = sorted(range(len(places)), key=lambda index: places[index])
    moved = list(places)
    for before, after in pairwise(order):
        moved[after] = max(moved[after], moved[before] + least)
    if order and moved[order[-1]] > high:  # too low on the page: push back up
        moved[order[-1]] = high
        for after, before in pairwise(order[::-1]):
            moved[before] = max(low, min(moved[before], moved[after] - least))
    return moved
