"""How long each stage of a run took, for the record: what a setting costs is half of choosing it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

from tinysight.train.teaching import Count, Tools


def timed(tools: Tools) -> tuple[Tools, dict[str, float]]:
    """Return tools whose stages are timed, and where the seconds of each go, in the order of their first start.

    A stage that comes twice is added up; one that fails or is interrupted counts as far as it came.
    """
    seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(name: str) -> Iterator[Count | None]:
        begun = time.monotonic()
        seconds.setdefault(name, 0.0)
        try:
            with tools.stage(name) as count:
                yield count
        finally:
            seconds[name] = round(seconds[name] + time.monotonic() - begun, 2)

    return replace(tools, stage=stage), seconds
