"""Room on the disk of the cache."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from tinysight.errors import StoreError, printable
from tinysight.store.settings import CACHE_VARIABLE


def no_space(folder: Path, needed_bytes: int, reason: str) -> StoreError:
    """Return the error for a disk that takes no more, with path, needed and free bytes."""
    try:
        free = f"{shutil.disk_usage(folder).free} bytes are free"
    except OSError:
        free = "free space unknown"
    return StoreError(
        f"cannot write in {printable(str(folder))}: {reason}: {needed_bytes} bytes are needed, {free}; "
        f"make room or set {CACHE_VARIABLE} to another folder"
    )


def check_free(folder: Path, needed_bytes: int) -> None:
    """Refuse to begin what cannot end well.

    Raises:
        StoreError: the disk of the folder has fewer bytes free.
    """
    with contextlib.suppress(OSError):
        if shutil.disk_usage(folder).free < needed_bytes:
            raise no_space(folder, needed_bytes, "not enough space")
