"""Whole commands: time from start to end, and peak memory.

A small Python without any package starts the commands, because a child's peak (``ru_maxrss``) begins with what its
parent has in memory, and because starting from a large process takes longer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from tinysight.errors import EngineError, UsageError, printable

# Takes turns like ``rounds``: every command once, then all again. Standard output of the commands is thrown away.
_LAUNCHER = """
import json, os, sys, time
job = json.load(sys.stdin)
devnull = os.open(os.devnull, os.O_RDWR)
actions = [(os.POSIX_SPAWN_DUP2, devnull, 0), (os.POSIX_SPAWN_DUP2, devnull, 1)]
for number in range(job["rounds"]):
    for index, command in enumerate(job["commands"]):
        start = time.perf_counter()
        pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - start
        print(json.dumps([index, seconds, usage.ru_maxrss, status]), flush=True)
        if status:
            sys.exit(1)
"""
_BYTES_A_UNIT = 1 if sys.platform == "darwin" else 1024


class ProcessRun(NamedTuple):
    """One command, run several times.

    ``seconds`` of each run, from start to end of the process; ``peak_bytes``: most memory in any run, at least that of
    an empty Python (about 10 MB).
    """

    seconds: list[float]
    peak_bytes: int


def measure_commands(commands: Sequence[Sequence[str]], rounds: int = 10) -> list[ProcessRun]:
    """Run commands in turns, A B A B; the first round does not count (files are read into memory then).

    Args:
        commands: each a program and its arguments; what they print on standard output is thrown away.
        rounds: that count.

    Raises:
        UsageError: no command or no round.
        EngineError: a command fails or cannot be started.
    """
    if not commands or rounds < 1:
        raise UsageError("at least one command and one round are needed")
    job = json.dumps({"rounds": rounds + 1, "commands": [list(command) for command in commands]})
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER]
    done = subprocess.run(launcher, input=job, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0:
        failed = lines[-1][0] if lines and lines[-1][3] else (lines[-1][0] + 1) % len(commands) if lines else 0
        last = done.stderr.strip().rpartition("\n")[2]
        raise EngineError(f"cannot measure {printable(' '.join(commands[failed]))}: {printable(last) or 'it failed'}")
    counted = lines[len(commands) :]
    runs = []
    for index in range(len(commands)):
        own = [line for line in counted if line[0] == index]
        runs.append(ProcessRun([line[1] for line in own], max(line[2] for line in own) * _BYTES_A_UNIT))
    return runs
