"""Pictures that are nearly the same: resized, saved again, brightened, recoloured, cropped a little, or mirrored.

Three sieves, each finer than the one before:

1. all pairs, by the correlation of 8 x 8 grey means: of the whole picture, or of its middle with a whole one;
2. what is left, by the fine structure of 24 x 24 pixels (without what 4 x 4 blocks have in common, because different
   photos of one subject often agree in that), one picture being laid over the other at 19 sizes and places;
3. what is still left is read again, and compared in the same way at 64 x 64 pixels, the edges of the part that both
   show being moved until they fit best. Two photos of like flowers, or of one flower a moment apart, part here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.data.overlay import SIDE_PX, SQUARES, Box, Overlay, fine, unit, window
from tinysight.preprocess import resize

Floats = NDArray[np.float32]
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
COARSE_PX, FINE_PX = 8, 24
# Among 4,064 photos of flowers, all 33 pairs that SAME_LIKENESS keeps are above 0.82 and 0.78; crops of photos by up
# to a tenth, drawn for the purpose, nearly all.
COARSE_LIKENESS, FINE_LIKENESS = 0.82, 0.74
# There, each pair above this was seen to be one photo; different flowers reach 0.81, two true pairs are lost at 0.83.
SAME_LIKENESS = 0.86
_MIDDLES = (1.0, 0.9, 0.8)  # shares of the sides
_BLOCK_ROWS = 256  # of the table of all pairs: 256 x 100,000 numbers are 100 MB
# Frames of a film or drawings on white all look alike from afar; then only the most alike are looked at closer.
MAX_PAIRS, MAX_CANDIDATES = 1_000_000, 5_000
_BLOCK_PICTURES, _BLOCK_PAIRS = 256, 512


class Candidate(NamedTuple):
    """Two pictures that may be the same: the part ``box`` of ``first`` lies over all of ``second``, mirrored or not."""

    first: int
    second: int
    mirrored: bool
    box: Box


def candidates(thumbs: Sequence[NDArray[np.uint8]]) -> list[Candidate]:
    """Return the pairs that pass the first two sieves, each once, the most alike first.

    Args:
        thumbs: uint8 (side, side, 3) each, whole pictures without their proportions.
    """
    if len(thumbs) < 2:
        return []
    grey: Floats = np.stack([thumb @ _GREY for thumb in thumbs]).astype(np.float32)
    found: dict[tuple[int, int], tuple[float, Candidate]] = {}
    for mirrored in (False, True):
        for likeness, one in _fine_pairs(grey, _coarse_pairs(grey, mirrored), mirrored):
            key = (min(one.first, one.second), max(one.first, one.second))
            if likeness > found.get(key, (FINE_LIKENESS, None))[0]:
                found[key] = (likeness, one)
    most_alike = sorted(found.values(), key=lambda one: -one[0])[:MAX_CANDIDATES]
    return [one for _, one in most_alike]


def _coarse_pairs(grey: Floats, mirrored: bool) -> NDArray[np.intp]:
    """Return ordered pairs (P, 2) that look alike from afar, each in both directions, by the first."""
    whole = unit(window(grey, (0.0, 0.0, 1.0, 1.0), COARSE_PX))
    keys, alike = np.empty(0, np.intp), np.empty(0, np.float32)
    for share in _MIDDLES:
        margin = (1 - share) / 2
        middle = window(grey, (margin, margin, share, share), COARSE_PX)
        middle = unit(middle[:, :, ::-1] if mirrored else middle)
        for start in range(0, len(grey), _BLOCK_ROWS):
            products = middle[start : start + _BLOCK_ROWS] @ whole.T
            np.fill_diagonal(products[:, start:], -1)  # each with itself
            rows, columns = np.nonzero(products > COARSE_LIKENESS)
            keys = np.concatenate([keys, (rows + start) * len(grey) + columns])
            alike = np.concatenate([alike, products[rows, columns]])
            if len(keys) > MAX_PAIRS:
                keep = np.argpartition(-alike, MAX_PAIRS)[:MAX_PAIRS]
                keys, alike = keys[keep], alike[keep]
    first, second = np.divmod(keys, len(grey))
    both_ways = np.unique(np.concatenate([first * len(grey) + second, second * len(grey) + first]))
    return np.stack(np.divmod(both_ways, len(grey)), axis=1)


def _fine_pairs(grey: Floats, pairs: NDArray[np.intp], mirrored: bool) -> Iterator[tuple[float, Candidate]]:
    """Yield those of the ordered pairs in which a part of the first is like all of the second in detail."""
    whole = fine(window(grey[:, :, ::-1] if mirrored else grey, SQUARES[0], FINE_PX))
    for start in range(0, len(grey), _BLOCK_PICTURES):
        block = pairs[slice(*np.searchsorted(pairs[:, 0], (start, start + _BLOCK_PICTURES)))]
        if not len(block):
            continue
        parts = np.stack([fine(window(grey[start : start + _BLOCK_PICTURES], box, FINE_PX)) for box in SQUARES], 1)
        for at in range(0, len(block), _BLOCK_PAIRS):
            first, second = block[at : at + _BLOCK_PAIRS].T
            likeness = np.matmul(parts[first - start], whole[second][:, :, None])[:, :, 0]
            best, highest = likeness.argmax(axis=1), likeness.max(axis=1)
            for one in np.flatnonzero(highest > FINE_LIKENESS).tolist():
                yield float(highest[one]), Candidate(int(first[one]), int(second[one]), mirrored, SQUARES[best[one]])


def detail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what ``likeness`` compares of a picture, uint8 (h, w, 3): grey and square, uint8 (n, n)."""
    square = resize(pixels, 2 * SIDE_PX, 2 * SIDE_PX)
    grey: NDArray[np.uint8] = np.rint(square @ _GREY).astype(np.uint8)
    return grey


def likeness(one: Candidate, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return how alike the two pictures of a candidate are in detail, laid over each other as well as may be: -1..1.

    Args:
        one: the candidate, whose ``box`` is where the search begins.
        first: its ``detail``, uint8 (n, n).
        second: the same of the other.
    """
    under = second[:, ::-1] if one.mirrored else second
    return Overlay(first, under).best(one.box)
