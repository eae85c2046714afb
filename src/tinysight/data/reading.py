"""Pictures from disk to arrays, in order and in threads, a few at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from tinysight.data.threads import in_order
from tinysight.errors import ImageError, UsageError
from tinysight.preprocess import Recipe, prepare, read_picture, resize

File = str | os.PathLike[str]
MAX_ASPECT = 2  # of what read_upright keeps: random crops of training are taken from no more


def read_images(
    paths: Iterable[File], recipe: Recipe, *, workers: int | None = None
) -> Iterator[NDArray[np.uint8] | ImageError]:
    """Read and prepare pictures for the network.

    Args:
        paths: files, of which no more than a few are read ahead.
        recipe: how they are cropped and resized.
        workers: threads (decoding leaves Python's lock to others); None: one for each processor.

    Returns:
        A generator: for each path, in order, uint8 (resolution, resolution, 3), or why it cannot be read. It may be
        closed at any time.

    Raises:
        UsageError: no positive number of workers.
    """

    def read(path: File) -> NDArray[np.uint8] | ImageError:
        try:
            return prepare(read_picture(path, wanted_px=recipe.wanted_px).pixels, recipe)
        except ImageError as error:
            return error

    return in_order(read, paths, workers)


def read_upright(
    paths: Iterable[File], shorter_px: int, *, workers: int | None = None
) -> Iterator[NDArray[np.uint8] | ImageError]:
    """Read pictures at a size from which training takes its random crops.

    Args:
        paths: files, of which no more than a few are read ahead.
        shorter_px: the shorter side is made this many pixels where it is longer; it is never made longer.
        workers: as in ``read_images``.

    Returns:
        A generator: for each path, in order, uint8 (height, width, 3), upright, the longer side at most twice the
        shorter (the middle of it), or why it cannot be read. It may be closed at any time.

    Raises:
        UsageError: ``shorter_px`` or ``workers`` is no positive whole number.
    """
    if isinstance(shorter_px, bool) or not isinstance(shorter_px, int) or shorter_px < 1:
        raise UsageError(f"shorter_px must be a whole number of at least 1, received {shorter_px!r}")

    def read(path: File) -> NDArray[np.uint8] | ImageError:
        try:
            return shrink(read_picture(path, wanted_px=shorter_px).pixels, shorter_px)
        except ImageError as error:
            return error

    return in_order(read, paths, workers)


def shrink(pixels: NDArray[np.uint8], shorter_px: int) -> NDArray[np.uint8]:
    """Cut a picture to at most 2:1 around its middle and make its shorter side ``shorter_px`` if it is longer.

    Args:
        pixels: uint8 (height, width, 3).
        shorter_px: pixels, at least 1.

    Returns:
        uint8 (h, w, 3) with rows next to each other, ``pixels`` itself where nothing is to be done.
    """
    height, width = pixels.shape[:2]
    longest = MAX_ASPECT * min(height, width)
    rows, columns = min(height, longest), min(width, longest)
    top, left = (height - rows) // 2, (width - columns) // 2
    part = pixels[top : top + rows, left : left + columns]
    shorter = min(rows, columns)
    if shorter <= shorter_px:
        return np.ascontiguousarray(part)
    return resize(part, max(1, round(rows * shorter_px / shorter)), max(1, round(columns * shorter_px / shorter)))
