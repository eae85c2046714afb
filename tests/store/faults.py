"""The ways in which a file server can misbehave, for ``FaultServer.faults``."""

from __future__ import annotations

import gzip

from fault_server import Fault, Handler


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
    for byte in data[:60]:  # so that a test whose watchdog sleeps fails instead of hanging
        handler.wfile.write(bytes([byte]))
        if handler.server.released.wait(1):
            return


def slow_headers(handler: Handler, _: bytes) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for letter in b"X-Slow: " + b"a" * 300:
        handler.wfile.write(bytes([letter]))
        if handler.server.released.wait(0.1):
            return


def silent(handler: Handler, _: bytes) -> None:
    handler.server.released.wait(45)


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
        handler.server.released.wait(45)

    return fault
