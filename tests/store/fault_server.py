"""A file server on the loopback interface that can misbehave in each of the ways that downloads meet.

``server.files[path]`` is content; ``server.faults[path]`` is a list of faults, used up one a request, or one fault for
all requests. Each request is noted in ``server.requests``.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

LAST_MODIFIED = "Mon, 02 Jan 2023 03:04:05 GMT"


class Seen(NamedTuple):
    """One request: path, Range and If-Range as sent, all headers, and the status that was answered."""

    path: str
    range: str | None
    if_range: str | None
    headers: dict[str, str]


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.files`` with Range, If-Range and a strong ETag, unless a fault says otherwise."""

    protocol_version = "HTTP/1.1"
    server: FaultServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        seen = Seen(self.path, self.headers.get("Range"), self.headers.get("If-Range"), dict(self.headers))
        self.server.requests.append(seen)
        faults = self.server.faults.get(self.path)
        fault = (faults.pop(0) if faults else None) if isinstance(faults, list) else faults
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            self.close_connection = True
            if fault is not None:
                fault(self, self.server.files.get(self.path, b""))
            elif self.path in self.server.files:
                self.serve(self.server.files[self.path])
            else:
                self.head(404, {"Content-Length": "0"})

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()

    def serve(self, data: bytes, etag: str | None = None) -> None:
        etag = etag or f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        headers = {"ETag": etag, "Last-Modified": LAST_MODIFIED, "Accept-Ranges": "bytes"}
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        if match and condition in (None, etag, LAST_MODIFIED):
            start = int(match[1])
            if start >= len(data):
                self.head(416, {**headers, "Content-Range": f"bytes */{len(data)}", "Content-Length": "0"})
                return
            part = data[start:]
            span = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self.head(206, {**headers, "Content-Range": span, "Content-Length": str(len(part))})
            self.wfile.write(part)
            return
        self.head(200, {**headers, "Content-Length": str(len(data))})
        self.wfile.write(data)

    def reset(self) -> None:
        """Close the connection with RST."""
        self.wfile.flush()
        time.sleep(0.05)  # so that what was sent is read before the reset arrives
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


Fault = Callable[[Handler, bytes], None]


class FaultServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1; ``url("/x")`` is an address on it."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, tls_pem: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http" if tls_pem is None else "https"
        if tls_pem is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls_pem)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault | None] | Fault] = {}
        self.requests: list[Seen] = []
        self.released = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def url(self, path: str = "") -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}{path}"

    def full_gets(self, path: str) -> int:
        """How many times the whole file was asked for."""
        return sum(seen.path == path and seen.range is None for seen in self.requests)

    def handle_error(self, *_: object) -> None:
        pass

    def stop(self) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()
        self.thread.join()
