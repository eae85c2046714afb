"""Ratios that a result must reach: ``int8/float32=1.8``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from tinysight.benchmark.contender import Contender
from tinysight.benchmark.rounds import Measurement
from tinysight.benchmark.statistics import compare
from tinysight.errors import UsageError, printable


class Gate(NamedTuple):
    """``faster`` must be at least ``ratio`` times as fast as ``slower``, by the fastest call of each.

    Both are parts of a contender's label, ``engine:precision:threads``, in any number: ``int8``, ``native:int8``,
    ``int8:2``. What neither names must be equal in the two contenders that are compared.
    """

    faster: tuple[str, ...]
    slower: tuple[str, ...]
    ratio: float
    text: str


def parse_gate(text: str) -> Gate:
    """Read ``FASTER/SLOWER=RATIO``.

    Raises:
        UsageError: another form.

    >>> parse_gate("int8:1/float32:1=1.5").ratio
    1.5
    """
    names, _, number = text.partition("=")
    faster, _, slower = names.partition("/")
    try:
        ratio = float(number)
    except ValueError:
        ratio = math.nan
    if not faster or not slower or not math.isfinite(ratio) or ratio <= 0:
        raise UsageError(
            f"a gate has the form FASTER/SLOWER=RATIO, for example int8/float32=1.5, received {printable(text)!r}"
        )
    return Gate(tuple(faster.split(":")), tuple(slower.split(":")), ratio, text)


def _parts(contender: Contender) -> set[str]:
    return set(contender.label.split(":"))


def pairs(gate: Gate, contenders: Sequence[Contender]) -> list[tuple[Contender, Contender]]:
    """Return which contenders a gate compares: they differ in nothing that the gate does not name."""
    found = []
    for a in contenders:
        for b in contenders:
            named = set(gate.faster) <= _parts(a) and set(gate.slower) <= _parts(b)
            if named and a is not b and _parts(a) - set(gate.faster) == _parts(b) - set(gate.slower):
                found.append((a, b))
    return found


def check_names(gates: Sequence[Gate], contenders: Sequence[Contender]) -> None:
    """Refuse gates that compare nothing, before any time is spent.

    Raises:
        UsageError: the message lists what there is to compare.
    """
    for gate in gates:
        if not pairs(gate, contenders):
            known = ", ".join(contender.label for contender in contenders)
            raise UsageError(f"gate {printable(gate.text)!r} compares nothing that is measured: {known}")


def missed(gates: Sequence[Gate], contenders: Sequence[Contender], measured: Measurement) -> list[str]:
    """Hold a result against its gates.

    Returns:
        One line for each ratio that is too small.
    """
    lines = []
    for gate in gates:
        for a, b in pairs(gate, contenders):
            reached = compare(measured.times[a.label], measured.times[b.label]).of_minima
            if not reached >= gate.ratio:
                lines.append(f"{a.label} is {reached:.2f} times as fast as {b.label}, wanted {gate.ratio:g}")
    if lines and measured.noise.noisy:
        lines.append(f"the machine was noisy: {', '.join(measured.noise.reasons)}")
    return lines
