"""Which pictures a command line means: files, folders, patterns, ``-``."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

# A folder is searched by these endings; a file that is named itself is opened whatever it is called.
PICTURE_SUFFIXES = frozenset(
    (
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".png",
        ".webp",
        ".gif",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".avif",
        ".heic",
        ".heif",
    )
)
STDIN = "-"


class Found(NamedTuple):
    """One input: its name as the user would write it, and why there is none to read, if so."""

    name: str
    problem: str | None = None


def _walk(folder: str) -> Iterator[str]:
    """Yield pictures below a folder in sorted order; hidden names are skipped, links to folders are not followed."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES:  # noqa: PTH122
                yield os.path.join(root, name)  # noqa: PTH118


def _matches(pattern: str) -> list[str]:
    """Return what a pattern stands for, sorted. Path.glob, unlike glob.glob, does not run in circles through links."""
    parts = Path(pattern).parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    base, rest = Path(*parts[:first]), parts[first:]
    wants_hidden = any(part.startswith(".") for part in rest)
    try:
        found = list(base.glob("/".join(rest)))
    except ValueError:  # such as "a**": not a pattern
        return []
    visible = (path for path in found if wants_hidden or not _hidden(path.relative_to(base)))
    return sorted(str(path) for path in visible)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _expand(name: str) -> Iterator[str]:
    """Yield the files that one argument stands for; an existing name is taken as it is, even with ``*`` in it."""
    matches = _matches(name) if glob.has_magic(name) and not os.path.lexists(name) else [name]
    for match in matches:
        if match != STDIN and Path(match).is_dir():
            yield from _walk(match)
        else:
            yield match


def find_pictures(names: Iterable[str]) -> Iterator[Found]:
    """Expand command-line arguments to pictures, in the order given, each file once per mention.

    Args:
        names: files, folders (searched with their sub-folders for picture endings), patterns such as ``photos/*.jpg``
            (``**`` descends), or ``-`` for a picture on standard input.

    Yields:
        Files to read, or a problem where an argument stands for no picture at all.
    """
    for name in names:
        empty = True
        for path in _expand(name):
            empty = False
            yield Found(path)
        if empty:
            what = "folder holds no pictures" if os.path.isdir(name) else "pattern matches no file"  # noqa: PTH112
            yield Found(name, what)
