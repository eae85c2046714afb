"""The same picture more than once: which of them stays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tinysight.data.contents import UNREADABLE
from tinysight.data.dataset import LEFT_OUT, PARTS, Dataset
from tinysight.errors import printable


def same_contents(contents: Sequence[bytes]) -> list[list[int]]:
    """Return the groups of two or more indexes whose content is the same and could be read, in order."""
    groups: dict[bytes, list[int]] = {}
    for index, content in enumerate(contents):
        if content != UNREADABLE:
            groups.setdefault(content, []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def leave_out_repeats(dataset: Dataset, contents: Sequence[bytes], parts: NDArray[np.int8]) -> list[str]:
    """Mark what cannot be used, and what is there already; ``split_dataset`` has the rule.

    Args:
        dataset: N labelled pictures.
        contents: N.
        parts: int8 ``(N,)``, indexes into ``PARTS``; those left out become ``LEFT_OUT``.

    Returns:
        Why, a line for each picture or group of pictures.
    """
    reasons = []
    for index, content in enumerate(contents):
        if content == UNREADABLE:
            parts[index] = LEFT_OUT
            reasons.append(f"{_name(dataset, index)}: cannot be read")
    for group in same_contents(contents):
        if len({dataset.examples[index].label for index in group}) > 1:
            parts[group] = LEFT_OUT
            reasons.append(f"the same bytes under different labels: {_labelled(dataset, group)}")
            continue
        kept = max(group, key=lambda index: (parts[index], -index))  # PARTS rises from train to test
        others = [index for index in group if index != kept]
        where = PARTS[parts[kept]]
        for index in others:
            leak = f", which is in {where}" if parts[index] != parts[kept] else ""
            reasons.append(f"{_name(dataset, index)}: the same bytes as {_name(dataset, kept)}{leak}")
        parts[others] = LEFT_OUT
    return reasons


def _name(dataset: Dataset, index: int) -> str:
    return printable(str(dataset.examples[index].path))


def _labelled(dataset: Dataset, group: Iterable[int]) -> str:
    labels = ((index, dataset.classes[dataset.examples[index].label]) for index in group)
    return ", ".join(f"{_name(dataset, index)} ({printable(label, 60)})" for index, label in labels)
