"""Which pictures a command line means: files, folders, patterns, ``-``."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tinysight.errors import printable

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
    """One input: its name as the user would write it; ``reason`` and ``problem`` where there is nothing to read.

    ``reason`` is one of ``errors.IMAGE_REASONS``, ``problem`` a line for people.
    """

    name: str
    reason: str | None = None
    problem: str | None = None


def _walk(folder: str) -> Iterator[Found]:
    """Yield pictures below a folder in sorted order; hidden names are skipped, links to folders are not followed."""
    unreadable: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES:  # noqa: PTH122
                yield Found(os.path.join(root, name))  # noqa: PTH118
    for error in unreadable:
        name = str(error.filename)
        reason = "permission_denied" if isinstance(error, PermissionError) else "unreadable"
        yield Found(name, reason, f"{printable(name)}: this folder cannot be read: {error.strerror}")


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


def _expand(name: str) -> Iterator[Found]:
    """Yield what one argument stands for; an existing name is taken as it is, even with ``*`` in it."""
    is_pattern = glob.has_magic(name) and not os.path.lexists(name)
    for match in _matches(name) if is_pattern else [name]:
        if match != STDIN and os.path.isdir(match):  # noqa: PTH112 - Path.is_dir raises where this says no
            yield from _walk(match)
        else:
            yield Found(match)


def find_pictures(names: Iterable[str]) -> Iterator[Found]:
    """Expand command-line arguments to pictures, in the order given, each file once per mention.

    Args:
        names: files, folders (searched with their sub-folders for picture endings), patterns such as ``photos/*.jpg``
            (``**`` descends), or ``-`` for a picture on standard input.

    Yields:
        Files to read, or a problem where an argument stands for no picture at all or a folder cannot be searched.
    """
    for name in names:
        found = None
        for found in _expand(name):
            yield found
        if found is None:
            what = "this folder holds no pictures" if os.path.isdir(name) else "this pattern matches no file"  # noqa: PTH112
            yield Found(name, "not_found", f"{printable(name)}: {what}")
