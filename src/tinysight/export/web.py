"""A folder that any static host serves: the model as ONNX, what runs it in a browser, and a page that asks it.

The page is in ``assets/web``. It draws its heat map from the features, a second output of the graph, and from the
head's kernel, which it reads out of the ONNX file at the place that ``model.json`` names: nothing is sent twice.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import resources
from typing import Any

import numpy as np

from tinysight.checkpoint import Checkpoint
from tinysight.checkpoint.integers import POOL_UNITS
from tinysight.costs.network import network_cost
from tinysight.engines.onnx import import_onnxruntime, open_session
from tinysight.errors import EngineError, GateError
from tinysight.export.artefact import Artefact
from tinysight.export.onnx import onnx_bytes, open_onnx
from tinysight.export.options import ExportOptions
from tinysight.labels import Label
from tinysight.models.released import environment_or
from tinysight.onnx_graph import onnx_kernel
from tinysight.quantize.synthetic import synthetic_pictures
from tinysight.spec import layers
from tinysight.store import npm_members, npm_packages

MODEL, ABOUT, WORKER = "model.onnx", "model.json", "sw.js"
RUNTIME = "onnxruntime-web"
RUNTIME_FOLDER = "runtime"
APP_NAME = 30  # characters that a home screen has room for
LEAST_DB = {"float32": 60.0, "float16": 25.0, "int8": 12.0}  # of a probe's answer; a browser that gives less is broken
HEAD_TOLERANCE = 0.05  # of the largest difference; a pool in whole numbers rounds
DTYPES = {"float32": "<f4", "float16": "<f2"}


def web_files(checkpoint: Checkpoint, options: ExportOptions) -> dict[str, bytes]:
    """Make the folder's files by name.

    Args:
        checkpoint: with a head, and the numbers that the precision needs.
        options: how; input, batch and scores are the page's own.

    Raises:
        UsageError: a model without a head.
        CheckpointError: a model without float32 weights for float32 or float16.
        StoreError: onnxruntime-web is not in the cache and cannot be fetched.
        MissingExtraError: the extra ``onnx`` is not installed.
    """
    model = onnx_bytes(checkpoint, replace(options, pixels=True, batch=1, probabilities=False), features=True)
    package = npm_packages()[RUNTIME]
    runtime = npm_members(package, environment_or(options.settings), options.progress)
    page = dict(_page_files())
    service = page.pop(WORKER)
    about = _about(checkpoint, options.precision, model)
    about["runtime"] = {"name": f"{package.name} {package.version}", "bytes": max(map(len, runtime.values()))}
    files = {
        **page,
        MODEL: model,
        ABOUT: json.dumps(about, indent=1).encode(),
        "manifest.webmanifest": json.dumps(_manifest(checkpoint.card.name), indent=1).encode(),
        **{f"{RUNTIME_FOLDER}/{name}": content for name, content in runtime.items()},
    }
    files[WORKER] = _site(files) + service
    return files


def _page_files() -> Iterator[tuple[str, bytes]]:
    """Yield what is written for every model alike."""
    for entry in sorted(resources.files("tinysight").joinpath("assets/web").iterdir(), key=lambda one: one.name):
        if entry.is_file() and not entry.name.startswith("."):
            yield entry.name, entry.read_bytes()


def _about(checkpoint: Checkpoint, precision: str, model: bytes) -> dict[str, Any]:
    """Return what the page shows and needs to know; its text comes from the card and is text there too."""
    card = checkpoint.card
    cost = network_cost(card.spec)
    return {
        "name": card.name,
        "labels": [label.name for label in card.labels or _numbered(card.spec.num_classes)],
        "licence": card.licence,
        "source": card.source,
        "precision": precision,
        "params": cost.params,
        "mult_adds": cost.mult_adds,
        "recipe": card.recipe.to_dict(),
        "features": list(next(layer for layer in layers(card.spec) if layer.kind == "pool").input_shape),
        "head": _head(checkpoint, precision, model),
        "probe": _probe(checkpoint, precision),
        "bytes": len(model),
    }


def _numbered(classes: int) -> list[Label]:
    return [Label(None, f"class {index}") for index in range(classes)]


def _head(checkpoint: Checkpoint, precision: str, model: bytes) -> dict[str, Any]:
    """Say where the head's kernel lies in the file: ``(num_classes, channels)``, a class after the other.

    In int8 it counts in units of its class, whose worth, ``scale``, lies in the file too, and which ``factor`` brings
    from the pool's units to those of the features.
    """
    head = layers(checkpoint.card.spec)[-1]
    if precision != "int8":
        kernel = onnx_kernel(head, checkpoint.arrays[f"{head.name}.kernel"])
        return {"type": precision, "offset": _place(model, kernel.astype(DTYPES[precision]).tobytes())}
    assert checkpoint.integers is not None
    row = checkpoint.integers.layers[head.name]
    return {
        "type": precision,
        "offset": _place(model, onnx_kernel(head, row.kernel).tobytes()),
        "scale": _place(model, row.multiplier.astype("<f4").tobytes()),
        "factor": POOL_UNITS[precision],
    }


def _probe(checkpoint: Checkpoint, precision: str) -> dict[str, Any] | None:
    """Return a probe by which the page checks the browser that it runs in; None where the card has none."""
    if not checkpoint.card.probes:
        return None
    probe, integers = checkpoint.card.probes[0], checkpoint.integers
    output = probe.output
    if precision == "int8" and integers is not None and integers.probe_outputs is not None:
        output = integers.probe_outputs[0]
    return {
        "side": len(probe.pixels),
        "pixels": binascii.b2a_base64(probe.pixels.tobytes(), newline=False).decode(),
        "output": binascii.b2a_base64(output.astype("<f4").tobytes(), newline=False).decode(),
        "least_db": LEAST_DB[precision],
    }


def _place(model: bytes, content: bytes) -> int:
    offset = model.find(content)
    if offset < 0:
        raise EngineError("the head's numbers are not in the ONNX file as they should be")
    return offset


def _manifest(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "short_name": name[:APP_NAME],
        "start_url": "./",
        "display": "standalone",
        "background_color": "#f5f7fa",
        "theme_color": "#f5f7fa",
        "icons": [{"src": "icon.svg", "sizes": "any", "type": "image/svg+xml"}],
    }


def _site(files: Mapping[str, bytes]) -> bytes:
    """Return the line that tells the service worker which files to keep; another content is another version."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    names = sorted({"./"} | set(files) - {"README.txt", "LICENSES.txt"})
    return f"const SITE = {json.dumps({'version': digest.hexdigest()[:16], 'files': names})};\n".encode()


