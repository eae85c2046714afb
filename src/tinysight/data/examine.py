"""What there is to know of each picture, from one reading of its file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinysight.data.contents import UNREADABLE
from tinysight.data.form import PLAIN, Form, read_form
from tinysight.data.threads import in_order
from tinysight.errors import ImageError
from tinysight.preprocess import MAX_BYTES, Picture, read_picture, resize
from tinysight.preprocess.sniff import Format, sniff
from tinysight.preprocess.source import read_file

THUMB_PX = 32
# One colour: the thumbnail varies by less than two levels of 255, which noise of a sensor or a codec stays under, and
# no pixel is far from another, as in a drawing that is nearly all paper.
_BLANK_SPREAD, _BLANK_RANGE = 2.0, 40


@dataclass(frozen=True, slots=True)
class Facts:
    """One picture as it was found.

    Args:
        content: as ``hash_contents`` returns it.
        error: why it cannot be read, or None; everything below is then the default.
        kind: its format, by content; known of damaged pictures as well.
        width: pixels, as it is shown.
        height: pixels.
        form: how it is stored.
        is_link: whether the name is a link to the file.
        is_blank: whether it shows one colour and nothing else.
        thumb: uint8 ``(THUMB_PX, THUMB_PX, 3)`` RGB, the whole picture without its proportions.
    """

    content: bytes
    error: ImageError | None = None
    kind: Format | None = None
    width: int = 0
    height: int = 0
    form: Form = PLAIN
    is_link: bool = False
    is_blank: bool = False
    thumb: NDArray[np.uint8] | None = None


def examine(paths: Iterable[Path], workers: int | None = None) -> Iterator[Facts]:
    """Yield the facts of each picture, in order, read in threads; may be closed at any time.

    Raises:
        UsageError: no positive number of workers.
    """
    return in_order(examine_picture, paths, workers)


def examine_picture(path: Path) -> Facts:
    """Read one picture; what is wrong with it becomes a fact."""
    content, kind = UNREADABLE, None
    is_link = os.path.islink(path)  # noqa: PTH114 - Path.is_symlink raises for a NUL in the name
    try:
        data = read_file(os.fspath(path), MAX_BYTES)
        content = hashlib.sha256(data).digest()
        kind = sniff(data)
        picture = read_picture(data, wanted_px=THUMB_PX)
        return _readable(content, kind, read_form(kind, data), picture, is_link)
    except ImageError as error:
        return Facts(content, error, kind, is_link=is_link)


def _readable(content: bytes, kind: Format, form: Form, picture: Picture, is_link: bool) -> Facts:
    thumb = resize(picture.pixels, THUMB_PX, THUMB_PX)
    is_blank = bool(thumb.std(axis=(0, 1)).max() < _BLANK_SPREAD and _range(picture.pixels) <= _BLANK_RANGE)
    return Facts(content, None, kind, picture.width, picture.height, form, is_link, is_blank, thumb)


def _range(pixels: NDArray[np.uint8]) -> int:
    return int((pixels.max(axis=(0, 1)).astype(int) - pixels.min(axis=(0, 1))).max())
