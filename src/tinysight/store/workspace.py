"""Temporary folders in the cache: each has one owner, and passes to another process by one rename.

A download writes ``body`` and ``source.json`` in such a folder. Two processes never write one file, whatever the file
system makes of locks: a name is unique, and an abandoned folder is taken over by renaming it, which succeeds for one
process only. What a killed process leaves is so found again, resumed, and in the end removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tinysight.errors import StoreError, printable
from tinysight.store.owner import Owner, nobody, parse_owner, this_process
from tinysight.store.settings import CACHE_VARIABLE

SUFFIX = ".part"
# A folder of another machine (the cache may be shared) counts as abandoned when nothing was written for this long.
ABANDONED_S = 24 * 3600


@dataclass(slots=True)
class Workspace:
    """One temporary folder that this process owns.

    Args:
        path: the folder; changes when it is taken over or given up.
        same_boot: False when the bytes may have lived through a crash of the machine, so that only a checksum over
            all of them can be trusted.
    """

    path: Path
    same_boot: bool = True

    @property
    def body(self) -> Path:
        """What was downloaded so far."""
        return self.path / "body"

    @property
    def source(self) -> Path:
        """JSON: where the body comes from."""
        return self.path / "source.json"

    @property
    def result(self) -> Path:
        """The finished model, before it is moved to its final name."""
        return self.path / "model.safetensors"

    @property
    def model(self) -> str:
        """Name of the model that the folder is for."""
        return self.path.name[1:].rsplit(".", 3)[0]

    def append(self, data: bytes) -> None:
        """Write bytes to the end of the body.

        Raises:
            OSError: the disk is full.
        """
        with self.body.open("ab", buffering=0) as file:
            written = 0
            while written < len(data):
                written += file.write(data[written:])

    def give_up(self) -> None:
        """Leave the folder to whoever wants to resume it, or remove it when there is nothing to resume."""
        size = self.body.stat().st_size if self.body.is_file() else 0
        self.result.unlink(missing_ok=True)
        if size == 0:
            self.remove()
            return
        self.path = _rename(self.path, nobody()) or self.path

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def cannot_write(path: Path, error: OSError) -> StoreError:
    """Turn a failure to write in the cache into one line that says what to do."""
    reason = error.strerror or str(error)
    return StoreError(
        f"cannot write in the cache folder {printable(str(path))}: {reason}; "
        f"set {CACHE_VARIABLE} to a folder that can be written"
    )


def _name(model: str, owner: Owner) -> str:
    return f".{model}.{owner}.{os.urandom(4).hex()}{SUFFIX}"


def _rename(path: Path, owner: Owner) -> Path | None:
    """Give a folder a new owner; None if another process was faster."""
    model = path.name[1:].rsplit(".", 3)[0]
    target = path.parent / _name(model, owner)
    try:
        path.rename(target)
    except OSError:
        return None
    return target


def create(folder: Path, model: str) -> Workspace:
    """Make a new temporary folder for a model, and the cache folder if need be.

    Raises:
        StoreError: it cannot be made; the message names the variable to set.
    """
    path = folder / _name(model, this_process())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700)
    except OSError as error:
        raise cannot_write(folder, error) from None
    return Workspace(path)


def _is_plain(path: Path) -> bool:
    """Whether this is a real folder of this user with nothing but regular files in it.

    A cache in a folder that others can write, such as /tmp, may hold links that somebody has laid there.
    """
    with contextlib.suppress(OSError):
        entries = [path.lstat(), *(entry.lstat() for entry in path.iterdir())]
        mine = not hasattr(os, "geteuid") or all(entry.st_uid == os.geteuid() for entry in entries)
        return mine and stat.S_ISDIR(entries[0].st_mode) and all(stat.S_ISREG(entry.st_mode) for entry in entries[1:])
    return False


def _age_s(path: Path) -> float:
    times = [path.lstat().st_mtime, *(entry.lstat().st_mtime for entry in path.iterdir())]
    return time.time() - max(times)


def abandoned(folder: Path, model: str) -> Iterator[Path]:
    """Yield the temporary folders of a model whose owner has ended, those with most bytes first."""
    found = []
    with contextlib.suppress(OSError):
        for path in folder.glob(f".{model}.*{SUFFIX}"):
            parts = path.name[1:].rsplit(".", 3)
            owner = parse_owner(parts[1]) if len(parts) == 4 and parts[0] == model else None
            if owner is None or not _is_plain(path):
                continue
            with contextlib.suppress(OSError):  # it may vanish while we look
                if owner.is_gone if owner.is_here else _age_s(path) > ABANDONED_S:
                    body = path / "body"
                    found.append((body.stat().st_size if body.exists() else 0, path))
    yield from (path for _, path in sorted(found, reverse=True))


def take_over(path: Path) -> Workspace | None:
    """Become the owner of an abandoned folder; None if another process was faster."""
    parts = path.name[1:].rsplit(".", 3)
    owner = parse_owner(parts[1])
    taken = _rename(path, this_process())
    return None if taken is None else Workspace(taken, same_boot=owner is not None and owner.is_here)


def sweep(folder: Path, model: str) -> None:
    """Remove what ended processes have left for a model."""
    for path in list(abandoned(folder, model)):
        workspace = take_over(path)
        if workspace is not None:
            workspace.remove()
