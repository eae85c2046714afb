"""Read and write the one-file model.

The file is plain safetensors: 8 bytes of header length, a JSON header, the values. The header's ``__metadata__`` holds
``format``, ``card`` (JSON text) and ``sha256`` over card and arrays, so that a flipped bit is found. Reading needs no
more than JSON and NumPy, so that a process is ready sooner; the safetensors library writes, and the tests read with it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinysight.atomic import write_atomically
from tinysight.checkpoint.arrays import arrays_sha256, check_arrays, check_names
from tinysight.checkpoint.card import Card, card_from_json
from tinysight.checkpoint.header import FORMAT, check_entries, expected_entries, parse_json, read_header, take_metadata
from tinysight.checkpoint.int8_arrays import PREFIX, check_integer_arrays, integers_from_arrays
from tinysight.checkpoint.model import Checkpoint
from tinysight.errors import CheckpointError, printable
from tinysight.regular import open_regular

Numbers = Mapping[str, NDArray[np.generic]]


def _content_sha256(card_json: str, numbers: Numbers) -> str:
    return hashlib.sha256(f"{card_json}\n{arrays_sha256(numbers)}\n".encode()).hexdigest()


def _checked(card: Card, numbers: Numbers, where: str) -> Checkpoint:
    """Build a model from arrays by their names in a file, every one of them checked."""
    check_names(card.spec, set(numbers), where, expected_entries(card, set(numbers)))
    floats = {name: array for name, array in numbers.items() if not name.startswith(PREFIX)}
    arrays = check_arrays(card.spec, floats, where) if floats else {}
    if len(floats) == len(numbers):
        return Checkpoint(card, arrays)
    int8 = check_integer_arrays(card.spec, len(card.probes), numbers, where)
    return Checkpoint(card, arrays, integers_from_arrays(card.spec, int8))


def write_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Write a model so that the file at ``path`` is whole or absent; the same model gives the same bytes.

    Raises:
        CheckpointError: arrays that do not fit the card, integers that are not int8, or a file that cannot be written.
    """
    import safetensors.numpy

    target = Path(path)
    where = printable(str(target))
    if checkpoint.integers is not None and checkpoint.integers.precision != "int8":
        raise CheckpointError(f"{where}: a model file holds float32 and int8 only; int16 is made from float32")
    given = checkpoint.numbers()
    numbers = _checked(checkpoint.card, given, where).numbers()
    card_json = checkpoint.card.to_json()
    # One metadata entry: the library keeps several in an order that changes from run to run.
    header = {"format": FORMAT, "card": card_json, "sha256": _content_sha256(card_json, numbers)}
    data = safetensors.numpy.save(numbers, {"tinysight": json.dumps(header, sort_keys=True)})
    try:
        write_atomically(target, data)
    except OSError as error:
        raise CheckpointError(f"cannot write {where}: {error.strerror or error}") from error


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
    text = read_header(file, where)
    header = parse_json(text, where)
    card_json, sha256 = take_metadata(header, where)
    try:
        card = card_from_json(card_json)
    except CheckpointError as error:
        raise CheckpointError(f"{where}: {error}") from None
    expected = expected_entries(card, set(header))
    check_names(card.spec, set(header), where, expected)
    wanted = sum(math.prod(entry.shape) * np.dtype(entry.dtype).itemsize for entry in expected.values())
    found = os.fstat(file.fileno()).st_size - 8 - len(text)
    if found != wanted:
        raise CheckpointError(f"{where} has {found} bytes of values, its card needs {wanted}; it is cut or damaged")
    begins = check_entries(expected, header, where)
    try:
        values = np.empty(wanted, np.uint8)  # not bytes: NumPy asks for large pages, which are there sooner
    except MemoryError:
        raise CheckpointError(f"{where}: not enough memory for {wanted} bytes of values") from None
    if file.readinto(values.data) != wanted:  # type: ignore[attr-defined]
        raise CheckpointError(f"{where} has become shorter while it was read")
    values.flags.writeable = False
    numbers = {
        name: np.frombuffer(
            values, np.dtype(entry.dtype).newbyteorder("<"), math.prod(entry.shape), begins[name]
        ).reshape(entry.shape)
        for name, entry in expected.items()
    }
    checkpoint = _checked(card, numbers, where)
    if _content_sha256(card_json, checkpoint.numbers()) != sha256:
        raise CheckpointError(f"{where} is damaged: its content does not have the sha256 that its header states")
    return checkpoint
