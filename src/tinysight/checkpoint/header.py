"""The header of a model file: read, and compared with what the network must have before a value is looked at."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from tinysight.checkpoint.arrays import Entry
from tinysight.checkpoint.card import Card, unique_keys
from tinysight.checkpoint.int8_arrays import PREFIX, integer_entries
from tinysight.errors import CheckpointError, printable
from tinysight.spec import array_shapes

FORMAT = "tinysight-checkpoint-1"
MAX_HEADER_BYTES = 16_000_000  # 100,000 labels and their probes take half of it
DTYPES = {"float32": "F32", "int16": "I16", "int8": "I8"}  # safetensors' names


def read_header(file: BinaryIO, where: str) -> bytes:
    """Return the header's text, leaving the file at the first value.

    Raises:
        CheckpointError: not a safetensors file, or a header that is too long.
    """
    head = file.read(8)
    size, available = int.from_bytes(head, "little"), os.fstat(file.fileno()).st_size - 8
    text = file.read(size) if len(head) == 8 and 2 <= size <= min(MAX_HEADER_BYTES, available) else b""
    if not text.startswith(b"{"):
        raise CheckpointError(f"{where} is not a tinysight model file (safetensors)")
    return text


def parse_json(text: bytes | str, where: str) -> dict[str, Any]:
    """Return a JSON object whose keys all differ.

    Raises:
        CheckpointError: it is none.
    """
    try:
        parsed = json.loads(text, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise CheckpointError(f"{where}: the header is damaged: {printable(str(error), 100)}") from None
    if not isinstance(parsed, dict):
        raise CheckpointError(f"{where}: the header is not a JSON object")
    return parsed


def take_metadata(header: dict[str, Any], where: str) -> tuple[str, str]:
    """Remove the metadata from a header and return the card's text and the content's sha256.

    Raises:
        CheckpointError: another program's file, or another format.
    """
    metadata = header.pop("__metadata__", {})
    text = metadata.get("tinysight") if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        names = ", ".join(printable(str(name), 40) for name in list(header)[:3])
        raise CheckpointError(
            f"{where} is a safetensors file without a tinysight card (its arrays begin with: {names or 'none'})"
        )
    if len(metadata) != 1:
        raise CheckpointError(f"{where}: the header's metadata must have the key tinysight alone")
    fields = parse_json(text, where)
    if fields.get("format") != FORMAT:
        raise CheckpointError(f"{where}: format {printable(str(fields.get('format')), 40)!r}, expected {FORMAT!r}")
    if set(fields) != {"format", "card", "sha256"}:
        raise CheckpointError(f"{where}: the header must have exactly the keys format, card, sha256")
    card_json, sha256 = fields.get("card"), fields.get("sha256")
    if not isinstance(card_json, str) or not isinstance(sha256, str):
        raise CheckpointError(f"{where}: the header has no card or no sha256")
    try:
        card_json.encode()
    except UnicodeEncodeError:  # half a surrogate pair: JSON can spell it, UTF-8 and so the hash cannot
        raise CheckpointError(f"{where}: the card is not valid Unicode") from None
    return card_json, sha256


def expected_entries(card: Card, names: set[str]) -> dict[str, Entry]:
    """Return what a file must hold that has arrays of these names: the network in float32, in int8, or in both."""
    shapes = array_shapes(card.spec)
    has_int8 = any(name.startswith(PREFIX) for name in names)
    has_float = not has_int8 or any(name in shapes for name in names)
    entries = {name: Entry("float32", shape) for name, shape in shapes.items()} if has_float else {}
    return {**entries, **(integer_entries(card.spec, len(card.probes)) if has_int8 else {})}


def _whole(value: Any) -> list[int]:
    """Return a list of JSON integers as it is, anything else as none; 3.0 and true equal 3 and 1 in Python."""
    whole = isinstance(value, list) and all(type(number) is int for number in value)
    return value if whole else []


def check_entries(expected: Mapping[str, Entry], header: dict[str, Any], where: str) -> dict[str, int]:
    """Compare what a header declares with what must be there.

    Args:
        expected: of each array, in the network's order.
        header: has entries of just these names.
        where: file name for the message.

    Returns:
        For each array, at which byte of the values it begins.

    Raises:
        CheckpointError: another dtype, shape or size, arrays that overlap, or bytes between them that belong to none.
    """
    begins: dict[str, int] = {}
    spans = []
    for name, (dtype, shape) in expected.items():
        entry = header[name] if isinstance(header[name], dict) else {}
        if entry.get("dtype") != DTYPES[dtype] or _whole(entry.get("shape")) != list(shape):
            text = printable(f"{entry.get('dtype')} {entry.get('shape')}", 80)
            wanted = f"{DTYPES[dtype]} {list(shape)}"
            raise CheckpointError(f"{where}: array {name} is declared as {text}, expected {wanted}")
        size = math.prod(shape) * np.dtype(dtype).itemsize
        offsets = _whole(entry.get("data_offsets"))
        if len(entry) != 3 or len(offsets) != 2 or offsets[1] - offsets[0] != size:
            raise CheckpointError(f"{where}: array {name} must have data_offsets {size} bytes apart, and no other key")
        begins[name] = offsets[0]
        spans.append((offsets[0], offsets[1], name))
    position = 0
    for begin, end, name in sorted(spans):
        if begin != position:
            place = printable(str(begin), 30)
            raise CheckpointError(f"{where}: array {name} begins at byte {place} of the values, expected {position}")
        position = end
    return begins
