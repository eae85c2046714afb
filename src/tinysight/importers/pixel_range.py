"""Mean and standard deviation, by which PyTorch programs normalise pixels, as the range that a recipe has."""

from __future__ import annotations

from typing import Any

from tinysight.errors import CheckpointError, printable

LARGEST = 1e6  # of a mean or deviation


def mean_and_std(limits: tuple[float, float]) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation, by channel, that bring pixels of 0..1 into a range.

    >>> mean_and_std((-1.0, 1.0))
    ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
    """
    low, high = limits
    width = high - low
    return [-low / width + 0.0] * 3, [1 / width] * 3


def value_range(mean: Any, std: Any, where: str) -> tuple[float, float]:
    """Return what 0 and 255 become.

    Args:
        mean, std: three numbers each, or one; of pixels of 0..1.
        where: for messages.

    Raises:
        CheckpointError: no numbers, a deviation that is not above 0, or channels that differ, which no recipe has.

    >>> value_range([0.5, 0.5, 0.5], 0.5, "")
    (-1.0, 1.0)
    """
    values = []
    for name, given in (("mean", mean), ("std", std)):
        numbers = given if isinstance(given, list) else [given]
        real = all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
        if not real or len(numbers) not in (1, 3) or not all(map(_is_small, numbers)) or len(set(numbers)) != 1:
            shown = printable(str(given), 80)
            raise CheckpointError(f"{where} normalises pixels with {name} {shown}; one number for all channels is read")
        values.append(numbers[0])
    if values[1] <= 0:
        raise CheckpointError(f"{where} normalises pixels with std {printable(str(values[1]), 40)}, expected above 0")
    return -values[0] / values[1] + 0.0, (1 - values[0]) / values[1]


def _is_small(number: float) -> bool:
    return abs(number) <= LARGEST  # not so for infinity and NaN, and a number of 400 digits becomes no float here
