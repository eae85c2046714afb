"""Drawn pictures for calibration where there are no photographs: the same on every machine, made of whole numbers.

A picture is made of dead leaves (Matheron; Lee, Mumford and Huang 2001): shapes of all sizes that hide each other,
small ones being the more frequent, with shading and with texture in octaves. That gives edges, flat parts and a
spectrum much like those of photographs, which is what the inner layers see of them.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

PICTURES = 32
LEAVES = 120
SMALLEST_PX = 4  # half the side of the smallest leaf at 224 px
Whole = NDArray[np.int64]


class Dice:
    """Random numbers from a hash, the same on every machine for ever."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._count = 0

    def roll(self, low: int, high: int, count: int) -> Whole:
        """Return ``count`` numbers from low to high, both included."""
        self._count += 1
        data = hashlib.shake_128(f"{self._text} {self._count}".encode()).digest(4 * count)
        return low + np.frombuffer(data, "<u4").astype(np.int64) % (high - low + 1)

    def one(self, low: int, high: int) -> int:
        """Return one number from low to high, both included."""
        return int(self.roll(low, high, 1)[0])


def _smooth(dice: Dice, side: int, cell: int) -> Whole:
    """Return noise -128..128 ``(side, side)`` that changes over ``cell`` pixels, blended linearly between its knots."""
    knots = side // cell + 2
    values = dice.roll(-128, 128, knots * knots).reshape(knots, knots)
    position = np.arange(side)
    index, share = position // cell, position % cell
    rows = values[index] * (cell - share)[:, None] + values[index + 1] * share[:, None]
    smooth: Whole = ((rows[:, index] * (cell - share) + rows[:, index + 1] * share) // (cell * cell)).astype(np.int64)
    return smooth


def _texture(dice: Dice, side: int) -> Whole:
    """Return noise ``(side, side)`` in octaves, each half as coarse and half as strong as the one before."""
    total = np.zeros((side, side), np.int64)
    cell, divisor = max(1, side // 7), 1
    while cell >= 1:
        total += _smooth(dice, side, cell) // divisor
        cell, divisor = cell // 2, divisor * 2
    return total


def _colour(dice: Dice) -> Whole:
    """Return a colour: any lightness, mostly little saturation."""
    strength = dice.one(1, 8)
    return dice.one(0, 255) + dice.roll(-100, 100, 3) // strength


def _inside(dice: Dice, rows: Whole, columns: Whole, half: int) -> NDArray[np.bool_]:
    """Return which pixels a leaf covers: an ellipse, as often as a box and a rotated box together."""
    across, along = dice.one(half // 2 + 1, half), half
    kind = dice.one(0, 3)
    y, x = rows[:, None], columns[None, :]
    if kind < 2:
        return y * y * across * across + x * x * along * along <= along * along * across * across
    if kind == 2:
        return (abs(y) <= along) & (abs(x) <= across)
    turn_y, turn_x = dice.one(-16, 16), dice.one(-16, 16)
    length = abs(turn_y) + abs(turn_x) + 1
    return (abs(y * turn_y + x * turn_x) <= along * length) & (abs(y * turn_x - x * turn_y) <= across * length)


def _draw_leaf(dice: Dice, picture: Whole, texture: Whole) -> None:
    side = len(picture)
    # Sizes fall off with the third power, as those of things in pictures do.
    half = max(SMALLEST_PX * side // 224, 2) * 64 // max(1, int(np.sqrt(dice.one(32, 4096))))
    top, left = dice.one(-half, side), dice.one(-half, side)
    rows, columns = (
        np.arange(max(0, top - half), min(side, top + half + 1)),
        np.arange(max(0, left - half), min(side, left + half + 1)),
    )
    if not len(rows) or not len(columns):
        return
    covered = _inside(dice, rows - top, columns - left, half)
    shade = (rows[:, None] - top) * dice.one(-60, 60) + (columns[None, :] - left) * dice.one(-60, 60)
    grain = texture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] * dice.one(0, 8) // 16
    colour = _colour(dice) + (shade // (half + 1) + grain)[..., None]
    part = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    part[covered] = colour[covered]


def synthetic_pictures(resolution: int, count: int = PICTURES) -> NDArray[np.uint8]:
    """Draw pictures for calibration.

    Args:
        resolution: side in pixels.
        count: how many.

    Returns:
        uint8 ``(count, resolution, resolution, 3)``.
    """
    pictures = np.empty((count, resolution, resolution, 3), np.uint8)
    for number in range(count):
        dice = Dice(f"tinysight synthetic picture {number}")
        texture = _texture(dice, resolution)
        picture = _colour(dice) + (texture * dice.one(0, 16) // 16)[..., None]
        for _ in range(LEAVES):
            _draw_leaf(dice, picture, texture)
        pictures[number] = np.clip(picture, 0, 255)
    return pictures
