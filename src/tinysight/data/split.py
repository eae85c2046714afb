"""Which picture teaches, which is chosen by, which is measured on: decided by the picture's own bytes.

A picture's place is a number ``u`` in [0, 1) made of its bytes and the seed: below ``test_share`` it is for test, in
the next ``val_share`` for val, otherwise for train. So it stays where it is when the data grow, when files are renamed,
moved or listed in another order, and the same bytes never lie in two parts.

Every class is looked at by itself. Where all of a class' pictures would miss test (or val) although it has three or
more, the one with the lowest ``u`` goes to test (and the next lowest to val); where none would be left for train, the
one with the highest ``u`` goes there. Only those few may move when the class grows. A class of one or two is for train
alone: an answer that was never taught is worse than one that was never measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tinysight.data.dataset import PARTS, Dataset, Split
from tinysight.data.repeats import leave_out_repeats
from tinysight.errors import UsageError

SMALLEST_CLASS = 3  # pictures that can be in three parts
_TRAIN, _VAL, _TEST = range(3)


def split_dataset(
    dataset: Dataset, contents: Sequence[bytes], *, test_share: float = 0.2, val_share: float = 0.1, seed: int = 0
) -> Split:
    """Say which picture is in which part.

    Parts that the data give are kept. Of data that give ``train`` and one other, that other is ``test``, and ``val`` is
    cut out of ``train`` by the rule above, a share of ``val_share / (1 - test_share)``. Data that give ``train`` alone
    are cut like data that give nothing; pictures without a part, beside others that have one, count as ``train``.

    Left out are: pictures without content; the same bytes under different labels, all of them; of the same bytes under
    one label all but the first, where parts are given that of test before val before train.

    Args:
        dataset: N labelled pictures.
        contents: what ``hash_contents`` returned for them, N.
        test_share: of each class, about, from 0; together with ``val_share`` less than 1.
        val_share: of each class, about, from 0.
        seed: another one cuts elsewhere.

    Raises:
        UsageError: shares or a seed that are none, another number of contents, or data that give no part to teach with.
    """
    _check(dataset, contents, test_share, val_share, seed)
    given = {example.part for example in dataset.examples if example.part is not None}
    held_out = given - {"train"}
    parts = np.array([_TRAIN if one.part is None else PARTS.index(one.part) for one in dataset.examples], np.int8)
    if held_out and not (parts == _TRAIN).any():
        raise UsageError(f"the data give {' and '.join(sorted(held_out))} but nothing to train on")
    if len(held_out) == 1:
        parts[parts != _TRAIN] = _TEST
    reasons = leave_out_repeats(dataset, contents, parts)
    if len(held_out) < 2:
        shares = (0.0, val_share / (1 - test_share)) if held_out else (test_share, val_share)
        _cut_classes(parts, dataset, contents, shares, seed)
    return Split(parts, tuple(reasons))


def _check(dataset: Dataset, contents: Sequence[bytes], test_share: float, val_share: float, seed: int) -> None:
    for name, share in (("test_share", test_share), ("val_share", val_share)):
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share < 1:
            raise UsageError(f"{name} must be a number from 0 to less than 1, received {share!r}")
    if test_share + val_share >= 1:
        raise UsageError(
            f"test_share and val_share must leave something to train on, received {test_share + val_share}"
        )
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UsageError(f"seed must be a whole number, received {seed!r}")
    if len(contents) != len(dataset.examples):
        raise UsageError(f"{len(dataset.examples)} pictures need as many contents, received {len(contents)}")


def place(content: bytes, seed: int) -> float:
    """Return a picture's ``u``: 53 bits of a hash of the seed and its content, as a number from 0 to less than 1."""
    digest = hashlib.sha256(f"tinysight split {seed}\0".encode() + content).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53  # as many bits as a float holds, so that it is never 1


def _cut_classes(
    parts: np.ndarray, dataset: Dataset, contents: Sequence[bytes], shares: tuple[float, float], seed: int
) -> None:
    """Move pictures of train to test and val, by class; ``parts`` is changed."""
    members: dict[int, list[tuple[float, int]]] = {}
    for index in np.flatnonzero(parts == _TRAIN).tolist():
        members.setdefault(dataset.examples[index].label, []).append((place(contents[index], seed), index))
    for places in members.values():
        places.sort()
        test_end, val_end = _ends([u for u, _ in places], *shares)
        for rank, (_, index) in enumerate(places[:val_end]):
            parts[index] = _TEST if rank < test_end else _VAL


def _ends(places: list[float], test_share: float, val_share: float) -> tuple[int, int]:
    """Return how many of a class, the lowest ``u`` first, are for test, and for test or val.

    >>> _ends([0.1, 0.25, 0.6, 0.9], 0.2, 0.1)
    (1, 2)
    >>> _ends([0.4, 0.6, 0.9], 0.2, 0.1)
    (1, 2)
    """
    if len(places) < SMALLEST_CLASS:
        return 0, 0
    test_end = max(sum(u < test_share for u in places), int(test_share > 0))
    val_end = max(sum(u < test_share + val_share for u in places), test_end + int(val_share > 0))
    val_end = min(val_end, len(places) - 1)
    return min(test_end, val_end - int(val_share > 0)), val_end
