"""Read and write the one-file model.

The file is plain safetensors: 8 bytes of header length, a JSON header, the values. The header's ``__metadata__`` holds
``format``, ``card`` (JSON text) and ``sha256`` over card and arrays, so that a flipped bit is found.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinysight.atomic import write_atomically
from tinysight.checkpoint.arrays import arrays_sha256, check_arrays, check_names
from tinysight.checkpoint.card import Checkpoint, card_from_json, unique_keys
from tinysight.errors import CheckpointError, printable
from tinysight.regular import open_regular
from tinysight.spec import Spec, array_shapes

FORMAT = "tinysight-checkpoint-1"
MAX_HEADER_BYTES = 16_000_000  # 100,000 labels and their probes take half of it


def _content_sha256(card_json: str, arrays: dict[str, NDArray[np.float32]]) -> str:
    return hashlib.sha256(f"{card_json}\n{arrays_sha256(arrays)}\n".encode()).hexdigest()


def write_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Write a model so that the file at ``path`` is whole or absent; the same model gives the same bytes.

    Raises:
        CheckpointError: arrays that do not fit the card, or a file that cannot be written.
    """
    import safetensors.numpy

    target = Path(path)
    where = printable(str(target))
    arrays = check_arrays(checkpoint.card.spec, checkpoint.arrays, where)
    card_json = checkpoint.card.to_json()
    # One metadata entry: the library keeps several in an order that changes from run to run.
    header = {"format": FORMAT, "card": card_json, "sha256": _content_sha256(card_json, arrays)}
    data = safetensors.numpy.save(arrays, {"tinysight": json.dumps(header, sort_keys=True)})
    try:
        write_atomically(target, data)
    except OSError as error:
        raise CheckpointError(f"cannot write {where}: {error.strerror or error}") from error


def _read_header(file: BinaryIO, where: str) -> bytes:
    """Return the header's text, leaving the file at the first value."""
    head = file.read(8)
    size, available = int.from_bytes(head, "little"), os.fstat(file.fileno()).st_size - 8
    text = file.read(size) if len(head) == 8 and 2 <= size <= min(MAX_HEADER_BYTES, available) else b""
    if not text.startswith(b"{"):
        raise CheckpointError(f"{where} is not a tinysight model file (safetensors)")
    return text


def _parse_json(text: bytes | str, where: str) -> dict[str, Any]:
    try:
        parsed = json.loads(text, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise CheckpointError(f"{where}: the header is damaged: {printable(str(error), 100)}") from None
    if not isinstance(parsed, dict):
        raise CheckpointError(f"{where}: the header is not a JSON object")
    return parsed


def _metadata(header: dict[str, Any], where: str) -> tuple[str, str]:
    metadata = header.pop("__metadata__", {})
    text = metadata.get("tinysight") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        names = ", ".join(printable(str(name), 40) for name in list(header)[:3])
        raise CheckpointError(
            f"{where} is a safetensors file without a tinysight card (its arrays begin with: {names or 'none'})"
        )
    fields = _parse_json(text, where)
    if fields.get("format") != FORMAT:
        raise CheckpointError(f"{where}: format {printable(str(fields.get('format')), 40)!r}, expected {FORMAT!r}")
    if set(fields) != {"format", "card", "sha256"}:
        raise CheckpointError(f"{where}: the header must have exactly the keys format, card, sha256")
    card_json, sha256 = fields.get("card"), fields.get("sha256")
    if not isinstance(card_json, str) or not isinstance(sha256, str):
        raise CheckpointError(f"{where}: the header has no card or no sha256")
    return card_json, sha256


def _check_entries(spec: Spec, header: dict[str, Any], where: str) -> None:
    """Compare what the header declares with what the network has, before a byte of the values is looked at."""
    check_names(spec, set(header), where)
    for name, shape in array_shapes(spec).items():
        entry = header[name] if isinstance(header[name], dict) else {}
        if entry.get("dtype") != "F32" or entry.get("shape") != list(shape):
            declared = printable(f"{entry.get('dtype')} {entry.get('shape')}", 80)
            raise CheckpointError(f"{where}: array {name} is declared as {declared}, expected F32 {list(shape)}")


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a model and check all of it: header, card, every name, shape, dtype and value, and the hash over them.

    Raises:
        CheckpointError: no such file, not one of ours, damaged or incomplete; the message names file and array.
    """
    where = printable(os.fspath(path))
    try:
        with open_regular(path) as file:
            return _read(file, where)
    except FileNotFoundError:
        raise CheckpointError(f"{where}: no such file") from None
    except OSError as error:
        raise CheckpointError(f"cannot read {where}: {error.strerror or error}") from error


def _read(file: BinaryIO, where: str) -> Checkpoint:
    import safetensors

    text = _read_header(file, where)
    header = _parse_json(text, where)
    card_json, sha256 = _metadata(header, where)
    try:
        card = card_from_json(card_json)
    except CheckpointError as error:
        raise CheckpointError(f"{where}: {error}") from None
    _check_entries(card.spec, header, where)
    shapes = array_shapes(card.spec)
    wanted = sum(math.prod(shape) for shape in shapes.values()) * 4
    found = os.fstat(file.fileno()).st_size - 8 - len(text)
    if found != wanted:
        raise CheckpointError(f"{where} has {found} bytes of values, its card needs {wanted}; it is cut or damaged")
    try:
        tensors = dict(safetensors.deserialize(len(text).to_bytes(8, "little") + text + file.read(wanted)))  # type: ignore[no-untyped-call]
    except (safetensors.SafetensorError, MemoryError) as error:
        raise CheckpointError(f"{where}: not a valid safetensors file: {printable(str(error), 100)}") from None
    raw = {name: np.frombuffer(tensors[name]["data"], "<f4").reshape(shapes[name]) for name in shapes}
    arrays = check_arrays(card.spec, raw, where)
    if _content_sha256(card_json, arrays) != sha256:
        raise CheckpointError(f"{where} is damaged: its content does not have the sha256 that its header states")
    return Checkpoint(card, arrays)
