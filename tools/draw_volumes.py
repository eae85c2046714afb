"""Diagrams of feature maps: the convolutions of the tutorial's example, and the whole network."""

from __future__ import annotations

from itertools import groupby

from svg import Drawing

from tinysight.costs import Convolution, Step, depthwise_separable, standard
from tinysight.spec import Spec, layers

EXAMPLE = Convolution((12, 12, 3), kernel_size=5, filters=256)
CHANNELS = ("red", "green", "blue")
CELL = 8
PANEL = 306
GAP = 15
HEIGHT = 590


def _sheets(d: Drawing, x: float, y: float, side: int, cell: float, step: float, colours: tuple[str, ...]) -> None:
    """Draw a volume as sheets, the first colour in front; (x, y) is the front sheet's corner."""
    for i, colour in reversed(list(enumerate(colours))):
        d.grid(x + i * step, y - i * step, side, side, cell, colour)


def _many(d: Drawing, x: float, y: float, side: int, cell: float) -> None:
    """Draw a volume of very many sheets."""
    for i in reversed(range(10)):
        d.grid(x + i * 4, y - i * 4, side, side, cell, "violet" if i == 0 else "violet-light")


def _panel(d: Drawing, index: int, title: str, words: str, step: Step) -> float:
    x = GAP + index * (PANEL + GAP)
    d.rect(x, 15, PANEL, HEIGHT - 30, "panel", "border", radius=8)
    middle = x + PANEL / 2
    d.text(middle, 44, title, 17, bold=True)
    d.text(middle, 66, words, 12.5, "soft")
    d.line([(x + 20, 513), (x + PANEL - 20, 513)], "border", 1)
    d.text(middle, 537, f"{step.weights:,} weights", 14, bold=True)
    d.text(middle, 558, f"{step.mult_adds:,} mult-adds", 14, bold=True)
    return middle


def _window(d: Drawing, x: float, y: float, side: int, cell: float) -> None:
    d.rect(x, y, side * cell, side * cell, "none", "strong")
    d.rect(x + 1, y + 1, side * cell - 2, side * cell - 2, "none", "strong")


def _flow(d: Drawing, middle: float, sizes: tuple[str, str, str]) -> None:
    for y, words in zip((222, 343, 496), sizes, strict=True):
        d.text(middle, y, words, 13)
    d.arrow((middle, 230), (middle, 252))
    d.arrow((middle, 351), (middle, 373))


def _filters(d: Drawing, middle: float, side: int, cell: float, step: float) -> None:
    """Draw the first two filters and the last one, centred at the height 300."""
    size = side * cell + 2 * step
    for x in (middle - 112, middle - 42, middle + 112 - size):
        _sheets(d, x, 296 - side * cell / 2 + step, side, cell, step, CHANNELS)
    left, right = middle - 42 + size, middle + 112 - size
    for dot in (-9, 0, 9):
        d.rect((left + right) / 2 + dot - 1.5, 294.5, 3, 3, "soft", radius=1.5)


def convolutions() -> Drawing:
    d = Drawing(3 * PANEL + 4 * GAP, HEIGHT, "Standard, depthwise and pointwise convolution of the same input")
    k, n = EXAMPLE.kernel_size, EXAMPLE.filters
    full, (depthwise, pointwise) = standard(EXAMPLE), depthwise_separable(EXAMPLE).steps

    middle = _panel(d, 0, "Standard", "each filter sees all channels", full.steps[0])
    _sheets(d, middle - 57, 106, 12, CELL, 9, CHANNELS)
    _window(d, middle - 57, 106, k, CELL)
    _filters(d, middle, k, 7, 6)
    _many(d, middle - 46, 420, 8, 7)
    _flow(d, middle, ("12 x 12 x 3", f"{n} filters of {k} x {k} x 3", f"8 x 8 x {n}"))

    middle = _panel(d, 1, "Depthwise", "each channel has a filter of its own", depthwise)
    for i, colour in enumerate(CHANNELS):
        x = middle - 137 + i * 98
        d.grid(x, 114, 12, 12, 6.5, colour)
        _window(d, x, 114, k, 6.5)
        d.grid(x + 21.5, 278, k, k, 7, colour)
        d.grid(x + 11, 402, 8, 8, 7, colour)
    _flow(d, middle, ("12 x 12 x 3", f"3 filters of {k} x {k} x 1", "8 x 8 x 3"))

    middle = _panel(d, 2, "Pointwise", "each filter mixes the channels of one pixel", pointwise)
    _sheets(d, middle - 45, 122, 8, 9, 9, CHANNELS)
    _window(d, middle - 45, 122, 1, 9)
    _filters(d, middle, 1, 14, 8)
    _many(d, middle - 46, 420, 8, 7)
    _flow(d, middle, ("8 x 8 x 3", f"{n} filters of 1 x 1 x 3", f"8 x 8 x {n}"))
    return d


def _height(side: int) -> float:
    return 12 + 168 * (side / 224) ** 0.7


def _thickness(channels: int) -> float:
    return 6 + 40 * (channels / 1024) ** 0.6


def network() -> Drawing:
    rows = [layer for layer in layers(Spec()) if layer.kind != "depthwise"]
    blocks = sum(layer.kind == "pointwise" for layer in rows)
    shapes = [("picture", rows[0].input_shape), *((layer.name, layer.output_shape) for layer in rows)]
    d = Drawing(980, 340, "The network: feature maps shrink while their number grows")
    base, x = 240.0, 46.0
    spans: list[tuple[int, float, float]] = []
    for name, (side, _, channels) in shapes:
        height, width = _height(side), _thickness(channels)
        depth = height * 0.55
        colour = "amber" if name == "picture" else "grey" if side == 1 else "blue" if name == "conv1" else "violet"
        d.cuboid(x, base - height, width, height, depth, colour)
        d.text(x + width / 2, base + 17, f"{channels}", 12)
        spans.append((side, x, x + width))
        x += width + max(18.0, depth * 0.6 + 1)
    for side, members in groupby(spans, key=lambda span: span[0]):
        group = list(members)
        left, right = group[0][1] - 4, group[-1][2] + 4
        d.line([(left, base + 25), (left, base + 31), (right, base + 31), (right, base + 25)])
        d.text((left + right) / 2, base + 48, f"{side} x {side}", 13, bold=True)
    d.text(24, base + 80, "number under a box: channels", 12.5, "soft", "start")
    legend = (
        ("amber", "picture"),
        ("blue", "3 x 3 convolution"),
        ("violet", f"depthwise separable block ({blocks} of them)"),
        ("grey", "pool, then head"),
    )
    at = 258.0
    for colour, words in legend:
        d.rect(at, base + 69, 13, 13, colour, "edge")
        d.text(at + 19, base + 80, words, 12.5, "soft", "start")
        at += 40 + 6.6 * len(words)
    return d
