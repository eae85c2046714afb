"""Checks: each looks at an examined data set and yields what it finds. None opens a file."""

from collections.abc import Callable, Iterator

from tinysight.data.checks import classes, files, layout, repeats
from tinysight.data.examined import Examined
from tinysight.data.findings import Finding, sorted_findings

CHECKS: tuple[Callable[[Examined], Iterator[Finding]], ...] = (
    files.unreadable,
    files.suffixes,
    files.sizes,
    files.looks,
    files.odd_pixels,
    files.telltale_pixels,
    repeats.listed_twice,
    repeats.same_bytes,
    repeats.near_copies,
    classes.sizes,
    classes.parts,
    classes.names,
    layout.beside,
)


def run_checks(examined: Examined) -> tuple[Finding, ...]:
    """Return all findings, the gravest kinds first."""
    return sorted_findings([finding for check in CHECKS for finding in check(examined)])
