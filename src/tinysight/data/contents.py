"""What tells one file from another, whatever it is called: the hash of its bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from tinysight.data.threads import in_order
from tinysight.preprocess.picture import MAX_BYTES
from tinysight.regular import open_regular

UNREADABLE = b""
_CHUNK_BYTES = 1 << 20


def hash_contents(paths: Iterable[str | os.PathLike[str]], workers: int | None = None) -> list[bytes]:
    """Return the SHA-256 of each file's bytes, in order.

    Args:
        paths: files; links are followed.
        workers: threads; None: one for each processor.

    Returns:
        32 bytes each; ``b""`` for what cannot be read, is not a regular file (and is not opened: a pipe would block),
        or is larger than the ``preprocess.MAX_BYTES`` a picture may have.

    Raises:
        UsageError: no positive number of workers.
    """
    return list(in_order(_digest, paths, workers))


def _digest(path: str | os.PathLike[str]) -> bytes:
    digest, size = hashlib.sha256(), 0
    try:
        with open_regular(path) as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                if size > MAX_BYTES:
                    return UNREADABLE
    except OSError:
        return UNREADABLE
    return digest.digest()
