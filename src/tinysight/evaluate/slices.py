"""Kinds of pictures, and how good a model is on each: an average can hide that small or grey ones fail."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.evaluate.intervals import Share, share

FEWEST = 20  # pictures; with fewer, one of them moves the share by more than 5 points
SIZE_EDGES_PX = (128, 256, 512, 1024)
GREY_TOLERANCE = 8  # levels of 0..255: a grey JPEG that was saved in colour is off by a few


class Slice(NamedTuple):
    """One kind of pictures: ``meaningful`` where there are at least ``FEWEST`` of them."""

    kind: str
    name: str
    top1: Share
    meaningful: bool


def is_grey(pixels: NDArray[np.uint8]) -> bool:
    """Whether a picture, uint8 ``(H, W, 3)``, has no colour: red, green and blue differ nowhere by more than 8."""
    return int((pixels.max(axis=2) - pixels.min(axis=2)).max()) <= GREY_TOLERANCE


def slice_by(sizes: NDArray[np.integer], grey: NDArray[np.bool_], correct: NDArray[np.bool_]) -> tuple[Slice, ...]:
    """Return top-1 of each kind of pictures that there is.

    Args:
        sizes: width and height of the upright pictures in pixels, ``(N, 2)``.
        grey: whether each has no colour, ``(N,)``.
        correct: whether the first answer is right, ``(N,)``.
    """
    width, height = sizes.T
    shorter = sizes.min(axis=1)
    bounds = (0, *SIZE_EDGES_PX)
    names = (f"under {SIZE_EDGES_PX[0]} px", *(f"{a}-{b - 1} px" for a, b in pairwise(SIZE_EDGES_PX)))
    kinds: list[tuple[str, str, NDArray[np.bool_]]] = [
        ("shorter side", name, (shorter >= low) & (shorter < high))
        for name, low, high in zip(names, bounds, SIZE_EDGES_PX, strict=False)
    ]
    kinds += [
        ("shorter side", f"{SIZE_EDGES_PX[-1]} px and more", shorter >= SIZE_EDGES_PX[-1]),
        ("shape", "landscape", width > height),
        ("shape", "portrait", height > width),
        ("shape", "square", width == height),
        ("colour", "colour", ~grey),
        ("colour", "grey", grey),
    ]
    return tuple(
        Slice(kind, name, share(int(correct[there].sum()), found), found >= FEWEST)
        for kind, name, there in kinds
        if (found := int(there.sum()))
    )
