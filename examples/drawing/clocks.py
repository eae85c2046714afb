"""An alarm clock with hands and a digital clock, both at eight or nine minutes past ten."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawing.canvas import (
    BLACK,
    HEIGHT,
    WHITE,
    WIDTH,
    Field,
    Rgb,
    Sheet,
    X,
    Y,
    blur,
    box,
    disc,
    finish,
    gradient,
    paint,
    polar,
    polygon,
    shine,
    soft,
    stroke,
    wood,
)

INK, RED = (30, 26, 26), (200, 30, 30)


def _metal(where: Field) -> Field:
    return gradient(where, [(0, (70, 64, 60)), (0.5, (176, 170, 164)), (1, (255, 252, 246))])


def _lacquer(where: Field) -> Field:
    return gradient(where, [(0, (110, 10, 16)), (0.45, (206, 34, 36)), (0.8, (236, 84, 70)), (1, (255, 190, 176))])


def _bells_and_feet(picture: Field, x: float, y: float) -> None:
    for side in (-1, 1):
        foot = stroke((x + side * 100, y + 140), (x + side * 132, y + 184), 12, 8)
        paint(picture, soft(foot), _metal((X - x - side * 100 + 20) / 60))
        bell_x, bell_y = x + side * 98, y - 172
        arm = stroke((x + side * 76, y - 130), (bell_x, bell_y), 6)
        paint(picture, soft(arm), _metal((X - bell_x + 20) / 40))
        flat_side = -(X - bell_x) * side * 0.5 + (Y - bell_y) * 0.866 - 6
        dome = soft(np.maximum(disc(bell_x, bell_y, 58), flat_side))
        paint(picture, dome, _metal(0.95 - np.hypot(X - bell_x + 16, Y - bell_y + 26) / 90))
        knob_x, knob_y = polar(bell_x, bell_y, side * 30, 61)
        paint(picture, soft(disc(knob_x, knob_y, 7)), _metal((knob_x - X + 8) / 14))
    paint(picture, soft(stroke((x, y - 165), (x, y - 205), 3.5)), (120, 114, 110))
    paint(picture, soft(box(x - 16, y - 214, x + 16, y - 198, 5)), _metal((x + 16 - X) / 32))


def _dial(picture: Field, x: float, y: float, r: float) -> None:
    paper = gradient(np.hypot(X - x + 40, Y - y + 50) / 240, [(0, (255, 253, 242)), (1, (232, 222, 198))])
    paint(picture, soft(disc(x, y, r)), paper)
    paint(picture, blur(soft(-disc(x + 5, y + 7, r)), 6) * soft(disc(x, y, r)), (70, 50, 40), 0.5)
    sheet = Sheet()
    for minute in range(60):
        length, width = (9, 4.4) if minute % 5 == 0 else (3, 1.8)
        sheet.line(polar(x, y, minute * 6, r - 7 - length), polar(x, y, minute * 6, r - 7), width)
    for hour in range(1, 13):
        sheet.text(str(hour), *polar(x, y, hour * 30, r - 37), 29, bold=0.5)
    paint(picture, sheet.mask(), INK)


def _hand(picture: Field, centre: tuple[float, float], degrees: float, length: float, widths: tuple[float, float],
          colour: Rgb = INK, tail: float = 20) -> None:  # fmt: skip
    x, y = centre
    back, front = polar(x, y, degrees, -tail), polar(x, y, degrees, length)
    shadow = stroke((back[0] + 4, back[1] + 6), (front[0] + 4, front[1] + 6), *widths)
    paint(picture, blur(soft(shadow), 3), (40, 30, 20), 0.35)
    paint(picture, soft(stroke(back, front, *widths)), colour)


def analog_clock() -> Image.Image:
    """A red alarm clock with two bells on a wooden table."""
    picture = gradient(
        np.hypot(X - 200, Y - 120) / 620, [(0, (250, 222, 180)), (0.6, (214, 160, 120)), (1, (140, 92, 80))]
    )
    spots = ((60, 90, 40), (140, 220, 26), (560, 70, 34), (600, 230, 48), (520, 330, 20), (30, 330, 30))
    for spot in spots:
        paint(picture, soft(disc(*spot), 4), (255, 240, 210), 0.25)
    paint(picture, soft(412 - Y, 2), wood(41, (170, 112, 70), (96, 56, 34)))
    x, y, r = 320.0, 246.0, 172.0
    paint(picture, blur(soft(disc(x + 20, 434, 210, 22), 8), 8), (40, 16, 8), 0.6)
    _bells_and_feet(picture, x, y)
    light = 0.5 + 0.5 * np.cos(np.arctan2(Y - y, X - x) + np.radians(130))
    paint(picture, soft(disc(x, y, r)), _lacquer(light))
    paint(picture, soft(disc(x, y, r - 9)), _lacquer(0.75 - 0.5 * light))
    paint(picture, soft(disc(x, y, r - 17)), _metal(1 - light))
    _dial(picture, x, y, r - 21)
    _hand(picture, (x, y), 304.5, 72, (5.5, 3.5))
    _hand(picture, (x, y), 54, 108, (4.2, 2.2))
    _hand(picture, (x, y), 216, 112, (1.3, 1.0), RED, tail=34)
    paint(picture, soft(disc(x, y, 7)), RED)
    paint(picture, soft(disc(x, y, 2.5)), (80, 10, 10))
    glass = soft(disc(x, y, r - 23)) * soft(-disc(x + 60, y + 130, r + 39), 3)
    paint(picture, glass * np.clip(1 - (Y - 80) / 240, 0, 1), WHITE, 0.25)
    return finish(picture)


SEGMENTS = {"0": "abcdef", "1": "bc", "8": "abcdefg"}  # a at the top, clockwise to f, g in the middle


def _segment(x: float, y: float, name: str) -> Field:
    width, height, half, gap = 74, 128, 8.5, 5
    ends = {"a": (0, 0, width, 0), "g": (0, height / 2, width, height / 2), "d": (0, height, width, height),
            "f": (0, 0, 0, height / 2), "b": (width, 0, width, height / 2),
            "e": (0, height / 2, 0, height), "c": (width, height / 2, width, height)}  # fmt: skip
    x0, y0, x1, y1 = ends[name]
    along, across = ((1, 0), (0, 1)) if y0 == y1 else ((0, 1), (1, 0))
    points = []
    for end, inwards, sides in (((x0, y0), 1, (1, 0, -1)), ((x1, y1), -1, (-1, 0, 1))):
        for side in sides:
            shift = inwards * (gap + half * abs(side))
            px = end[0] + along[0] * shift + across[0] * side * half
            py = end[1] + along[1] * shift + across[1] * side * half
            points.append((x + px - (py - height / 2) * 0.09, y + py))
    return polygon(points)


def _digits() -> tuple[Field, Field]:
    lit, unlit = np.zeros((HEIGHT, WIDTH)), np.zeros((HEIGHT, WIDTH))
    for x, digit in ((118, "1"), (224, "0"), (344, "0"), (450, "8")):
        for name in "abcdefg":
            target = lit if name in SEGMENTS[digit] else unlit
            np.maximum(target, _segment(x, 160, name), out=target)
    for x, y in ((329.5, 196), (324.5, 252)):
        np.maximum(lit, soft(disc(x, y, 8)), out=lit)
    return lit, unlit


def digital_clock() -> Image.Image:
    """Red seven-segment digits in the dark, mirrored in the table."""
    picture = gradient(Y / HEIGHT, [(0, (24, 27, 42)), (1, (40, 40, 58))])
    table = soft(306 - Y, 2)
    paint(picture, table, wood(21, (96, 66, 46), (42, 26, 18)) * (1 - 0.4 * (Y - 306) / 174)[..., None])
    left, top, right, bottom = 70, 118, 570, 330
    paint(picture, blur(soft(box(left + 6, bottom - 22, right - 6, bottom + 22)), 8), BLACK, 0.8)
    shell = [(0, (128, 130, 138)), (0.06, (66, 68, 74)), (0.9, (38, 39, 44)), (1, (16, 16, 18))]
    paint(picture, soft(box(left, top, right, bottom, 26)), gradient((Y - top) / (bottom - top), shell))
    window = soft(box(left + 22, top + 24, right - 22, bottom - 28, 12))
    paint(picture, window, (6, 4, 5))
    lit, unlit = _digits()
    paint(picture, unlit, (34, 7, 7))
    paint(picture, lit, (255, 56, 38))
    shine(picture, 0.45 * blur(lit, 5) + 0.6 * blur(lit, 20), (255, 30, 20))
    mirrored = np.roll(np.flipud(lit), 2 * bottom + 8 - HEIGHT, axis=0)
    shine(picture, 0.28 * blur(mirrored, 9) * table * np.clip(1 - (Y - bottom) / 110, 0, 1), (255, 50, 30))
    paint(picture, window * soft((X - left) * 0.5 + (Y - top) - 150, 2), WHITE, 0.035)
    return finish(picture, vignette=0.3)
