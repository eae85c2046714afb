"""Work on many files in threads, answers in order, never more than a few of them waiting."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from tinysight.errors import UsageError

Item = TypeVar("Item")
Answer = TypeVar("Answer")
AHEAD = 4  # items begun for each thread: enough that none waits for a slow neighbour, little enough to hold


def in_order(function: Callable[[Item], Answer], items: Iterable[Item], workers: int | None = None) -> Iterator[Answer]:
    """Yield ``function(item)`` for each item, in order.

    Closing the generator early waits for the calls that run, at most ``workers`` of them, and begins no other.

    Args:
        function: called in threads; what it raises is raised here.
        items: taken from as the answers are.
        workers: threads, at least 1; None: one for each processor that this process may use.

    Raises:
        UsageError: no positive number of workers.
    """
    threads = processors() if workers is None else workers
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise UsageError(f"workers must be a whole number of at least 1, received {workers!r}")
    return _in_order(function, iter(items), threads)


def _in_order(function: Callable[[Item], Answer], items: Iterator[Item], threads: int) -> Iterator[Answer]:
    waiting: deque[Future[Answer]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="tinysight-data")
    try:
        waiting.extend(pool.submit(function, item) for item in islice(items, AHEAD * threads))
        while waiting:
            answer = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(items, 1))
            yield answer
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
