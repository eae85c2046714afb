"""Open a foreign file: only a regular one, only up to a size, with a short name for messages."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from tinysight.errors import CheckpointError, printable


def display_name(path: str | os.PathLike[str]) -> str:
    """Return the path as one safe line."""
    return printable(os.fspath(path))


@contextlib.contextmanager
def open_regular(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, int]]:
    """Open a regular file for reading.

    Yields:
        The open file and its size in bytes.

    Raises:
        CheckpointError: no such file, not a regular file (a pipe is not waited for), not readable.
    """
    where = display_name(path)
    try:
        # A pipe without a writer would block open() for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise CheckpointError(f"{where} is not a regular file")
            yield file, status.st_size
    except FileNotFoundError:
        raise CheckpointError(f"{where}: no such file") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {where}: {error.strerror or error}") from None
    except ValueError:  # a NUL in the name
        raise CheckpointError(f"{where} is not a file name") from None


def read_bytes(path: str | os.PathLike[str], limit: int) -> bytes:
    """Read a whole regular file of at most ``limit`` bytes.

    Raises:
        CheckpointError: as ``open_regular``, or too long.
    """
    with open_regular(path) as (file, size):
        if size > limit:
            raise CheckpointError(f"{display_name(path)} has {size} bytes; this kind of file has at most {limit}")
        return file.read(limit)


def read_ends(path: str | os.PathLike[str], head: int, tail: int) -> tuple[bytes, bytes]:
    """Read the first ``head`` and the last ``tail`` bytes of a regular file.

    Raises:
        CheckpointError: as ``open_regular``.
    """
    with open_regular(path) as (file, size):
        first = file.read(head)
        file.seek(max(0, size - tail))
        return first, file.read(tail)
