"""Get the bytes of a picture out of a path or a stream without blocking and without reading more than allowed.

A folder of strangers' files holds pipes, devices, endless and vanishing files as well as pictures. Nothing here
opens what is not a regular file, and nothing is read beyond the limit.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

from tinysight.errors import ImageError, UsageError

_CHUNK_BYTES = 1 << 20
_REASON_BY_ERRNO = {
    errno.ENOENT: "not_found",
    errno.ENOTDIR: "not_found",
    errno.EACCES: "permission_denied",
    errno.EPERM: "permission_denied",
    errno.EISDIR: "not_a_regular_file",
    errno.ENXIO: "not_a_regular_file",  # a socket
}
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_file(path: str | bytes, max_bytes: int) -> bytes:
    """Return the content of one regular file of at most ``max_bytes`` bytes; links are followed.

    Raises:
        ImageError: ``not_found``, ``not_a_regular_file``, ``permission_denied``, ``file_too_large``, ``unreadable``.
    """
    try:
        # Asked before opening: opening alone can wake a device or let the other end of a pipe go on.
        _check_kind(os.stat(path), max_bytes)  # noqa: PTH116 - a path may be bytes
        # And again afterwards, because the name may have changed hands in between; O_NONBLOCK for the same reason.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            size = _check_kind(os.fstat(file.fileno()), max_bytes)
            return file.read(size)
    except OSError as error:
        reason = _REASON_BY_ERRNO.get(error.errno or 0, "unreadable")
        raise ImageError(reason, (error.strerror or type(error).__name__).lower()) from error
    except ValueError as error:  # a NUL in the name
        raise ImageError("not_found", "no file can have this name") from error


def _check_kind(status: os.stat_result, max_bytes: int) -> int:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for test, name in _KINDS if test(status.st_mode)), "something else")
        raise ImageError("not_a_regular_file", f"this is {kind}, not a file")
    if status.st_size > max_bytes:
        raise ImageError("file_too_large", f"the file has {status.st_size:,} bytes; at most {max_bytes:,} are read")
    return status.st_size


def read_stream(stream: Any, max_bytes: int) -> bytes:
    """Return what is left in a binary stream, at most ``max_bytes`` bytes; the stream stays open.

    Raises:
        ImageError: ``file_too_large``, ``unreadable``.
        UsageError: a text stream.
    """
    parts: list[bytes] = []
    total = 0
    while True:
        try:
            part = stream.read(_CHUNK_BYTES)
        except Exception as error:  # whatever a stranger's stream raises, the picture cannot be read
            raise ImageError("unreadable", f"reading the stream failed: {type(error).__name__}") from error
        if isinstance(part, str):
            raise UsageError("a picture is read from a binary stream, received a text stream; open it with mode 'rb'")
        if not isinstance(part, bytes | bytearray | memoryview):
            raise ImageError("unreadable", f"reading the stream gave {type(part).__name__} instead of bytes")
        if not part:
            return b"".join(parts)
        total += len(part)
        if total > max_bytes:
            raise ImageError("file_too_large", f"the stream has more than {max_bytes:,} bytes, the most that is read")
        parts.append(bytes(part))
