"""Which vector registers the threads of a running process have in use, as the processor itself reports it.

    python vector_state.py PID [SECONDS]

XSAVE keeps one bit for each kind of register: whether a thread has anything in them since they were last all zero. A
thread that runs AVX-512 code leaves something in the mask registers or in ZMM16..31, which VZEROUPPER does not clear.
The process is stopped for some microseconds at each of many looks (ptrace; needs the right to trace it).
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
import time
from pathlib import Path

PTRACE_DETACH, PTRACE_GETREGSET, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4204, 0x4206, 0x4207
NT_X86_XSTATE, WAIT_ALL = 0x202, 0x40000000
HEADER = 512  # offset of XSTATE_BV in the saved state (Intel SDM volume 1, 13.4.2)
KINDS = {2: "avx", 5: "avx512 masks", 6: "zmm upper halves", 7: "zmm16-31", 18: "amx tiles"}

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def _state(thread: int) -> int:
    """Return XSTATE_BV of one thread, 0 if it is gone."""
    if _libc.ptrace(PTRACE_SEIZE, thread, None, None) != 0:
        return 0
    _libc.ptrace(PTRACE_INTERRUPT, thread, None, None)
    try:
        _, status = os.waitpid(thread, WAIT_ALL)
    except ChildProcessError:
        return 0
    if not os.WIFSTOPPED(status):
        return 0
    buffer = ctypes.create_string_buffer(16384)
    vector = _Vector(ctypes.cast(buffer, ctypes.c_void_p), len(buffer))
    failed = _libc.ptrace(PTRACE_GETREGSET, thread, NT_X86_XSTATE, ctypes.addressof(vector))
    stopped_by = os.WSTOPSIG(status)
    passed_on = 0 if stopped_by in (signal.SIGTRAP, signal.SIGSTOP) else stopped_by
    _libc.ptrace(PTRACE_DETACH, thread, None, passed_on)
    return 0 if failed else int(struct.unpack_from("<Q", buffer.raw, HEADER)[0])


def vector_state(pid: int, seconds: float = 1.0) -> set[str]:
    """Return the kinds of registers that any thread of a process had in use at any look."""
    bits, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for task in Path(f"/proc/{pid}/task").iterdir():
            bits |= _state(int(task.name))
        time.sleep(0.02)
    return {name for bit, name in KINDS.items() if bits >> bit & 1}


if __name__ == "__main__":
    print(", ".join(sorted(vector_state(int(sys.argv[1]), *map(float, sys.argv[2:])))) or "none")
