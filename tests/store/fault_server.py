"""A file server on the loopback interface that can misbehave in each of the ways that downloads meet.

``server.files[path]`` is content; ``server.faults[path]`` is a list of faults, used up one a request, or one fault for
all requests. Each request is noted in ``server.requests``.
"""

from __future__ import annotations

import contextlib
import gzip
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


def _whole(handler: Handler, data: bytes, **more: str) -> None:
    headers = {"Content-Length": str(len(data)), "ETag": '"v1"', **{k.replace("_", "-"): v for k, v in more.items()}}
    handler.head(200, headers)


def reset_at_half(handler: Handler, data: bytes) -> None:
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    if start:
        handler.serve(data, '"v1"')
        return
    _whole(handler, data)
    handler.wfile.write(data[: len(data) // 2])
    handler.reset()


def short_body(handler: Handler, data: bytes) -> None:
    _whole(handler, data)
    handler.wfile.write(data[: len(data) // 2])


def too_long_body(handler: Handler, data: bytes) -> None:
    """Says the right length and sends more."""
    _whole(handler, data)
    handler.wfile.write(data + b"x" * 100_000)


def longer_file(handler: Handler, data: bytes) -> None:
    """Another, longer file, and says so."""
    handler.serve(data + b"x" * 100_000)


def web_page(handler: Handler, _: bytes) -> None:
    page = b"<!DOCTYPE html><title>Sign in</title>" + b" " * 5000
    handler.head(200, {"Content-Type": "text/html", "Content-Length": str(len(page))})
    handler.wfile.write(page)


def status(code: int, **headers: str) -> Fault:
    def fault(handler: Handler, _: bytes) -> None:
        handler.head(code, {"Content-Length": "0", **{k.replace("_", "-"): v for k, v in headers.items()}})

    return fault


def one_byte_a_second(handler: Handler, data: bytes) -> None:
    _whole(handler, data)
    for byte in data:
        handler.wfile.write(bytes([byte]))
        if handler.server.released.wait(1):
            return


def slow_headers(handler: Handler, _: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for letter in b"X-Slow: " + b"a" * 10_000:
        handler.wfile.write(bytes([letter]))
        if handler.server.released.wait(0.1):
            return


def silent(handler: Handler, _: bytes) -> None:
    handler.server.released.wait(60)


def no_length(handler: Handler, data: bytes) -> None:
    handler.head(200, {"ETag": '"v1"'})
    handler.wfile.write(data)


def chunked(handler: Handler, data: bytes) -> None:
    handler.head(200, {"Transfer-Encoding": "chunked"})
    for start in range(0, len(data), 10_000):
        part = data[start : start + 10_000]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
    handler.wfile.write(b"0\r\n\r\n")


def chunked_cut(handler: Handler, data: bytes) -> None:
    handler.head(200, {"Transfer-Encoding": "chunked"})
    handler.wfile.write(b"%x\r\n%s" % (len(data), data[: len(data) // 2]))


def gzip_coded(handler: Handler, data: bytes) -> None:
    packed = gzip.compress(data)
    handler.head(200, {"Content-Encoding": "gzip", "Content-Length": str(len(packed))})
    handler.wfile.write(packed)


def called_gzip(handler: Handler, data: bytes) -> None:
    """What some servers do with .tar.gz: the file as it is, called gzip-coded."""
    handler.head(200, {"Content-Encoding": "x-gzip", "Content-Length": str(len(data))})
    handler.wfile.write(data)


def range_ignored(handler: Handler, data: bytes) -> None:
    _whole(handler, data)
    handler.wfile.write(data)


def not_satisfiable(handler: Handler, data: bytes) -> None:
    """416 to whatever has a Range."""
    if handler.headers.get("Range"):
        handler.head(416, {"Content-Length": "0"})
    else:
        handler.serve(data)


def etag_changed(handler: Handler, data: bytes) -> None:
    """A server without If-Range whose file has changed: sends the part of the new file."""
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
    handler.head(206 if start else 200, {"ETag": '"v2"', "Content-Length": str(len(data) - start), **span})
    handler.wfile.write(data[start:])


def redirect(target: str, code: int = 302) -> Fault:
    return status(code, Location=target)


def wrong_bytes(handler: Handler, data: bytes) -> None:
    handler.serve(bytes(len(data)))


def endless(handler: Handler, _: bytes) -> None:
    handler.head(200, {})
    while not handler.server.released.is_set():
        handler.wfile.write(b"x" * 65_536)


def hold_after(count: int) -> Fault:
    """Send so many bytes, then nothing, until the server stops."""

    def fault(handler: Handler, data: bytes) -> None:
        handler.head(200, {"ETag": '"v1"', "Content-Length": str(len(data))})
        handler.wfile.write(data[:count])
        handler.server.released.wait(60)

    return fault
