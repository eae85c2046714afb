"""What the tests of the web export share: a model, a stand-in for onnxruntime-web, a server for a folder."""

from __future__ import annotations

import base64
import contextlib
import functools
import io
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

import numpy as np
from integer_models import with_probes
from lively_models import lively, pictures

from tinysight.checkpoint import Checkpoint
from tinysight.labels import Label
from tinysight.models.quantizing import quantize_model
from tinysight.preprocess import encode_png
from tinysight.quantize.synthetic import synthetic_pictures
from tinysight.spec import Spec
from tinysight.store import npm_packages

HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1">'
NAMES = ("sun flower", HOSTILE, "rose & tulip", "häagen", "5", "a name that is rather long " * 8, "last")


def small_model(classes: int = 7, side: int = 64) -> Checkpoint:
    """A model whose answers depend on the picture, in float32 and int8, with probes and odd names."""
    made = with_probes(lively(Spec(alpha=0.25, resolution=side, num_classes=classes)))
    whole = quantize_model(made, np.stack(pictures(made.card.spec, 20)))
    labels = tuple(Label(None, name) for name in NAMES[:classes])
    return replace(whole, card=replace(whole.card, name="small </script> one", labels=labels, licence="MIT <b>"))


def stand_in() -> dict[str, bytes]:
    """What the folder takes from onnxruntime-web, by name, with other content."""
    members = npm_packages()["onnxruntime-web"].members
    return {name.rsplit("/", 1)[-1]: name.encode() for name in members}


class _Handler(SimpleHTTPRequestHandler):
    server: Server

    def end_headers(self) -> None:
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        with contextlib.suppress(ConnectionError):  # the browser may go away
            super().do_GET()


class Server(ThreadingHTTPServer):
    """Serves one folder on the loopback interface, with headers of the host's own."""

    daemon_threads = True

    def __init__(self, folder: Path, headers: Mapping[str, str]) -> None:
        self.headers = headers
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


@contextlib.contextmanager
def served(folder: Path, headers: Mapping[str, str] = MappingProxyType({})) -> Iterator[Server]:
    server = Server(folder, headers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def photograph() -> np.ndarray:
    """A picture with edges and colours, uint8 (120, 180, 3)."""
    return np.ascontiguousarray(synthetic_pictures(180, 1)[0][:120])


def encoded(kind: str, **options) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    image = Image.fromarray(photograph())
    if options.pop("alpha", False):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(file, kind, **options)
    return file.getvalue()


def turned() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded("JPEG", quality=92, exif=exif.tobytes())


def png(pixels: np.ndarray) -> str:
    """Return a picture as PNG in base64."""
    return base64.b64encode(encode_png(pixels)).decode()
