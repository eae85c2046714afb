"""Labelled pictures that the tests of data draw themselves."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64


def drawn(seed: int, width: int = SIDE, height: int = SIDE) -> Image.Image:
    """A picture unlike that of any other seed: soft coloured patches with finer ones upon them."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for cells, strength in ((4, 0.6), (16, 0.4)):
        patches = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        picture += strength * np.asarray(patches.resize((width, height), Image.Resampling.BICUBIC), float)
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def fill(folder: Path, count: int, first: int, suffix: str = ".png") -> Path:
    """Draw ``count`` pictures into a folder; seeds from ``first`` on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number:02}{suffix}").write_bytes(encoded(drawn(first + number)))
    return folder


def two_classes(folder: Path, count: int = 12) -> Path:
    """A data set in which nothing is wrong."""
    fill(folder / "cat", count, 0)
    fill(folder / "dog", count, 1000)
    return folder


def tree(folder: Path, *names: str, content: bytes = b"") -> Path:
    """Files that are never opened; a name that ends in a slash is a folder."""
    for name in names:
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return folder
