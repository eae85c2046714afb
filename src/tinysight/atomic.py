"""Files that are whole or absent: write beside the target, flush to disk, rename.

A process that is killed at any moment leaves the old file, the new file, or a temporary name that starts with a dot
and ends with ``.tmp``; never a half-written file at the final name.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path in the target's folder; on a clean exit it becomes the target, otherwise it is removed.

    Args:
        target: the final name; an existing file there is replaced in one step; a link is followed.

    Yields:
        The temporary path, an empty file with the permissions that a plain ``open`` would have given.

    Raises:
        OSError: the folder is missing, full or read-only; the target is a folder, a device or a pipe.
    """
    target = Path(os.path.realpath(target))
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "it is there and is not a regular file")
    temporary = target.parent / f".tinysight.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        _flush(temporary, os.O_RDWR)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # not every file system lets a folder be flushed; the file itself is
        _flush(target.parent, os.O_RDONLY)


def write_atomically(target: Path, data: bytes) -> None:
    """Write ``data`` to ``target`` so that the file is whole or absent.

    Raises:
        OSError: as ``atomic_path``.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def _is_plain_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def write_folder_atomically(target: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder that is whole or absent.

    Args:
        target: the final name. A folder there is replaced where it holds no other files than ``files`` names, so that
            nobody loses what is not ours. A process that is killed just then may leave the old one under a name that
            ends with ``.old.tmp``.
        files: contents by name in the folder, ``/`` between folders.

    Raises:
        OSError: the parent is missing, full or read-only; the target is a file, a link, or holds something else.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise OSError(errno.ENOTDIR, "it is there and is not a folder")
    if target.is_dir():
        there = (entry.relative_to(target).as_posix() for entry in target.rglob("*") if not _is_plain_folder(entry))
        others = sorted(set(there) - set(files))
        if others:
            raise OSError(errno.ENOTEMPTY, f"the folder holds other things, such as {others[0]!r}")
    unique = f".tinysight.{os.getpid()}.{os.urandom(4).hex()}"
    temporary, old = target.parent / f"{unique}.tmp", target.parent / f"{unique}.old.tmp"
    temporary.mkdir()
    try:
        for name, data in files.items():
            path = temporary / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            _flush(path, os.O_RDWR)
        with contextlib.suppress(OSError):
            for folder in (temporary, *filter(Path.is_dir, temporary.rglob("*"))):
                _flush(folder, os.O_RDONLY)
        if target.exists():
            target.replace(old)
        temporary.replace(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.replace(target)
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(old, ignore_errors=True)
    with contextlib.suppress(OSError):
        _flush(target.parent, os.O_RDONLY)
