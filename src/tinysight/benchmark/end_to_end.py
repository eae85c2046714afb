"""From files to names: pictures per second on all processors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tinysight.benchmark.noise import Noise, Watch
from tinysight.errors import UsageError


class Throughput(NamedTuple):
    """Pictures that can be read per second in each round, the first answers, and how quiet the machine was.

    ``answers``: class index by file, None for a file that cannot be read.
    """

    per_second: list[float]
    answers: dict[str, int | None]
    noise: Noise


def run_files(
    answer: Callable[[Path], int | None],
    files: Sequence[Path],
    workers: int,
    rounds: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> Throughput:
    """Answer for all files with ``workers`` threads, several times.

    Args:
        answer: from a file to its class index, None where it cannot be read; called from many threads at once.
        files: at least one; a round goes through all. The first, which reads them into memory, does not count.
        workers: threads.
        rounds: that count.
        clock: seconds.

    Raises:
        UsageError: none of the files can be read.
    """
    with ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(answer, files))
        readable = sum(one is not None for one in answers)
        if not readable:
            raise UsageError(f"none of the {len(files)} pictures can be read")
        watch, rates = Watch(clock), []
        for _ in range(rounds):
            watch.look()
            start = clock()
            list(pool.map(answer, files, chunksize=1))
            rates.append(readable / (clock() - start))
    return Throughput(rates, dict(zip(map(str, files), answers, strict=True)), watch.result())
