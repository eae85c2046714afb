"""A traffic light at dusk, a hot-air balloon over hills, a lighthouse by the sea."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawing.canvas import (
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
    noise,
    paint,
    polygon,
    shine,
    soft,
    stroke,
)


def _clouds(picture: Field, places: list[tuple[float, float, float]], bright: Rgb, shade: Rgb) -> None:
    rng = np.random.default_rng(11)
    for x, y, size in places:
        cloud = np.full((HEIGHT, WIDTH), 1e3)
        for _ in range(12):
            off = rng.uniform(-1, 1)
            r = size * (0.34 - 0.2 * abs(off)) * rng.uniform(0.8, 1.15)
            np.minimum(cloud, disc(x + off * size, y - r * 0.55, r, r * 0.8), out=cloud)
        mask = blur(soft(cloud, 5) * soft(Y - y, 10), 2.2)
        light = gradient((Y - y) / (size * 0.45) + 0.08 * noise(17, 14), [(-1, bright), (-0.1, shade)])
        paint(picture, mask, light, 0.88)


def _city(picture: Field) -> None:
    rng = np.random.default_rng(5)
    windows = Sheet()
    for left, width, height in ((-20, 120, 205), (92, 84, 262), (462, 76, 226), (540, 120, 300)):
        building = blur(soft(box(left, HEIGHT - height, left + width, HEIGHT + 20)), 4)
        paint(picture, building, gradient(Y / HEIGHT, [(0.3, (50, 48, 78)), (1, (88, 64, 74))]), 0.94)
        for x in range(left + 16, left + width - 10, 20):
            for y in range(HEIGHT - height + 20, HEIGHT, 28):
                if rng.random() < 0.4:
                    windows.line((x, y - 7), (x, y + 7), 9)
    paint(picture, blur(windows.mask(), 2), (255, 206, 120), 0.55)
    lamps = [(255, 190, 90), (255, 112, 80), (255, 236, 196), (130, 200, 255)]
    for _ in range(34):
        spot = disc(rng.uniform(0, WIDTH), rng.uniform(390, HEIGHT), rng.uniform(8, 21))
        paint(picture, soft(spot, 3), lamps[rng.integers(4)], 0.2 + 0.3 * rng.random())


def _lens(picture: Field, x: float, y: float, colours: list[tuple[float, Rgb]], sparkle: float) -> None:
    r = 52
    paint(picture, soft(disc(x, y - 4, r + 10)), (12, 13, 13))
    lens = soft(disc(x, y, r))
    paint(picture, lens, gradient(np.hypot(X - x + 10, Y - y + 12) / r, colours))
    picture += (lens * np.sin(X * 0.9) * np.sin(Y * 0.9) * sparkle)[..., None]
    visor = soft(disc(x, y - 4, r + 11)) * soft(-disc(x, y + 16, r + 6), 2) * soft(Y - y - 6, 2)
    paint(picture, visor, gradient((X - x) / 60, [(-1, (60, 64, 62)), (0, (34, 36, 36)), (1, (14, 15, 15))]))
    paint(picture, soft(disc(x - 16, y - 10, 12, 7), 6), WHITE, 0.25)


def traffic_light() -> Image.Image:
    """A traffic light on red before a city at dusk."""
    sky = [(0, (38, 52, 92)), (0.45, (112, 110, 146)), (0.75, (230, 160, 120)), (1, (250, 196, 140))]
    picture = gradient(Y / HEIGHT, sky)
    _city(picture)
    steel = [(0, (30, 32, 36)), (0.4, (110, 114, 120)), (1, (24, 24, 28))]
    paint(picture, soft(box(309, 20, 331, 500)), gradient((X - 309) / 22, steel))
    paint(picture, blur(soft(box(240, 44, 404, 446, 24)), 8), (10, 10, 16), 0.35)
    housing = [(0, (34, 38, 36)), (0.2, (66, 70, 66)), (0.8, (44, 48, 46)), (1, (16, 18, 18))]
    paint(picture, soft(box(238, 36, 402, 440, 22)), gradient((X - 238) / 164, housing))
    paint(picture, soft(box(246, 44, 394, 432, 16)), (30, 33, 32), 0.8)
    _lens(picture, 320, 108, [(0, (255, 225, 190)), (0.45, (255, 96, 60)), (1.2, (214, 20, 16))], sparkle=14)
    _lens(picture, 320, 238, [(0, (166, 112, 14)), (1.2, (92, 62, 8))], sparkle=7)
    _lens(picture, 320, 368, [(0, (18, 112, 61)), (1.2, (10, 62, 34))], sparkle=7)
    shine(picture, 0.5 * np.exp(-np.hypot(X - 320, Y - 108) / 70), (255, 70, 40))
    return finish(picture)


def _hills(picture: Field, phase: float, top: float, near: Rgb, far: Rgb, rough: float) -> None:
    ridge = top + 14 * np.sin(X * 0.009 + phase) + 7 * np.sin(X * 0.021 + 2 * phase) + 3 * np.sin(X * 0.05 + phase)
    colour = gradient((Y - ridge) / (HEIGHT - top), [(0, far), (1, near)]) + rough * noise(8, 4, 3)[..., None]
    paint(picture, soft(ridge - Y, 1.5), colour)


def _basket(picture: Field, x: float, top: float, bottom: float) -> None:
    ropes = Sheet()
    for side in (-1, 1):
        ropes.line((x + side * 12, top), (x + side * 17, bottom), 1.4)
        ropes.line((x + side * 5, top), (x + side * 7, bottom), 1.4)
    paint(picture, ropes.mask(), (50, 40, 34))
    for off, coat in ((-8, (40, 60, 90)), (7, (150, 50, 50))):
        paint(picture, soft(disc(x + off, bottom - 9, 4.5)), (70, 50, 44))
        paint(picture, soft(box(x + off - 5, bottom - 6, x + off + 5, bottom, 3)), coat)
    wicker = gradient((X - x) / 20, [(-1, (176, 122, 66)), (1, (92, 58, 28))])
    weave = 0.85 + 0.15 * (np.sin(X * 1.6) * np.sin(Y * 1.2) > 0)
    paint(picture, soft(box(x - 19, bottom, x + 19, bottom + 30, 4)), wicker * weave[..., None])
    paint(picture, soft(box(x - 21, bottom - 3, x + 21, bottom + 4, 3)), (84, 50, 26))


def balloon() -> Image.Image:
    """A striped hot-air balloon above green hills."""
    picture = gradient(Y / HEIGHT, [(0, (58, 124, 202)), (0.6, (150, 196, 236)), (0.85, (232, 232, 224))])
    places = [(92, 128, 96), (566, 98, 104), (536, 306, 84), (96, 318, 88)]
    _clouds(picture, places, WHITE, (196, 212, 232))
    _hills(picture, 0.4, 404, (100, 140, 120), (124, 156, 158), 2)
    _hills(picture, 2.6, 438, (40, 80, 36), (84, 130, 70), 6)
    x, y, r = 320.0, 168.0, 148.0
    mouth = y + 1.12 * r
    upper = np.sqrt(np.clip(1 - ((Y - y) / r) ** 2, 0, 1))
    lower = 0.12 + 0.88 * np.cos(np.clip((Y - y) / (mouth - y), 0, 1) * np.pi / 2)
    half = r * np.where(y > Y, upper, lower)
    envelope = soft(abs(X - x) - half) * soft(Y - mouth) * soft(y - r - Y)
    across = np.clip((X - x) / np.maximum(half, 1), -1, 1)
    gore = np.arcsin(across) / np.pi * 14 + 7.5
    cloth = np.array([(214, 44, 42), (250, 176, 44), (34, 96, 176), (250, 240, 220)])[gore.astype(int) % 4]
    light = np.clip(0.62 - 0.28 * across - 0.45 * (Y - y) / r, 0.36, 1.12) * (0.8 + 0.2 * np.sin(gore % 1 * np.pi))
    paint(picture, envelope, cloth * light[..., None])
    shine(picture, 0.3 * envelope * np.exp(-((np.hypot(X - x + 60, Y - y + 68) / 46) ** 2)), (255, 255, 240))
    flare = np.interp(Y, [mouth, mouth + 20], [r * 0.12, 13])
    skirt = soft(abs(X - x) - flare) * soft(mouth - Y) * soft(Y - mouth - 20)
    paint(picture, skirt, gradient((X - x) / 20, [(-1, (180, 40, 36)), (1, (80, 16, 16))]))
    _basket(picture, x, mouth + 19, mouth + 56)
    return finish(picture, vignette=0.2)


def _tower(picture: Field, x: float) -> None:
    half = np.interp(Y, [110, 370], [33, 54])
    across = (X - x) / half
    red = np.floor((Y - 110 + across**2 * 6) / 43) % 2 == 0
    light = np.interp(across, [-1, -0.45, 0.5, 1], [0.82, 1.05, 0.7, 0.4])
    wall = np.where(red[..., None], (206, 40, 40), (246, 242, 236)) * light[..., None]
    paint(picture, soft(abs(across) * half - half) * soft(110 - Y) * soft(Y - 368), wall)
    for top, bottom in ((170, 191), (256, 280)):
        paint(picture, soft(box(x - 7, top, x + 7, bottom, 6)), (40, 40, 56))
    paint(picture, soft(box(x - 11, 336, x + 11, 380, 9)) * soft(Y - 368), (70, 40, 30))
    paint(
        picture,
        soft(box(x - 46, 102, x + 46, 112, 3)),
        gradient((X - x) / 46, [(-1, (120, 120, 128)), (1, (40, 40, 48))]),
    )
    rail = Sheet()
    for post in range(-4, 5):
        rail.line((x + post * 11, 102), (x + post * 11, 86), 2)
    rail.line((x - 46, 86), (x + 46, 86), 2.5)
    paint(picture, rail.mask(), (50, 50, 58))


def _lantern(picture: Field, x: float) -> None:
    paint(picture, soft(box(x - 25, 52, x + 25, 103)), (255, 236, 170))
    for bar in (-25, -8, 8, 25):
        paint(picture, soft(stroke((x + bar, 52), (x + bar, 103), 1.6)), (60, 30, 34))
    roof = polygon([(x - 33, 54), (x - 22, 38), (x, 26), (x + 22, 38), (x + 33, 54)])
    paint(picture, roof, gradient((X - x) / 33, [(-1, (220, 70, 60)), (1, (110, 20, 24))]))
    paint(picture, soft(disc(x, 24, 4)), (150, 30, 30))
    paint(picture, soft(stroke((x, 24), (x, 8), 1)), (60, 50, 50))
    for side in (-1, 1):
        reach = side * (X - x)
        far = np.clip((reach - 20) / 300, 0, 1)
        beam = soft(abs(Y - 78 + reach * 0.06) - 8 - far * 38, 14) * (reach > 24) * (1 - far)
        shine(picture, 0.42 * blur(beam, 4), (255, 236, 170))
    shine(picture, 0.8 * np.exp(-np.hypot(X - x, Y - 78) / 26), (255, 230, 150))


def lighthouse() -> Image.Image:
    """A red and white lighthouse on a rock at sunset."""
    sky = [(0, (34, 60, 120)), (0.4, (126, 130, 176)), (0.62, (250, 180, 130)), (0.7, (255, 214, 160))]
    picture = gradient(Y / HEIGHT, sky)
    _clouds(picture, [(104, 168, 84), (530, 142, 96), (470, 250, 70)], (255, 222, 204), (176, 150, 178))
    sea = soft(322 - Y, 1.5)
    paint(picture, sea, gradient((Y - 322) / 158, [(0, (216, 160, 136)), (0.15, (96, 110, 150)), (1, (20, 44, 84))]))
    picture += (14 * sea * np.clip((Y - 322) / 60, 0, 1) * noise(5, 3, 9))[..., None]
    outline = [
        (120, 480),
        (170, 420),
        (205, 400),
        (240, 372),
        (280, 366),
        (330, 360),
        (380, 368),
        (420, 388),
        (470, 400),
    ]
    rock = polygon([*outline, (500, 440), (560, 480)])
    stone = gradient(
        Y + 24 * noise(6, 7) + 14 * noise(16, 3), [(350, (150, 130, 112)), (420, (84, 72, 68)), (480, (40, 36, 38))]
    )
    paint(picture, rock, stone)
    _tower(picture, 320)
    _lantern(picture, 320)
    return finish(picture)
