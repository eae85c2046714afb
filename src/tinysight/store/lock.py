"""Only one process at a time downloads a model. This saves work; nothing is wrong where locks do nothing."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

POLL_S = 0.05
MAX_WAIT_S = 600.0  # then we download as well: the other process may be stopped, or its machine gone


def _is_current(descriptor: int, path: Path) -> bool:
    """Whether the locked file is still the one at this path; the holder before us may have removed it."""
    with contextlib.suppress(OSError):
        mine, there = os.fstat(descriptor), path.stat()
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
    return False


def _acquire(path: Path, max_wait_s: float) -> int | None:
    """Return the descriptor of the locked file, None where the wait was too long or locks do not exist."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    deadline = time.monotonic() + max_wait_s
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        os.close(descriptor)
                        return None
                    time.sleep(POLL_S)
        except BaseException as error:
            os.close(descriptor)
            if isinstance(error, OSError):  # ENOLCK, ENOTSUP: this file system has no locks
                return None
            raise
        if _is_current(descriptor, path):
            return descriptor
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path, model: str, max_wait_s: float = MAX_WAIT_S) -> Iterator[bool]:
    """Hold the lock of a model in the cache while the block runs.

    Args:
        folder: the cache folder, which exists.
        model: name of the model.
        max_wait_s: after this many seconds the block runs without the lock.

    Yields:
        Whether the lock is held.
    """
    path = folder / f".{model}.lock"
    try:
        descriptor = _acquire(path, max_wait_s)
    except OSError:  # no file can be made; the block will say so in better words
        descriptor = None
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        import fcntl

        with contextlib.suppress(OSError):
            path.unlink()  # those who wait see that the file is no longer the one at the path, and open anew
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a forked child may share the descriptor; closing is not enough
        os.close(descriptor)
