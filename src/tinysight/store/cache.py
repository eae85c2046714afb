"""The cache: one finished model file for each released model, whole or absent."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from tinysight.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from tinysight.errors import CheckpointError, StoreError, printable
from tinysight.store.disk import check_free, no_space
from tinysight.store.lock import locked
from tinysight.store.released import Release
from tinysight.store.settings import CACHE_VARIABLE, Settings
from tinysight.store.workspace import cannot_write, create, sweep


class Entry(NamedTuple):
    """What the cache has: the model, or None and what is wrong with the file ("" where there is none)."""

    checkpoint: Checkpoint | None
    problem: str = ""


def entry_path(release: Release, settings: Settings) -> Path:
    """Return where a model's file is or would be.

    Raises:
        StoreError: no home folder is known, and the variable is not set.
    """
    return settings.cache_folder() / release.checkpoint_file


def _is_there(path: Path) -> bool:
    """Whether there is a file to read.

    Raises:
        StoreError: something else lies there that only the user can judge.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):  # a dangling link as well
        return False
    except OSError as error:
        raise StoreError(
            f"cannot read the cache {printable(str(path))}: {error.strerror or error}; "
            f"set {CACHE_VARIABLE} to a folder that can be read"
        ) from None
    if not stat.S_ISREG(status.st_mode):
        what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise StoreError(f"{printable(str(path))} in the cache is {what}; remove it, or set {CACHE_VARIABLE}")
    if not os.access(path, os.R_OK):
        raise StoreError(
            f"cannot read {printable(str(path))} in the cache: permission denied; "
            f"remove it, or set {CACHE_VARIABLE} to another folder"
        )
    return True


def read_entry(release: Release, settings: Settings) -> Entry:
    """Read and check a model in the cache; opens no connection and writes nothing.

    Raises:
        StoreError: the path cannot be read, or is no file.
    """
    if settings.cache is None:
        return Entry(None)
    path = entry_path(release, settings)
    if not _is_there(path):
        return Entry(None)
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError as error:
        return Entry(None, str(error))
    if (checkpoint.card.name, checkpoint.card.spec) != (release.name, release.spec):
        name = printable(checkpoint.card.name, 60)
        return Entry(None, f"{printable(str(path))} holds another model: {name}")
    if not checkpoint.arrays:
        return Entry(None, f"{printable(str(path))} holds int8 numbers only, not the released ones")
    return Entry(checkpoint)


def prepare_folder(release: Release, settings: Settings) -> Path:
    """Make the cache folder and find out that it can be written, before anything is fetched.

    Raises:
        StoreError: it cannot; the message names the variable to set.
    """
    folder = settings.cache_folder()
    create(folder, release.name).remove()
    return folder


def write_entry(release: Release, settings: Settings, checkpoint: Checkpoint) -> Path:
    """Write a model into the cache and remove what killed downloads of it have left.

    Raises:
        StoreError: the disk is full or the folder cannot be written; nothing is at the final name then.
    """
    folder, target = settings.cache_folder(), entry_path(release, settings)
    check_free(folder, release.max_file_bytes)
    workspace = create(folder, release.name)
    try:
        write_checkpoint(workspace.result, checkpoint)
        workspace.result.replace(target)
    except CheckpointError as error:
        if isinstance(error.__cause__, OSError):
            reason = error.__cause__.strerror or str(error.__cause__)
            raise no_space(folder, release.max_file_bytes, reason) from None
        raise
    except OSError as error:
        raise cannot_write(folder, error) from None
    finally:
        workspace.remove()
    with contextlib.suppress(OSError):  # not every file system lets a folder be flushed
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sweep(folder, release.name)
    return target


def tidy(release: Release, settings: Settings) -> None:
    """Remove what a process has left that was killed just after its model was finished; never fails.

    A killed download is resumed by the next one and swept after it. This is for the moment between the last rename
    and the end, after which nothing would be fetched any more.
    """
    folder = settings.cache_folder()
    with contextlib.suppress(OSError):
        if any(folder.glob(f".{release.name}.*")):
            with locked(folder, release.name, max_wait_s=0):  # removes its own file
                sweep(folder, release.name)
