"""A small painter: a picture is an array, a shape is a mask with soft edges, painting blends one into the other.

Most shapes are signed distances in pixels, negative inside: their edges come out smooth, and light, shadow and glow
are plain arithmetic on them. Letters, polygons and bundles of lines are drawn by Pillow on a finer sheet and reduced.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Field = NDArray[np.float64]
Rgb = tuple[float, float, float]
Point = tuple[float, float]

WIDTH, HEIGHT = 640, 480
FINE = 4  # how much larger the sheet is on which Pillow draws
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def gradient(where: Field, stops: Sequence[tuple[float, Rgb]]) -> Field:
    """Colour each pixel by a field; ``stops`` are (value, colour) with rising values, colours mix in between."""
    values = [value for value, _ in stops]
    return np.stack([np.interp(where, values, [rgb[c] for _, rgb in stops]) for c in range(3)], axis=-1)


def paint(picture: Field, mask: Field, colour: Rgb | Field, opacity: float = 1.0) -> None:
    """Blend ``colour`` (one, or a whole picture) into ``picture`` where ``mask`` is 1."""
    picture += (mask * opacity)[..., None] * (np.asarray(colour, float) - picture)


def shine(picture: Field, amount: Field, colour: Rgb) -> None:
    """Add coloured light: glows and gleams."""
    picture += amount[..., None] * np.asarray(colour, float)


def soft(distance: Field, width: float = 1.0) -> Field:
    """Turn a signed distance into a mask whose edge is ``width`` pixels wide."""
    return np.clip(0.5 - distance / width, 0, 1)


def disc(x: float | Field, y: float, r: float, ry: float | None = None) -> Field:
    """Signed distance to a circle; with ``ry`` nearly that to an ellipse of half axes ``r`` and ``ry``.

    ``x`` may differ from column to column: a row of discs.
    """
    if ry is None:
        return np.hypot(X - x, Y - y) - r
    k = np.hypot((X - x) / r, (Y - y) / ry)
    return (k - 1) * k / np.maximum(np.hypot((X - x) / r**2, (Y - y) / ry**2), 1e-9)


def box(left: float, top: float, right: float, bottom: float, r: float = 0) -> Field:
    """Signed distance to a rectangle with corners rounded by ``r``."""
    across = abs(X - (left + right) / 2) - (right - left) / 2 + r
    down = abs(Y - (top + bottom) / 2) - (bottom - top) / 2 + r
    return np.hypot(np.maximum(across, 0), np.maximum(down, 0)) + np.minimum(np.maximum(across, down), 0) - r


def stroke(start: Point, end: Point, r0: float, r1: float | None = None) -> Field:
    """Signed distance to a line with round ends, half as wide as ``r0`` at its start and ``r1`` at its end."""
    (x0, y0), (x1, y1) = start, end
    dx, dy = x1 - x0, y1 - y0
    along = np.clip(((X - x0) * dx + (Y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
    return np.hypot(X - x0 - along * dx, Y - y0 - along * dy) - (r0 + ((r0 if r1 is None else r1) - r0) * along)


def polar(x: float, y: float, degrees: float, r: float) -> Point:
    """The point ``r`` pixels from (x, y); degrees count clockwise from 12 o'clock."""
    return x + math.sin(math.radians(degrees)) * r, y - math.cos(math.radians(degrees)) * r


class Sheet:
    """Letters, polygons and lines drawn by Pillow ``FINE`` times as large; ``mask()`` reduces them smoothly."""

    def __init__(self) -> None:
        self._image = Image.new("L", (WIDTH * FINE, HEIGHT * FINE))
        self._draw = ImageDraw.Draw(self._image)

    def text(self, words: str, x: float, y: float, size: float, anchor: str = "mm", bold: float = 0) -> None:
        """Write one line in the font that Pillow carries, so that every machine has it."""
        font = ImageFont.load_default(size * FINE)
        place = (x * FINE, y * FINE)
        self._draw.text(place, words, fill=255, font=font, anchor=anchor, stroke_width=bold * FINE)

    def polygon(self, points: Sequence[Point]) -> None:
        self._draw.polygon([(x * FINE, y * FINE) for x, y in points], fill=255)

    def line(self, start: Point, end: Point, width: float) -> None:
        self._draw.line([(x * FINE, y * FINE) for x, y in (start, end)], fill=255, width=round(width * FINE))

    def mask(self) -> Field:
        return np.asarray(self._image.resize((WIDTH, HEIGHT), Image.Resampling.BOX), float) / 255


def text(words: str, x: float, y: float, size: float, anchor: str = "mm", bold: float = 0) -> Field:
    """Mask of a single line of text."""
    sheet = Sheet()
    sheet.text(words, x, y, size, anchor, bold)
    return sheet.mask()


def polygon(points: Sequence[Point]) -> Field:
    """Mask of a single polygon."""
    sheet = Sheet()
    sheet.polygon(points)
    return sheet.mask()


def blur(mask: Field, radius: float) -> Field:
    """Gaussian blur of a mask."""
    image = Image.fromarray(np.rint(np.clip(mask, 0, 1) * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), float) / 255


def noise(seed: int, scale: float, stretch: float = 1.0) -> Field:
    """Smooth random field of about -1..1 with spots ``scale`` pixels high and ``stretch`` times as wide."""
    rows, columns = int(HEIGHT / scale) + 3, int(WIDTH / scale / stretch) + 3
    coarse = (np.random.default_rng(seed).random((rows, columns)) * 255).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), float) / 127.5 - 1


def wood(seed: int, light: Rgb, dark: Rgb) -> Field:
    """A board with its grain along the x axis."""
    grain = 0.5 + 0.28 * noise(seed, 9, 26) + 0.2 * noise(seed + 1, 2.5, 50) + 0.12 * noise(seed + 2, 60, 3)
    return gradient(grain, [(0, dark), (1, light)])


def finish(picture: Field, vignette: float = 0.25, grain: float = 1.2) -> Image.Image:
    """Darken the corners, add a little film grain, round to 8 bits."""
    corner = np.hypot((X - WIDTH / 2) / WIDTH, (Y - HEIGHT / 2) / HEIGHT) / math.sqrt(0.5)
    shot = picture * (1 - vignette * corner**2.5)[..., None]
    shot += grain * np.random.default_rng(1).standard_normal((HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(np.rint(shot), 0, 255).astype(np.uint8))