def open_web(files: Mapping[str, bytes]) -> Artefact:
    """Open the folder's model in ONNX Runtime, with what the page will read of it beside the file.

    Raises:
        EngineError: ONNX Runtime does not open it.
        GateError: recipe or head's place are not the model's.
        MissingExtraError: the extra ``onnx`` is not installed.
    """
    about = json.loads(files[ABOUT])
    opened = open_onnx(files[MODEL])
    assert opened.card is not None
    if about["recipe"] != json.loads(json.dumps(opened.card.recipe.to_dict())):
        raise GateError(f"the recipe in {ABOUT} is not that of the card in {MODEL}")
    _check_head(files[MODEL], about, opened.card.spec.resolution)
    return opened._replace(labels=tuple(about["labels"]))


def _check_head(model: bytes, about: dict[str, Any], side: int) -> None:
    """Draw two pictures and see that the kernel which the page reads makes the difference of their logits.

    Raises:
        GateError: it does not.
    """
    session = open_session(import_onnxruntime(), model, 1)
    answers = [session.run(["logits", "features"], {"images": image[None]}) for image in synthetic_pictures(side, 2)]
    (first, features), (second, others) = answers
    head, (classes, channels) = about["head"], (first.shape[1], features.shape[3])
    kind = {"int8": "<i1", **DTYPES}[head["type"]]
    kernel = np.frombuffer(model, kind, classes * channels, head["offset"]).astype(np.float32)
    kernel = kernel.reshape(classes, channels)
    if head["type"] == "int8":
        kernel *= np.frombuffer(model, "<f4", classes, head["scale"])[:, None] * np.float32(head["factor"])
    found = kernel @ (features.mean((0, 1, 2)) - others.mean((0, 1, 2)))
    wanted = (first - second)[0]
    if not np.abs(found - wanted).max() <= HEAD_TOLERANCE * np.abs(wanted).max():
        raise GateError(f"the head in {MODEL} does not lie where {ABOUT} says")
