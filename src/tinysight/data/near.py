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

from tinysight.data.overlay import SQUARES, Box, Overlay, fine, unit, window

Floats = NDArray[np.float32]
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
COARSE_PX, FINE_PX = 8, 24
COARSE_LIKENESS, FINE_LIKENESS = 0.8, 0.65
_MIDDLES = (1.0, 0.9, 0.8)  # shares of the sides
_BLOCK_ROWS = 1024  # of the table of all pairs: 1,024 x 100,000 numbers are 400 MB
_BLOCK_PAIRS = 2048


class Candidate(NamedTuple):
    """Two pictures that may be the same: the part ``box`` of ``first`` lies over all of ``second``, mirrored or not."""

    first: int
    second: int
    mirrored: bool
    box: Box


def candidates(thumbs: Sequence[NDArray[np.uint8]]) -> list[Candidate]:
    """Return the pairs that pass the first two sieves, each once.

    Args:
        thumbs: uint8 (side, side, 3) each, whole pictures without their proportions.
    """
    if len(thumbs) < 2:
        return []
    grey: Floats = np.stack([thumb @ _GREY for thumb in thumbs]).astype(np.float32)
    found: dict[tuple[int, int], tuple[float, Candidate]] = {}
    for mirrored in (False, True):
        pairs = np.array(sorted(_coarse_pairs(grey, mirrored)), np.intp).reshape(-1, 2)
        for start in range(0, len(pairs), _BLOCK_PAIRS):
            for likeness, one in _fine_pairs(grey, pairs[start : start + _BLOCK_PAIRS], mirrored):
                key = (min(one.first, one.second), max(one.first, one.second))
                if likeness > found.get(key, (FINE_LIKENESS, None))[0]:
                    found[key] = (likeness, one)
    return [one for _, (_, one) in sorted(found.items())]


def _coarse_pairs(grey: Floats, mirrored: bool) -> set[tuple[int, int]]:
    """Return pairs (a, b), a < b, that look alike from afar."""
    whole = unit(window(grey, (0.0, 0.0, 1.0, 1.0), COARSE_PX))
    pairs: set[tuple[int, int]] = set()
    for share in _MIDDLES:
        margin = (1 - share) / 2
        middle = window(grey, (margin, margin, share, share), COARSE_PX)
        middle = unit(middle[:, :, ::-1] if mirrored else middle)
        for start in range(0, len(grey), _BLOCK_ROWS):
            rows, columns = np.nonzero(middle[start : start + _BLOCK_ROWS] @ whole.T > COARSE_LIKENESS)
            low, high = np.minimum(rows + start, columns), np.maximum(rows + start, columns)
            different = low < high
            pairs.update(zip(low[different].tolist(), high[different].tolist(), strict=True))
    return pairs


def _fine_pairs(grey: Floats, pairs: NDArray[np.intp], mirrored: bool) -> Iterator[tuple[float, Candidate]]:
    """Yield those of the pairs that are alike in detail, in the better of both directions."""
    for first, second in (pairs.T, pairs.T[::-1]):
        over, under = grey[first], grey[second]
        whole = fine(window(under[:, :, ::-1] if mirrored else under, SQUARES[0], FINE_PX))
        likeness = np.stack([(fine(window(over, box, FINE_PX)) * whole).sum(-1) for box in SQUARES])
        best = likeness.argmax(axis=0)
        for at in np.flatnonzero(likeness.max(axis=0) > FINE_LIKENESS).tolist():
            box = SQUARES[best[at]]
            yield float(likeness[best[at], at]), Candidate(int(first[at]), int(second[at]), mirrored, box)


def likeness(one: Candidate, first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Return how alike the two pictures of a candidate are in detail, laid over each other as well as may be: -1..1.

    Args:
        one: the candidate, whose ``box`` is where the search begins.
        first: uint8 (h, w, 3), upright.
        second: uint8 (h, w, 3).
    """
    under = second[:, ::-1] if one.mirrored else second
    return Overlay(first @ _GREY, under @ _GREY).best(one.box)
