"""Models from foreign files: what kind of file it is, by its content, and the reader for it."""

from __future__ import annotations

import os
from collections.abc import Callable

from tinysight.errors import CheckpointError
from tinysight.importers.derive import Imported
from tinysight.importers.files import display_name, read_ends
from tinysight.preprocess.recipe import Recipe

__all__ = ["Imported", "import_file", "sniff"]

HEAD_BYTES = 512
TAIL_BYTES = 64 << 10
OURS = "an ONNX or TensorFlow Lite file that tinysight wrote"
KERAS = "a Keras .h5, .weights.h5 or .keras file"
ACCEPTED = f"{KERAS}, a frozen TF-slim graph (.pb), a timm or Hugging Face safetensors, or {OURS}"

# Kinds that are known and not imported: what to say about them.
REFUSED = {
    "empty": "is empty (0 bytes)",
    "html": "is a web page, not a model; was a login or error page saved in its place?",
    "lfs": "is a Git LFS pointer, not the model itself; run: git lfs pull",
    "pickle": "is a Python pickle, which can run code and is never opened",
    "torch": "is a PyTorch file (zip with a pickle), which can run code and is never opened",
    "npz": "is a NumPy .npz archive",
    "zip": "is a zip archive",
    "npy": "is a NumPy .npy array",
    "json": "is a JSON file",
    "unknown": "is in no known format",
}


def _zip_kind(names: bytes) -> str:
    if b"data.pkl" in names:
        return "torch"
    if b"config.json" in names or b"model.weights.h5" in names:
        return "keras"
    return "npz" if b".npy" in names else "zip"


def _text_kind(head: bytes) -> str | None:
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"version https://git-lfs"):
        return "lfs"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return "html"
    return "json" if start.startswith((b"{", b"[")) else None


def sniff(head: bytes, tail: bytes = b"") -> str:
    """Tell what kind of file this is from its first and last bytes; names are not looked at.

    Args:
        head: the first 512 bytes, fewer when the file is shorter.
        tail: the last 64 KiB; only used to tell zip archives apart.

    Returns:
        ``hdf5``, ``keras``, ``graph``, ``onnx``, ``tflite``, ``safetensors``, or a key of ``REFUSED``.

    >>> sniff(b"<!DOCTYPE html><title>Sign in</title>")
    'html'
    """
    if not head:
        return "empty"
    magic = ((b"\x89HDF\r\n\x1a\n", "hdf5"), (b"\x93NUMPY", "npy"))
    for start, kind in magic:
        if head.startswith(start):
            return kind
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_kind(head + tail)
    if head[4:8] == b"TFL3":
        return "tflite"
    if head[8:9] == b"{":  # eight bytes of header length come first
        return "safetensors"
    if len(head) > 1 and head[0] == 0x80 and head[1] <= 5:
        return "pickle"
    text = _text_kind(head)
    if text:
        return text
    # A GraphDef starts with field 1, a node; the node starts with field 1, its name. An ONNX model starts with the
    # number ir_version, a SavedModel with the number saved_model_schema_version.
    if head[0] == 0x0A and 0x0A in head[2:7]:
        return "graph"
    return "onnx" if head[0] == 0x08 and len(head) > 2 and head[1] < 32 else "unknown"


def _reader(kind: str) -> Callable[..., Imported] | None:
    if kind == "hdf5":
        from tinysight.importers.keras_h5 import read_keras_h5

        return read_keras_h5
    if kind == "keras":
        from tinysight.importers.keras_archive import read_keras_archive

        return read_keras_archive
    if kind == "graph":
        from tinysight.importers.slim_graph import read_slim_graph

        return read_slim_graph
    if kind == "onnx":
        from tinysight.importers.onnx_file import read_onnx

        return read_onnx
    if kind == "tflite":
        from tinysight.importers.tflite_file import read_tflite

        return read_tflite
    if kind == "safetensors":
        from tinysight.importers.torch_state import read_torch_state

        return read_torch_state
    return None


def import_file(path: str | os.PathLike[str], *, resolution: int | None = None) -> Imported:
    """Read a MobileNet v1 out of a foreign file, whatever its name.

    Args:
        path: a Keras ``.h5``, ``.weights.h5`` or ``.keras`` file, a frozen TF-slim graph, a timm or Hugging Face
            safetensors (or its folder), or an ONNX or TensorFlow Lite file that ``tinysight export`` wrote.
        resolution: input side in pixels, where the file does not state it or states another than wanted; by default
            what the file states, else 224.

    Raises:
        CheckpointError: of another kind, damaged, incomplete, or not a MobileNet v1; the message names the file, and
            the array or node.
        MissingExtraError: a Keras file, and h5py is not installed.
        UsageError: ``resolution`` outside 32..4096.
    """
    if resolution is not None:
        Recipe(resolution)
    # A folder is what Hugging Face has for a model.
    kind = "safetensors" if os.path.isdir(path) else sniff(*read_ends(path, HEAD_BYTES, TAIL_BYTES))  # noqa: PTH112
    reader = _reader(kind)
    if reader is None:
        raise CheckpointError(f"{display_name(path)} {REFUSED[kind]}; expected {ACCEPTED}")
    return reader(path, resolution=resolution)
