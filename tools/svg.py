"""A few shapes as SVG text: enough for the diagrams of the documentation, nothing more.

Colours are CSS classes, so that one file reads well on a light and on a dark page; each picture brings its own
background. Coordinates are pixels, x to the right and y down.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape

Point = tuple[float, float]

# class -> (light, dark)
FILLS = {
    "page": ("#ffffff", "#0d1117"),
    "panel": ("#f6f8fa", "#161b22"),
    "ink": ("#1f2328", "#e6edf3"),
    "soft": ("#59636e", "#9198a1"),
    "red": ("#e5644e", "#e5644e"),
    "green": ("#4caf7a", "#4caf7a"),
    "blue": ("#3b82d0", "#3b82d0"),
    "violet": ("#8a67cd", "#8a67cd"),
    "violet-dark": ("#6d4cb0", "#6d4cb0"),
    "violet-light": ("#b5a0e2", "#b5a0e2"),
    "amber": ("#f0b429", "#f0b429"),
    "amber-dark": ("#c78f0e", "#c78f0e"),
    "amber-light": ("#f8d477", "#f8d477"),
    "blue-dark": ("#2a66a8", "#2a66a8"),
    "blue-light": ("#8dbaf0", "#8dbaf0"),
    "grey": ("#8c959f", "#7d8590"),
    "grey-dark": ("#6e7781", "#5d646d"),
    "grey-light": ("#b4bbc3", "#a0a8b1"),
    "white": ("#ffffff", "#ffffff"),
    "ink-fixed": ("#1f2328", "#1f2328"),  # on coloured shapes, which do not change with the page
    "none": ("none", "none"),
}
STROKES = {
    "edge": ("#1f2328", "#010409"),  # the outline of coloured shapes
    "grid": ("#ffffff", "#0d1117"),  # lines inside coloured shapes
    "wire": ("#59636e", "#9198a1"),  # arrows, axes, brackets
    "strong": ("#1f2328", "#e6edf3"),
    "curve": ("#d1495b", "#f0788a"),
    "border": ("#d1d9e0", "#30363d"),
}
FONT = "Helvetica, Arial, 'DejaVu Sans', sans-serif"


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


class Drawing:
    """One picture; the methods add shapes, ``text()`` of it is the file."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self.body: list[str] = []
        self.rect(0, 0, width, height, "page", radius=8)

    def rect(
        self, x: float, y: float, width: float, height: float, fill: str, stroke: str = "", radius: float = 0
    ) -> None:
        corner = f' rx="{number(radius)}"' if radius else ""
        place = f'x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}"'
        self.body.append(f'<rect {place}{corner} class="{_classes(fill, stroke)}"/>')

    def polygon(self, points: Iterable[Point], fill: str, stroke: str = "") -> None:
        corners = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        self.body.append(f'<polygon points="{corners}" class="{_classes(fill, stroke)}"/>')

    def line(self, points: Iterable[Point], stroke: str = "wire", width: float = 1.5, dash: str = "") -> None:
        corners = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.body.append(
            f'<polyline points="{corners}" class="f-none s-{stroke}" stroke-width="{number(width)}"{dashes}/>'
        )

    def arrow(self, start: Point, end: Point, stroke: str = "wire", width: float = 1.5) -> None:
        (x0, y0), (x1, y1) = start, end
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        neck = (x1 - 8 * ux, y1 - 8 * uy)
        self.line([start, neck], stroke, width)
        left, right = (neck[0] - 4 * uy, neck[1] + 4 * ux), (neck[0] + 4 * uy, neck[1] - 4 * ux)
        self.polygon([end, left, right], {"wire": "soft", "strong": "ink"}[stroke])

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 14,
        fill: str = "ink",
        anchor: str = "middle",
        bold: bool = False,
    ) -> None:
        weight = ' font-weight="bold"' if bold else ""
        place = f'x="{number(x)}" y="{number(y)}" font-size="{number(size)}" text-anchor="{anchor}"{weight}'
        self.body.append(f'<text {place} class="f-{fill}">{escape(words.replace(" x ", " × "))}</text>')

    def grid(self, x: float, y: float, columns: int, rows: int, cell: float, fill: str) -> None:
        """Draw a sheet of cells."""
        width, height = columns * cell, rows * cell
        self.rect(x, y, width, height, fill)
        upright = "".join(f"M{number(x + i * cell)} {number(y)}v{number(height)}" for i in range(1, columns))
        level = "".join(f"M{number(x)} {number(y + j * cell)}h{number(width)}" for j in range(1, rows))
        if upright or level:
            self.body.append(f'<path d="{upright}{level}" class="s-grid" stroke-width="0.6"/>')
        self.rect(x, y, width, height, "none", "edge")

    def cuboid(self, x: float, y: float, width: float, height: float, depth: float, colour: str) -> None:
        """Draw a box: its front face at (x, y), its depth going up and to the right."""
        dx, dy = depth * 0.6, -depth * 0.4
        top = [(x, y), (x + dx, y + dy), (x + width + dx, y + dy), (x + width, y)]
        side = [(x + width, y), (x + width + dx, y + dy), (x + width + dx, y + height + dy), (x + width, y + height)]
        self.polygon(top, f"{colour}-light", "edge")
        self.polygon(side, f"{colour}-dark", "edge")
        self.rect(x, y, width, height, colour, "edge")

    def svg(self) -> str:
        """Return the file's text."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" role="img" font-family="{FONT}">'
        )
        return "\n".join([head, f"<title>{escape(self.title)}</title>", _style(), *self.body, "</svg>", ""])


def _classes(fill: str, stroke: str) -> str:
    return f"f-{fill} s-{stroke}" if stroke else f"f-{fill}"


def _style() -> str:
    def rules(which: int) -> str:
        fills = "".join(f".f-{name}{{fill:{pair[which]}}}" for name, pair in FILLS.items())
        return fills + "".join(f".s-{name}{{stroke:{pair[which]}}}" for name, pair in STROKES.items())

    return f"<style>{rules(0)}@media (prefers-color-scheme:dark){{{rules(1)}}}</style>"
