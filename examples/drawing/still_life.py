"""A burning candle and an abacus."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawing.canvas import (
    HEIGHT,
    WIDTH,
    Field,
    X,
    Y,
    blur,
    box,
    disc,
    finish,
    gradient,
    paint,
    shine,
    soft,
    stroke,
    wood,
)


def _wax(picture: Field, x: float, top: float, half: float) -> None:
    body = np.maximum(soft(box(x - half, top, x + half, 396)), soft(disc(x, 396, half, 15)))
    glow = [(0, (255, 214, 140)), (0.25, (250, 190, 120)), (0.6, (214, 150, 96)), (1, (150, 96, 62))]
    round_light = 0.55 + 0.45 * np.sqrt(np.clip(1 - ((X - x + half * 0.2) / (half * 1.25)) ** 2, 0, 1))
    paint(picture, body, gradient((Y - top) / 190, glow) * round_light[..., None])
    paint(picture, soft(disc(x, top, half, 15)), (255, 226, 160))
    pool = gradient(disc(x, top, 1) / 60, [(0, (255, 246, 206)), (1, (244, 190, 112))])
    paint(picture, soft(disc(x, top + 3, half - 9, 10)), pool)
    for off, length, width in ((-50, 64, 7), (-30, 30, 6), (44, 90, 7), (22, 36, 5.5)):
        start, end = (x + off, top + 8), (x + off, top + 8 + length)
        paint(picture, soft(stroke(start, end, width - 2, width)), (255, 214, 146))
        paint(
            picture, soft(stroke((start[0] - 2, start[1]), (end[0] - 2, end[1] - 4), 1.5, 2), 3), (255, 240, 200), 0.6
        )


def _flame(picture: Field, x: float, top: float) -> None:
    shine(picture, np.exp(-np.hypot(X - x, (Y - top + 60) * 0.8) / 60), (190, 112, 38))
    shine(picture, np.exp(-np.hypot(X - x, (Y - top + 60) * 0.8) / 170), (56, 26, 9))
    low, high = top - 10, top - 122
    up = np.clip((low - Y) / (low - high), 0, 1)
    half = 27 * np.sin(np.pi * up**0.55) * (1 - up * 0.35)
    middle = x + 2 + 4 * np.sin(up * 2.2)
    shape = soft(abs(X - middle) - half, 5) * soft(Y - low, 4) * soft(high - Y, 4)
    colours = [(0, (255, 196, 80)), (0.35, (255, 226, 130)), (0.75, (255, 248, 214)), (0.93, (200, 190, 220))]
    paint(picture, blur(shape, 2), gradient(1 - up, [*colours, (1, (80, 110, 220))]))
    core = soft(abs(X - middle) - half * 0.5, 8) * soft(Y - low + 14, 10) * soft(high + 34 - Y, 14)
    paint(picture, blur(core, 3), (255, 255, 240), 0.9)


def candle() -> Image.Image:
    """A thick candle on a brass plate in a dark room."""
    room = [(0, (120, 62, 24)), (0.35, (62, 30, 16)), (1, (12, 8, 10))]
    picture = gradient(np.hypot(X - 320, (Y - 190) * 1.1) / 420, room)
    lit = np.clip(1.25 - np.hypot((X - 320) / 340, (Y - 400) / 200), 0.15, 1.2)
    paint(picture, soft(400 - Y, 3), wood(31, (96, 54, 28), (34, 16, 8)) * lit[..., None])
    rng = np.random.default_rng(3)
    for _ in range(16):
        spot = disc(rng.uniform(0, WIDTH), rng.uniform(20, 330), rng.uniform(8, 26))
        paint(picture, soft(spot, 4), (255, 170, 70), 0.1)
    x, top = 320.0, 218.0
    paint(picture, blur(soft(disc(x, 414, 112, 24), 6), 7), (10, 4, 2), 0.8)
    brass = [(-1, (96, 66, 34)), (-0.4, (206, 160, 92)), (0.5, (120, 82, 42)), (1, (50, 32, 16))]
    paint(picture, soft(disc(x, 414, 104, 24)), gradient((X - x) / 104, brass))
    paint(picture, soft(disc(x, 409, 92, 18)), (84, 56, 28))
    _wax(picture, x, top, 62)
    paint(picture, soft(stroke((x, top + 4), (x + 2, top - 24), 2.6, 2)), (40, 24, 18))
    _flame(picture, x, top)
    return finish(picture, vignette=0.35)


# colour of a rod's beads, and how many of the ten are pushed to the left
RODS = (
    ((216, 48, 44), 7),
    ((240, 150, 40), 3),
    ((248, 212, 60), 5),
    ((70, 160, 76), 8),
    ((56, 116, 200), 2),
    ((140, 76, 170), 6),
)


def abacus() -> Image.Image:
    """A school abacus with beads in six colours."""
    picture = gradient(Y / HEIGHT, [(0, (214, 226, 226)), (0.7, (180, 196, 198))])
    paint(picture, soft(372 - Y, 3), wood(51, (206, 160, 112), (150, 104, 64)))
    left, top, right, bottom = 76, 44, 564, 428
    paint(picture, blur(soft(box(left + 14, bottom - 14, right + 20, bottom + 16)), 8), (40, 24, 10), 0.6)
    hole = box(left + 30, top + 30, right - 30, bottom - 30, 4)
    frame = soft(np.maximum(box(left, top, right, bottom, 10), -hole))
    paint(picture, blur(frame, 6), (60, 40, 20), 0.3)
    timber = wood(61, (188, 118, 62), (112, 62, 28)) * np.where(abs(X - 320) > 214, 0.92, 1.05)[..., None]
    paint(picture, frame, timber)
    for rod, (colour, pushed) in enumerate(RODS):
        y = top + 58 + rod * 53.5
        wire = gradient((Y - y) / 3, [(-1, (240, 240, 240)), (1, (90, 90, 96))])
        paint(picture, soft(stroke((left + 31, y), (right - 31, y), 2.2)), wire)
        shades = [
            (0, tuple(min(255, c * 0.5 + 140) for c in colour)),
            (0.5, colour),
            (1.5, tuple(c * 0.42 for c in colour)),
        ]
        beads = [left + 45 + 27 * b if b < pushed else right - 45 - 27 * (9 - b) for b in range(10)]
        x = np.array(beads)[abs(X[0][:, None] - beads).argmin(axis=1)]  # centre of the bead nearest to each column
        paint(picture, blur(soft(disc(x + 4, y + 10, 12, 20), 2), 3), (50, 30, 20), 0.3)
        paint(picture, soft(disc(x, y, 13, 22)), gradient(np.hypot((X - x + 4) / 13, (Y - y + 9) / 22), shades))
    return finish(picture, vignette=0.2)
