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
# (step, side): by how much an edge is moved, as a share, and at how many pixels the two are compared meanwhile.
_SEARCH = ((0.04, SIDE_PX // 2), (0.02, SIDE_PX // 2), (0.01, SIDE_PX))
_HOPELESS_AT_FIRST, _HOPELESS = 0.4, 0.7  # at half the size; no true pair that was seen is below 0.6 and 0.8
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
    averaged: Floats = np.matmul(np.matmul(rows, pictures), columns.T)
    return averaged


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


class Integral:
    """A square picture, real (n, n), of which any part is averaged quickly, by the sums of all that is above and left.

    Matrix products would do, but those of this size are where a BLAS begins to use threads, which wait for each other
    on a busy machine many times longer than the product takes.
    """

    def __init__(self, picture: NDArray[Any]) -> None:
        self._sums = np.zeros((len(picture) + 1, len(picture) + 1))
        np.cumsum(np.cumsum(picture, axis=0, dtype=np.float64), axis=1, out=self._sums[1:, 1:])

    def window(self, box: Box, side_px: int) -> Floats:
        """Return what ``window`` would, float32 (side_px, side_px)."""
        length = len(self._sums) - 1
        top, row_share = _between(length, box[0], box[2], side_px)
        left, column_share = _between(length, box[1], box[3], side_px)
        above = self._sums[top]
        above = above + row_share[:, None] * (self._sums[top + 1] - above)
        corner = above[:, left]
        corner = corner + column_share * (above[:, left + 1] - corner)
        cells = corner[1:, 1:] - corner[1:, :-1] - corner[:-1, 1:] + corner[:-1, :-1]
        averaged: Floats = (cells * (side_px**2 / (length**2 * box[2] * box[3]))).astype(np.float32)
        return averaged


@lru_cache(maxsize=4096)
def _between(length: int, start: float, share: float, side_px: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return before which pixel each edge of a window's cells lies, and how far into it, 0..1."""
    edges = (start + share * np.arange(side_px + 1) / side_px) * length
    pixels = np.clip(edges.astype(np.intp), 0, length - 1)
    return pixels, edges - pixels


class Overlay:
    """Two square pictures, real (n, n) each, grey."""

    def __init__(self, over: NDArray[Any], under: NDArray[Any]) -> None:
        self._over, whole = Integral(over), Integral(under)
        self._whole = {side: fine(whole.window(SQUARES[0], side)) for _, side in _SEARCH}

    def best(self, box: Box) -> float:
        """Return the best correlation of fine structure, -1..1, where a part of the first lies over all of the second.

        One edge after the other of ``box`` is moved as long as that helps. What is hopeless at half the size is not
        looked at any closer, and counts as 0.
        """
        edges: tuple[float, ...] = (box[0], box[1], box[0] + box[2], box[1] + box[3])
        if self._at(edges, _SEARCH[0][1]) < _HOPELESS_AT_FIRST:
            return 0.0
        likeness = 0.0
        for step, side in _SEARCH:
            likeness, edges = self._climb(edges, step, side)
            if likeness < _HOPELESS:
                return 0.0
        return likeness

    def _climb(self, edges: tuple[float, ...], step: float, side: int) -> tuple[float, tuple[float, ...]]:
        found, improved = self._at(edges, side), True
        while improved:
            improved = False
            for number, move in product(range(4), (-step, step)):
                moved = (*edges[:number], round(edges[number] + move, 6), *edges[number + 1 :])
                likeness = self._at(moved, side)
                if likeness > found + 1e-4:
                    found, edges, improved = likeness, moved, True
        return found, edges

    def _at(self, edges: tuple[float, ...], side: int) -> float:
        top, left, bottom, right = edges
        if min(edges) < 0 or max(edges) > 1 or min(bottom - top, right - left) < _SMALLEST:
            return -1.0
        part = self._over.window((top, left, bottom - top, right - left), side)
        return float((fine(part) * self._whole[side]).sum())
