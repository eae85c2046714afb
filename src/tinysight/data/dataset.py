"""Labelled pictures: what a data set is, whatever its form on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
LEFT_OUT = -1  # of a split: the picture is in no part
Layout = Literal["class folders", "split folders", "table", "metadata"]


class Example(NamedTuple):
    """One labelled picture: ``label`` is an index into the classes, ``part`` what the data says it is for."""

    path: Path
    label: int
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures, found but not opened.

    Args:
        where: the folder or table, as the user wrote it.
        layout: which form it has.
        classes: names, in the order of the labels: sorted by code point, as Keras and torchvision sort.
        examples: in a fixed order: by class folder and name, or as the table lists them.
        ignored: a line for each thing that was found and is not a labelled picture.
    """

    where: str
    layout: Layout
    classes: tuple[str, ...]
    examples: tuple[Example, ...]
    ignored: tuple[str, ...] = ()

    @property
    def labels(self) -> NDArray[np.intp]:
        """Labels of the examples, ``(N,)``."""
        return np.array([example.label for example in self.examples], np.intp)


class Split(NamedTuple):
    """Which picture is for what.

    Args:
        parts: int8 ``(N,)``: 0 train, 1 val, 2 test (the index into ``PARTS``), ``LEFT_OUT`` for those in no part.
        reasons: why pictures were left out, a line each.
    """

    parts: NDArray[np.int8]
    reasons: tuple[str, ...]

    def of(self, part: Part) -> NDArray[np.intp]:
        """Return the indexes of the examples in a part, rising."""
        return np.flatnonzero(self.parts == PARTS.index(part))
