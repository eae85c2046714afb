"""A data set with all that is known of its pictures: what the checks look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tinysight.data.dataset import PARTS, Dataset, Split
from tinysight.data.examine import Facts
from tinysight.data.ignored import Ignored


class Examined(NamedTuple):
    """What the checks look at.

    Args:
        dataset: N labelled pictures.
        ignored: what was found beside them.
        facts: N.
        split: who is for what; pictures that cannot be read are left out.
        near: groups of two or more indexes, of pictures that are nearly the same and not the same bytes.
        resolution: side of the network's input in pixels.
        wants_test: whether anything is to be measured at all.
    """

    dataset: Dataset
    ignored: tuple[Ignored, ...]
    facts: tuple[Facts, ...]
    split: Split
    near: tuple[tuple[int, ...], ...]
    resolution: int
    wants_test: bool = True

    @property
    def readable(self) -> list[int]:
        """Indexes of the pictures that can be read."""
        return [index for index, facts in enumerate(self.facts) if facts.error is None]

    def files(self, indexes: Iterable[int]) -> tuple[str, ...]:
        """Return the paths of pictures."""
        return tuple(str(self.dataset.examples[index].path) for index in indexes)

    def class_name(self, index: int) -> str:
        """Return the class of a picture."""
        return self.dataset.classes[self.dataset.examples[index].label]

    def counts(self) -> list[list[int]]:
        """Return how many pictures of each class are in each part, ``[class][part]``."""
        table = [[0] * len(PARTS) for _ in self.dataset.classes]
        for example, part in zip(self.dataset.examples, self.split.parts.tolist(), strict=True):
            if part >= 0:
                table[example.label][part] += 1
        return table
