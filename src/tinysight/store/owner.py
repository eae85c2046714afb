"""Which process a temporary folder belongs to, and whether that process still runs.

A process number alone is not enough: it is used again after a while, and means nothing on another machine that shares
the folder, in another container, or after a restart. So the name also holds the start time of the process and a
digest of machine, boot and process namespace.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

NOBODY = 0  # process number of a folder that its owner has given up on purpose
_PATTERN = re.compile(r"([0-9a-f]{12})-(\d{1,10})-(\d{1,20})")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: digest of its machine, its number, its start in clock ticks since boot (0 where not known)."""

    machine: str
    pid: int
    start_ticks: int

    def __str__(self) -> str:
        return f"{self.machine}-{self.pid}-{self.start_ticks}"

    @property
    def is_here(self) -> bool:
        """Whether it is of this machine and this boot, so that ``is_gone`` can be asked."""
        return self.machine == _machine()

    @property
    def is_gone(self) -> bool:
        """Whether the process, one of this machine, has ended."""
        if self.pid == NOBODY:
            return True
        if self.pid == os.getpid():
            return self.start_ticks != _start_ticks(self.pid)
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it runs and belongs to somebody else
            return False
        return self.start_ticks != _start_ticks(self.pid)


def parse_owner(text: str) -> Owner | None:
    """Read back ``str(owner)``; None for anything else."""
    match = _PATTERN.fullmatch(text)
    return None if match is None else Owner(match[1], int(match[2]), int(match[3]))


def this_process() -> Owner:
    """Return the owner that this process is."""
    return Owner(_machine(), os.getpid(), _start_ticks(os.getpid()))


def nobody() -> Owner:
    """Return the owner of a folder that any process of this machine may take."""
    return Owner(_machine(), NOBODY, 0)


@lru_cache(maxsize=1)
def _machine() -> str:
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):  # Linux only
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(os.readlink("/proc/self/ns/pid"))  # noqa: PTH115
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _start_ticks(pid: int) -> int:
    """Return field 22 of ``/proc/PID/stat``: 0 where there is no ``/proc``, -1 for a process that is only a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except FileNotFoundError:
        return -1 if Path("/proc/self/stat").exists() else 0
    except OSError:
        return 0
    fields = stat.rpartition(b")")[2].split()  # the name before it may hold spaces and brackets
    return -1 if fields[0] in (b"Z", b"X") else int(fields[19])
