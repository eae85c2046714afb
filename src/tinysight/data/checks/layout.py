"""What lies beside the labelled pictures."""

from __future__ import annotations

from collections.abc import Iterator

from tinysight.data.examined import Examined
from tinysight.data.findings import Finding


def beside(examined: Examined) -> Iterator[Finding]:
    """Yield a finding for each kind of thing that was ignored, and reason."""
    groups: dict[tuple[str, str], list[str]] = {}
    for one in examined.ignored:
        groups.setdefault((one.kind, one.why), []).append(str(one.path))
    for (kind, why), paths in groups.items():
        yield Finding(kind, why, tuple(paths))
