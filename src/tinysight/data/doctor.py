"""Examine a data set before it teaches: read every picture once, compare all with all, run the checks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tinysight.data.checks import run_checks
from tinysight.data.dataset import LEFT_OUT, Dataset, Split
from tinysight.data.examine import Facts, examine
from tinysight.data.examined import Examined
from tinysight.data.findings import Finding
from tinysight.data.layout import survey
from tinysight.data.near import SAME_LIKENESS, Candidate, candidates, detail, likeness
from tinysight.data.overlay import SIDE_PX
from tinysight.data.reading import read_upright
from tinysight.data.split import split_dataset
from tinysight.errors import ImageError

Progress = Callable[[int, int | None], None]


class Checkup(NamedTuple):
    """What came of it.

    Args:
        dataset: what was found.
        split: which picture would be for what; those that cannot be read are left out.
        counts: pictures of each class in train, val and test, ``[class][part]``.
        findings: the gravest kinds first.
    """

    dataset: Dataset
    split: Split
    counts: list[list[int]]
    findings: tuple[Finding, ...]

    @property
    def needs_attention(self) -> bool:
        """Whether anything is worse than a note."""
        return any(finding.severity != "note" for finding in self.findings)


def check_dataset(
    where: Path | str,
    *,
    test_share: float = 0.2,
    val_share: float = 0.1,
    seed: int = 0,
    resolution: int = 224,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Checkup:
    """Examine a data set; nothing in it is changed.

    Args:
        where: as ``read_dataset`` takes it.
        test_share: as ``split_dataset`` takes it.
        val_share: the same.
        seed: the same.
        resolution: side of the network's input, in pixels.
        workers: threads; None: one for each processor.
        progress: called with (pictures read, pictures in all).

    Raises:
        UsageError: as ``read_dataset`` and ``split_dataset``.
    """
    found = survey(where)
    dataset = found.dataset
    # Options that are none are refused before thousands of pictures are read.
    split_dataset(dataset, [b""] * len(dataset.examples), test_share=test_share, val_share=val_share, seed=seed)
    facts = _read(dataset, workers, progress)
    contents = [one.content for one in facts]
    split = split_dataset(dataset, contents, test_share=test_share, val_share=val_share, seed=seed)
    split.parts[[index for index, one in enumerate(facts) if one.error is not None]] = LEFT_OUT
    near = near_groups(dataset, facts, workers)
    examined = Examined(dataset, found.ignored, tuple(facts), split, near, resolution, test_share > 0)
    return Checkup(dataset, split, examined.counts(), run_checks(examined))


def _read(dataset: Dataset, workers: int | None, progress: Progress | None) -> list[Facts]:
    facts: list[Facts] = []
    for one in examine([example.path for example in dataset.examples], workers):
        facts.append(one)
        if progress is not None:
            progress(len(facts), len(dataset.examples))
    return facts


def near_groups(dataset: Dataset, facts: list[Facts], workers: int | None = None) -> tuple[tuple[int, ...], ...]:
    """Return groups of indexes whose pictures are nearly the same; of the same bytes only the first is looked at.

    Where the second is nearly the first and the third nearly the second, all three are one group.
    """
    first_of: dict[bytes, int] = {}
    for index, one in enumerate(facts):
        if one.thumb is not None and not one.is_blank:
            first_of.setdefault(one.content, index)
    indexes = list(first_of.values())
    thumbs = [facts[index].thumb for index in indexes]
    possible = [
        one._replace(first=indexes[one.first], second=indexes[one.second])
        for one in candidates([thumb for thumb in thumbs if thumb is not None])
    ]
    return _grouped(dataset, possible, workers)


def _grouped(dataset: Dataset, possible: list[Candidate], workers: int | None) -> tuple[tuple[int, ...], ...]:
    """Read the pictures of the candidates again, larger, and join those that are the same in detail."""
    wanted = sorted({index for one in possible for index in (one.first, one.second)})
    paths = [dataset.examples[index].path for index in wanted]
    details = {
        index: detail(picture)
        for index, picture in zip(wanted, read_upright(paths, 2 * SIDE_PX, workers=workers), strict=True)
        if not isinstance(picture, ImageError)  # gone in between
    }
    groups = {index: {index} for index in details}
    for one in possible:
        first, second = (groups.get(index, set()) for index in (one.first, one.second))
        if not first or not second or first is second:  # of many copies of one picture, not each pair is compared
            continue
        if likeness(one, details[one.first], details[one.second]) >= SAME_LIKENESS:
            first |= second
            groups.update(dict.fromkeys(second, first))
    return tuple(sorted({tuple(sorted(group)) for group in groups.values() if len(group) > 1}))
