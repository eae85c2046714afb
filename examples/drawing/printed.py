"""Things with letters on them: a crossword puzzle on a table and a page of a web site."""

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
    soft,
    text,
    wood,
)

# Solved so far; # is a black square. Turned by half a turn the pattern of black squares is the same.
GRID = (
    "CAMERA####EYE",
    "        ##   ",
    "MOBILENET#CAT",
    "   ###      #",
    "##NET##KERNEL",
    "##      #    ",
    "CONVOLUTIONAL",
    "    #      ##",
    "FILTER##   ##",
    "#      ###   ",
    "DOG#         ",
    "   ##        ",
    "   ####      ",
)


def _cells(picture: Field, left: float, top: float, side: float) -> None:
    numbers, letters, white = Sheet(), Sheet(), Sheet()
    paint(picture, soft(box(left - 2, top - 2, left + 13 * side + 2, top + 13 * side + 2)), (20, 20, 22))
    count = 0
    for row, line in enumerate(GRID):
        for column, letter in enumerate(line):
            if letter == "#":
                continue
            x, y = left + column * side, top + row * side
            near, far = 0.8, side - 0.8
            white.polygon([(x + near, y + near), (x + far, y + near), (x + far, y + far), (x + near, y + far)])
            if column == 0 or line[column - 1] == "#" or row == 0 or GRID[row - 1][column] == "#":
                count += 1
                numbers.text(str(count), x + 2.5, y + 2, 8.5, "la")
            letters.text(letter, x + side / 2, y + side / 2 + 3, 19)
    paint(picture, white.mask(), (250, 248, 240))
    paint(picture, numbers.mask(), (40, 40, 40))
    paint(picture, letters.mask(), (38, 50, 120))


def _pencil(picture: Field, tip: tuple[float, float], degrees: float) -> None:
    turn = np.radians(degrees)
    along = (X - tip[0]) * np.cos(turn) + (Y - tip[1]) * np.sin(turn)
    across = -(X - tip[0]) * np.sin(turn) + (Y - tip[1]) * np.cos(turn)
    half = np.clip(along * 0.27, 0.8, 9.5)
    body = soft(abs(across) - half) * soft(-along)
    shadow = np.zeros_like(body)
    shadow[9:, 7:] = blur(body, 5)[:-9, :-7]
    paint(picture, shadow, (30, 16, 8), 0.5)
    paint(picture, body, (226, 184, 132))
    paint(picture, body * soft(along - 9), (50, 46, 50))
    faces = gradient(
        across / 9.5, [(-1, (255, 214, 90)), (-0.34, (252, 190, 40)), (0.34, (226, 150, 22)), (1, (160, 96, 10))]
    )
    paint(picture, body * soft(38 + 2.5 * np.cos(across * 1.1) - along), faces)


def crossword_puzzle() -> Image.Image:
    """A half solved crossword with a pencil."""
    picture = wood(7, (186, 132, 84), (104, 64, 36))
    paint(picture, blur(soft(box(104, 22, 556, 490)), 10), (20, 10, 4), 0.6)
    paint(picture, soft(box(92, 4, 548, 476)), (240, 236, 224) + 1.2 * noise(9, 2)[..., None])
    _cells(picture, 118.5, 38.5, 31)
    _pencil(picture, (392, 332), 24)
    return finish(picture)


CARDS = (
    ("Fast", (236, 110, 90), (250, 210, 140),
     ("One photo takes a few", "milliseconds on a plain", "processor. No graphics", "card, no cloud, no wait.", "",
      "Measure it yourself.")),
    ("Small", (90, 170, 120), (210, 236, 170),
     ("Four million numbers", "are the whole network.", "Split filters do the work",
      "of big ones with an", "eighth of the sums.")),
    ("Open", (100, 120, 220), (190, 160, 240),
     ("Read the code beside the", "paper: the network is a", "table of thirteen rows", "and one loop over it.")),
)  # fmt: skip
LINKS = ("A first photo", "How it works", "Teach it flowers", "All the numbers", "Questions", "Archive")


