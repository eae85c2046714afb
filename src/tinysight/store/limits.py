"""How long a download may take and how often it is tried; the numbers are promises, see ``docs/weights.md``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tinysight.errors import StoreError

T = TypeVar("T")
Progress = Callable[[int, int | None], None]  # bytes done, bytes in all or None where not known


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one download.

    Args:
        connect_s: for each address of a host.
        read_s: the longest silence.
        window_s: in each such span, connection and headers included, at least ``window_s * min_bytes_per_s`` bytes
            must arrive. A server that sends one byte a second is given up after at most two spans.
        min_bytes_per_s: the slowest line that is waited for; a modem of 56 kbit/s reaches 7,000.
        tries: how often in all, where trying again makes sense.
        backoff_s: pause before the second try, doubled each time.
        max_retry_after_s: a server that asks for a longer pause is left alone.
        max_redirects: how many are followed.
    """

    connect_s: float = 5.0
    read_s: float = 20.0
    window_s: float = 20.0
    min_bytes_per_s: float = 4096.0
    tries: int = 4
    backoff_s: float = 0.5
    max_retry_after_s: float = 30.0
    max_redirects: int = 5


DEFAULT_LIMITS = Limits()


class SourceError(StoreError):
    """One source does not have the file, or not in order; another source may.

    Args:
        message: one line.
        retry: whether the same source may answer better in a moment.
        retry_after_s: the pause that the server asked for, in seconds.
    """

    def __init__(self, message: str, *, retry: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry = retry
        self.retry_after_s = retry_after_s


class NotThereError(SourceError):
    """The source answers, and has no such file."""


class BadContentError(SourceError):
    """The source gives something, and it is not the file; nothing of it is kept."""


def with_retries(action: Callable[[], T], limits: Limits) -> T:
    """Call ``action`` until it returns, up to ``limits.tries`` times, with pauses.

    Raises:
        SourceError: the last failure, or the first for which trying again makes no sense.
    """
    for attempt in range(1, limits.tries + 1):
        try:
            return action()
        except SourceError as error:
            pause_s = max(limits.backoff_s * 2 ** (attempt - 1), error.retry_after_s or 0.0)
            last = attempt == limits.tries or not error.retry
            tried = f" ({attempt} tries)" if last and attempt > 1 else ""
            if not last and pause_s > limits.max_retry_after_s:
                last, tried = True, f"; asks to wait {pause_s:.0f} s, which is too long"
            if last:
                raise type(error)(f"{error}{tried}", retry=error.retry) from None
        time.sleep(pause_s)
    raise AssertionError("unreachable: the last attempt returns or raises")
