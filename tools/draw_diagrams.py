"""Draw the diagrams of docs/how-mobilenet-works.md into docs/images.

    python tools/draw_diagrams.py            write the files
    python tools/draw_diagrams.py --check    exit 1 if a file is not what this script writes

Sizes and counts in the pictures come from the package; a picture cannot say what the code does not.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from draw_volumes import convolutions, network
from svg import Drawing

from tinysight.costs import Convolution, depthwise_separable, full_convolution_cost, network_cost, standard
from tinysight.spec import Spec

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
INNER_LAYER = Convolution((14, 14, 512), kernel_size=3, filters=512, padding="same")
KINDS = (
    ("pointwise", "1 x 1 pointwise", "violet"),
    ("depthwise", "3 x 3 depthwise", "green"),
    ("stem", "3 x 3 convolution", "blue"),
    ("head", "head", "amber"),
)


def size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _chain(d: Drawing, middle: float, boxes: list[tuple[str, str]], top: float) -> float:
    y = top
    d.arrow((middle, y - 24), (middle, y))
    for words, colour in boxes:
        d.rect(middle - 105, y, 210, 34, colour, "edge", radius=5)
        d.text(middle, y + 22, words, 14, "white" if colour in ("blue", "violet") else "ink-fixed", bold=True)
        d.arrow((middle, y + 34), (middle, y + 56))
        y += 56
    return y


def block() -> Drawing:
    d = Drawing(760, 545, "An ordinary layer and a depthwise separable block")
    after = [("batch norm", "grey-light"), ("ReLU6", "amber-light")]
    separable = [("3 x 3 depthwise", "green"), *after, ("1 x 1 pointwise", "violet"), *after]
    columns = (
        (15, "Ordinary layer", [("3 x 3 convolution", "blue"), *after], standard(INNER_LAYER)),
        (387, "MobileNet block", separable, depthwise_separable(INNER_LAYER)),
    )
    for x, title, boxes, way in columns:
        middle = x + 179
        d.rect(x, 15, 358, 515, "panel", "border", radius=8)
        d.text(middle, 44, title, 17, bold=True)
        d.text(middle, 72, size(INNER_LAYER.input_shape), 13, "soft")
        bottom = _chain(d, middle, boxes, 102)
        d.text(middle, bottom + 18, size(INNER_LAYER.output_shape), 13, "soft")
        d.line([(x + 20, 473), (x + 338, 473)], "border", 1)
        d.text(middle, 497, f"{way.weights:,} weights", 14, bold=True)
        d.text(middle, 518, f"{way.mult_adds:,} mult-adds", 14, bold=True)
    return d


def relu6() -> Drawing:
    d = Drawing(540, 340, "ReLU6: nothing below 0, never above 6")
    x0, y0, unit = 190, 290, 30

    def at(x: float, y: float) -> tuple[float, float]:
        return x0 + x * unit, y0 - y * unit

    for tick in range(-4, 11, 2):
        d.line([at(tick, 0), (at(tick, 0)[0], y0 + 5)])
        if tick:
            d.text(at(tick, 0)[0], y0 + 21, str(tick), 12, "soft")
    for tick in range(2, 9, 2):
        d.line([(x0 - 5, at(0, tick)[1]), at(0, tick)])
        d.text(x0 - 10, at(0, tick)[1] + 4, str(tick), 12, "soft", "end")
    d.arrow(at(-5.4, 0), at(10.9, 0))
    d.arrow(at(0, -0.3), at(0, 9))
    d.text(at(10.9, 0)[0], y0 - 10, "x", 14, "soft", "end")
    d.line([at(6, 0), at(6, 6)], "wire", 1, "3 4")
    d.line([at(0, 6), at(6, 6)], "wire", 1, "3 4")
    d.line([at(6, 6), at(8.5, 8.5)], "wire", 2, "7 5")
    d.line([at(-5, 0), at(0, 0), at(6, 6), at(10.4, 6)], "curve", 3.5)
    d.text(at(8.7, 8.3)[0], at(0, 8.3)[1], "ReLU", 14, "soft", "start")
    d.text(at(6.4, 0)[0], at(0, 5.1)[1], "min(max(x, 0), 6)", 14, "ink", "start")
    return d


def _bars(d: Drawing, y: float, title: str, full: int, separable: int, digits: int) -> None:
    left, longest = 190, 470
    d.text(24, y, title, 15, anchor="start", bold=True)
    for row, (words, value, colour) in enumerate(
        (("full convolutions", full, "grey"), ("depthwise separable", separable, "violet"))
    ):
        top = y + 14 + row * 32
        d.text(left - 12, top + 16, words, 13, "soft", "end")
        d.rect(left, top, longest * value / full, 22, colour, "edge")
        d.text(left + longest * value / full + 10, top + 16, f"{value / 1e6:,.{digits}f} million", 13, anchor="start")


def costs() -> Drawing:
    d = Drawing(820, 430, "What the network costs, and which layers cost it")
    full, separable = full_convolution_cost(Spec()), network_cost(Spec())
    _bars(d, 38, "Mult-adds, head included", full.mult_adds, separable.mult_adds, 1)
    _bars(d, 148, "Stored numbers", full.params, separable.params, 2)
    d.text(24, 262, "Where they lie in the separable network", 15, anchor="start", bold=True)
    shares = {}
    for row, (words, count) in enumerate((("mult-adds", "mult_adds"), ("weights", "weights"))):
        top, x, total = 280 + row * 44, 190.0, getattr(separable, count)
        d.text(178, top + 20, words, 13, "soft", "end")
        for kind, _, colour in KINDS:
            share = sum(getattr(layer, count) for layer in separable.layers if layer.kind == kind) / total
            shares[kind, count] = f"{100 * share:.2f} %"
            d.rect(x, top, 600 * share, 28, colour, "edge")
            if share > 0.1:
                ink = "white" if kind == "pointwise" else "ink-fixed"
                d.text(x + 300 * share, top + 19, shares[kind, count], 13, ink)
            x += 600 * share
    d.text(178, 411, "mult-adds, weights", 13, "soft", "end")
    for column, (kind, words, colour) in enumerate(KINDS):
        x = 190 + column * 157
        d.rect(x, 381, 13, 13, colour, "edge")
        d.text(x + 20, 392, words, 13, "ink", "start")
        d.text(x + 20, 411, f"{shares[kind, 'mult_adds']}, {shares[kind, 'weights']}", 13, "soft", "start")
    return d


def _row_of_pixels(d: Drawing, y: float, title: str, before: int, after: int, side: int = 8) -> None:
    cell, left = 44, 236
    d.text(24, y + 20, title, 14, anchor="start", bold=True)
    d.text(24, y + 40, f"padding ({before}, {after})", 13, "soft", "start")
    for i in range(-before, side + after):
        inside = 0 <= i < side
        x = left + i * cell
        d.rect(x, y, cell, cell, "blue" if inside else "page", "edge" if inside else "wire")
        d.text(
            x + cell / 2,
            y + 28,
            str(i) if inside else "pad",
            14 if inside else 12,
            "white" if inside else "soft",
            bold=inside,
        )
    for output in range(side // 2):
        start = left + (2 * output - before) * cell
        middle, low = start + 1.5 * cell, y + cell + 10 + 13 * (output % 2)
        d.line([(start + 4, low - 5), (start + 4, low), (start + 3 * cell - 4, low), (start + 3 * cell - 4, low - 5)])
        d.arrow((middle, low), (middle, y + 96), "wire")
        d.rect(middle - 17, y + 97, 34, 34, "amber", "edge", radius=17)
        d.text(middle, y + 119, str(2 * output - before + 1), 14, "ink-fixed", bold=True)


def padding() -> Drawing:
    d = Drawing(700, 390, "Where a stride-2 layer looks, with the padding it was trained with and with another")
    _row_of_pixels(d, 30, "TensorFlow", 0, 1)
    _row_of_pixels(d, 200, "Symmetric", 1, 1)
    d.text(350, 364, "circles: the pixel at the centre of each window", 13, "soft")
    return d


DIAGRAMS = {
    "convolutions": convolutions,
    "block": block,
    "network": network,
    "relu6": relu6,
    "costs": costs,
    "padding": padding,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw the diagrams of docs/how-mobilenet-works.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    check = parser.parse_args().check
    stale = []
    for name, draw in DIAGRAMS.items():
        path, text = IMAGES / f"{name}.svg", draw().svg()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
    print(f"{'differ' if check else 'written'}: {', '.join(stale) or 'none'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
