"""Keep a decoder's chatter about other people's files out of this process' warnings and standard error.

What is wrong with a file is said once, by the ImageError. Pillow's Python part warns about damaged metadata (which is
ignored on purpose) and logs; the libtiff inside it writes to file descriptor 2. All three are process-wide settings
without a per-call switch, so they are changed while the first of any number of threads is in and put back when the last
one leaves. Only what concerns Pillow is silenced: a warning of other code, in any thread, still comes through.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

_lock = threading.Lock()
_inside = 0
_undo: list[Callable[[], None]] = []


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Pillow and its libtiff for the time of a ``with`` block; threads may overlap."""
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _undo[:] = [_ignore_warnings(), _ignore_log(), _ignore_libtiff()]
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                for undo in _undo:
                    undo()


def _ignore_warnings() -> Callable[[], None]:
    guard = warnings.catch_warnings()
    guard.__enter__()
    warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
    return lambda: guard.__exit__(None, None, None)


def _ignore_log() -> Callable[[], None]:
    # Without any logging set up, Python prints errors that are logged.
    log = logging.getLogger("PIL.TiffImagePlugin")
    before = log.disabled
    log.disabled = True

    def undo() -> None:
        log.disabled = before

    return undo


def _ignore_libtiff() -> Callable[[], None]:
    set_handler = _error_handler_setter()
    if set_handler is None:
        return lambda: None
    before = set_handler(None)

    def undo() -> None:
        set_handler(before)

    return undo


@lru_cache(maxsize=1)  # each lookup makes a class, which only the garbage collector takes away again
def _error_handler_setter() -> Callable[[int | None], int | None] | None:
    import ctypes

    from PIL import _imaging

    try:
        # The symbol is found through the extension that is linked with libtiff, so it is that very copy.
        set_handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (AttributeError, OSError):  # linked statically, or built without libtiff: nothing to reach
        return None
    set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    return set_handler
