"""Packages whose names are resolved when they are first used, so that a process imports what it needs and no more.

Half of the time from the start of ``tinysight predict`` to its answer is imports; an HTTP client alone takes as long
as the network does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def names_of(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__``.

    Args:
        package: its ``__name__``.
        homes: for each public name the module of the package that defines it. A name must not be that of a module of
            the package: once imported, the module would stand in its place.

    Raises:
        AttributeError: when called with another name.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return get