def _hero(picture: Field) -> None:
    scene = gradient((Y - 104) / 130, [(0, (70, 140, 214)), (1, (220, 232, 240))])
    paint(scene, soft(disc(420, 140, 16)), (255, 244, 200))
    for step, (level, colour) in enumerate(((190, (90, 130, 120)), (206, (60, 104, 70)), (222, (36, 74, 40)))):
        ridge = level + 12 * np.sin(X * 0.018 * (1 + 0.4 * step) + step * 2) + 6 * np.sin(X * 0.05 + step)
        paint(scene, soft(ridge - Y), colour)
    paint(picture, soft(box(24, 104, 616, 236, 6)), scene)
    paint(picture, text("See what a picture shows", 48, 132, 22, "lm", bold=0.3), WHITE)
    paint(picture, soft(box(48, 152, 150, 178, 13)), (250, 160, 40))
    paint(picture, text("Get started", 99, 165, 12), (60, 30, 0))


def _card(picture: Field, x: float, card: tuple[str, Rgb, Rgb, tuple[str, ...]]) -> None:
    title, dark, light, lines = card
    edge = box(x, 250, x + 138, 468, 6)
    paint(picture, soft(edge), WHITE)
    paint(picture, soft(abs(edge) - 0.5), (214, 220, 228))
    paint(picture, soft(box(x + 8, 258, x + 130, 326, 4)), gradient((X - x + Y - 256) / 200, [(0, dark), (1, light)]))
    paint(picture, soft(disc(x + 45, 292, 18)), WHITE, 0.5)
    paint(picture, polygon([(x + 60, 324), (x + 90, 276), (x + 126, 324)]), WHITE, 0.55)
    paint(picture, text(title, x + 10, 342, 14, "lm", bold=0.25), (24, 50, 96))
    sheet = Sheet()
    for number, line in enumerate(lines):
        sheet.text(line, x + 10, 362 + number * 14, 9.5, "lm")
    paint(picture, sheet.mask(), (70, 76, 84))


def _sidebar(picture: Field) -> None:
    paint(picture, soft(box(480, 250, 616, 468, 6)), (232, 238, 246))
    paint(picture, text("Read more", 492, 268, 13, "lm", bold=0.25), (24, 50, 96))
    sheet, rules = Sheet(), Sheet()
    for number, link in enumerate(LINKS):
        sheet.text(link, 492, 292 + number * 17, 10.5, "lm")
        rules.line((492, 299 + number * 17), (604, 299 + number * 17), 0.75)
    paint(picture, rules.mask(), (200, 210, 222))
    paint(picture, sheet.mask(), (30, 100, 190))
    paint(picture, soft(box(492, 402, 604, 424, 4)), WHITE)
    paint(picture, text("Search", 500, 413, 10, "lm"), (150, 156, 164))
    paint(picture, soft(box(492, 432, 560, 454, 4)), (28, 90, 170))
    paint(picture, text("Subscribe", 526, 443, 10.5), WHITE)


def web_site() -> Image.Image:
    """A browser window with a page about small networks."""
    picture = np.full((HEIGHT, WIDTH, 3), 248.0)
    paint(picture, soft(Y - 34), (222, 226, 232))
    for number, colour in enumerate(((236, 95, 88), (245, 190, 62), (98, 197, 84))):
        paint(picture, soft(disc(18 + number * 18, 17, 6)), colour)
    paint(picture, soft(box(84, 7, 600, 27, 10)), WHITE)
    paint(picture, text("https://tinysight.example/photos", 98, 17, 11, "lm"), (90, 96, 104))
    paint(picture, soft(box(0, 34, WIDTH, 92)), gradient(X / WIDTH, [(0, (28, 60, 120)), (1, (40, 110, 170))]))
    paint(picture, text("tinysight", 28, 62, 27, "lm", bold=0.3), WHITE)
    sheet = Sheet()
    for number, word in enumerate(("Home", "Photos", "Docs", "Blog", "About")):
        sheet.text(word, 330 + number * 62, 63, 13)
    paint(picture, sheet.mask(), (225, 236, 250))
    _hero(picture)
    for number, card in enumerate(CARDS):
        _card(picture, 24 + number * 152, card)
    _sidebar(picture)
    return finish(picture, vignette=0, grain=0)
