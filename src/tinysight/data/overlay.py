"""One grey picture laid over another: which part of the first shows all of the second, and how alike they are."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]  # top, left, height, width, as shares of the picture
BLOCKS = 4  # fine structure is what is left without the means of blocks of so many pixels a side
SIDE_PX = 64
_STEPS = (0.04, 0.02, 0.01)  # by which an edge is moved, as shares; the last is half a pixel of SIDE_PX
_SMALLEST = 0.6  # share of a side that the common part may have
_FLAT = 1e-3

SQUARES: tuple[Box, ...] = tuple(
    (top, left, share, share)
    for share in (1.0, 0.9, 0.8)
    for top, left in product(sorted({0.0, (1 - share) / 2, 1 - share}), repeat=2)
)


def window(pictures: NDArray[Any], box: Box, side_px: int) -> Floats:
    """Return the part ``box`` of square pictures, averaged to ``side_px`` a side.

    Args:
        pictures: real (..., n, n).
        box: within 0..1.
        side_px: pixels.

    Returns:
        float32 (..., side_px, side_px).
    """
    length = pictures.shape[-1]
    rows = _averaging(length, box[0], box[2], side_px)
    columns = _averaging(length, box[1], box[3], side_px)
    return np.matmul(np.matmul(rows, pictures), columns.T)


@lru_cache(maxsize=4096)
def _averaging(length: int, start: float, share: float, side_px: int) -> Floats:
    """Return float32 (side_px, length): each row the share that every pixel has in one of the window's."""
    edges = (start + share * np.arange(side_px + 1) / side_px) * length
    pixels = np.arange(length)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(covered, 0, None)
    averaging: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return averaging


def unit(pictures: Floats) -> Floats:
    """Return pictures (..., n, n) as vectors (..., n * n) of mean 0 and length 1; a flat one is all zeros."""
    vectors = pictures.reshape(*pictures.shape[:-2], -1)
    vectors = vectors - vectors.mean(axis=-1, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Floats = np.where(lengths > _FLAT * vectors.shape[-1], vectors / np.maximum(lengths, _FLAT), 0)
    return scaled


def fine(pictures: Floats) -> Floats:
    """Return ``unit`` of what pictures (..., n, n) have beside the means of their blocks; n is a multiple of 4."""
    side = pictures.shape[-1] // BLOCKS
    blocks = pictures.reshape(*pictures.shape[:-2], side, BLOCKS, side, BLOCKS)
    return unit((blocks - blocks.mean(axis=(-3, -1), keepdims=True)).reshape(pictures.shape))


class Overlay:
    """Two pictures, float (h, w) each, grey and of any size, made square."""

    def __init__(self, over: Floats, under: Floats) -> None:
        self._over = _square(over)
        self._whole = fine(window(_square(under), SQUARES[0], SIDE_PX))

    def at(self, box: Box) -> float:
        """Return the correlation of the fine structure, -1..1, where ``box`` of the first lies over the second."""
        return float((fine(window(self._over, box, SIDE_PX)) * self._whole).sum())

    def best(self, box: Box) -> float:
        """Return the best correlation that is reached from ``box`` by moving one edge after the other."""
        edges = (box[0], box[1], box[0] + box[2], box[1] + box[3])
        found = self._at_edges(edges)
        for step in _STEPS:
            improved = True
            while improved:
                improved = False
                for number, sign in product(range(4), (-step, step)):
                    moved = (*edges[:number], round(edges[number] + sign, 6), *edges[number + 1 :])
                    likeness = self._at_edges(moved)
                    if likeness > found + 1e-4:
                        found, edges, improved = likeness, moved, True
        return found

    def _at_edges(self, edges: tuple[float, ...]) -> float:
        top, left, bottom, right = edges
        if min(edges) < 0 or max(edges) > 1 or min(bottom - top, right - left) < _SMALLEST:
            return -1.0
        return self.at((top, left, bottom - top, right - left))


def _square(picture: Floats) -> Floats:
    from tinysight.preprocess import resize

    return resize(picture, 2 * SIDE_PX, 2 * SIDE_PX).astype(np.float32)
