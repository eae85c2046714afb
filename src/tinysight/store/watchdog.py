"""Ends transfers that are too slow, whatever they are waiting in.

A read timeout starts anew with each byte, so a server that sends one byte a second is never caught by it, be it in the
TLS handshake, the headers or the body. The watchdog shuts the connection down from a thread, and the blocked read ends.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType

from tinysight.store.limits import Limits


class Watchdog:
    """Watches the connections of one request while the ``with`` block runs."""

    def __init__(self, limits: Limits) -> None:
        self.too_slow = False
        self._limits = limits
        self._received = 0
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tinysight-watchdog", daemon=True)

    def watch(self, connection: socket.socket) -> None:
        """Watch a connection too. A duplicate is kept, since TLS takes the original apart."""
        with self._lock:
            self._connections.append(connection.dup())

    def received(self, size_bytes: int) -> None:
        """Tell that this many bytes have arrived."""
        with self._lock:
            self._received += size_bytes

    def _run(self) -> None:
        while not self._stop.wait(self._limits.window_s):
            with self._lock:
                received, self._received = self._received, 0
                if received >= self._limits.window_s * self._limits.min_bytes_per_s:
                    continue
                self.too_slow = True
                for connection in self._connections:
                    with contextlib.suppress(OSError):  # closed by the other side
                        connection.shutdown(socket.SHUT_RDWR)
                return

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
