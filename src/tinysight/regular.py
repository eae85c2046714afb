"""Open what is a regular file and nothing else.

A path from a stranger may be a pipe without a writer, an endless device or a folder; opening or reading those blocks,
never ends or fails in odd ways.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading; links are followed.

    Raises:
        OSError: it is not there, may not be read, is not a regular file, or its name holds a NUL.
    """
    try:
        _check(Path(path).stat())  # asked before opening: opening alone can wake a device
        # O_NONBLOCK, and asked again: the name may have changed hands in between.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except ValueError as error:
        raise OSError(22, "no file can have this name") from error
    file = os.fdopen(descriptor, "rb")
    try:
        _check(os.fstat(descriptor))
    except OSError:
        file.close()
        raise
    return file


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(22, "not a regular file")
