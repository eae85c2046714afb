"""Read another program's safetensors file: eight bytes of header length, a JSON header, the values.

A header is a claim of a stranger. Before a value is looked at, every array has to lie within the file, one behind the
other, with as many bytes as its shape needs.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.header import MAX_HEADER_BYTES, parse_json
from tinysight.errors import CheckpointError, printable
from tinysight.importers.files import display_name, open_regular, read_bytes

# Of timm, and of Hugging Face with and without a head.
STEMS = ("conv_stem.weight", "mobilenet_v1.conv_stem.convolution.weight", "conv_stem.convolution.weight")
OWN_KEY = "tinysight"  # in the metadata of our model files
MAX_FILE_BYTES = 512 << 20
MAX_ARRAYS = 2000
MAX_SIZE = 1 << 20  # along an axis
BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8}


@dataclass(frozen=True, eq=False, slots=True)
class TensorFile:
    """A file whose header holds.

    Args:
        where: its name, for messages.
        metadata: text by key.
        entries: dtype (a key of ``BYTES``), shape and first byte among the values of each array.
        values: of all arrays.
    """

    where: str
    metadata: dict[str, str]
    entries: dict[str, tuple[str, tuple[int, ...], int]]
    values: memoryview

    def array(self, name: str) -> NDArray[np.float32]:
        """Return an array as float32.

        Raises:
            CheckpointError: whole numbers, which no weight is.
        """
        dtype, shape, begin = self.entries[name]
        if dtype == "I64":
            raise CheckpointError(f"{self.where}: array {printable(name, 80)} holds whole numbers, expected real ones")
        kinds = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
        values = np.frombuffer(self.values, kinds[dtype], math.prod(shape), begin)
        if dtype == "BF16":  # the upper half of a float32
            values = (values.astype(np.uint32) << 16).view(np.float32)
        with np.errstate(over="ignore"):  # what becomes infinite is refused with the other values
            single = values.astype(np.float32)
        if dtype == "F64" and not np.array_equal(single, values, equal_nan=True):
            raise CheckpointError(f"{self.where}: array {printable(name, 80)} has digits that float32 cannot hold")
        return single.reshape(shape)


def safetensors_kind(path: str | os.PathLike[str]) -> Literal["ours", "torch", "other"]:
    """Tell one of tinysight's own models from a state dict of PyTorch programs that is imported, by the header alone.

    Returns:
        ``other`` also where the header is damaged.

    Raises:
        CheckpointError: the file cannot be read.
    """
    with open_regular(path) as (file, size):
        length = int.from_bytes(file.read(8), "little")
        text = file.read(length) if length <= min(MAX_HEADER_BYTES, size) else b"{}"
    try:
        header = parse_json(text, "")
        if OWN_KEY in _metadata(header, ""):
            return "ours"
    except CheckpointError:
        return "other"
    return "torch" if any(stem in header for stem in STEMS) else "other"


def read_tensor_file(path: str | os.PathLike[str]) -> TensorFile:
    """Read a safetensors file.

    Raises:
        CheckpointError: no such file, too long, no safetensors, a damaged header, arrays that overlap or leave bytes
            between them, or one of tinysight's own models.
    """
    where = display_name(path)
    data = read_bytes(path, MAX_FILE_BYTES)
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(MAX_HEADER_BYTES, len(data) - 8):
        raise CheckpointError(f"{where} is no safetensors file, or was cut: a header of {length} bytes is announced")
    header = parse_json(data[8 : 8 + length], where)
    metadata = _metadata(header, where)
    if OWN_KEY in metadata:
        raise CheckpointError(f"{where} is a tinysight model file already; give it to --model as it is")
    if len(header) > MAX_ARRAYS:
        raise CheckpointError(f"{where} has {len(header)} arrays; a MobileNet v1 has 164")
    values = memoryview(data)[8 + length :]
    entries = {name: _entry(entry, f"{where}: array {printable(name, 80)}") for name, entry in header.items()}
    position = 0
    for name, (dtype, shape, begin) in sorted(entries.items(), key=lambda item: item[1][2]):
        if begin != position:
            raise CheckpointError(
                f"{where}: array {printable(name, 80)} begins at byte {str(begin)[:30]} of the values, "
                f"expected {position}"
            )
        position += math.prod(shape) * BYTES[dtype]
    if position != len(values):
        wanted = str(position)[:30]
        raise CheckpointError(f"{where} has {len(values)} bytes of values, its header {wanted}; it is cut or damaged")
    return TensorFile(where, metadata, entries, values)


def _metadata(header: dict[str, Any], where: str) -> dict[str, str]:
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise CheckpointError(f"{where}: the header's metadata must be text by key")
    return metadata


def _entry(entry: Any, what: str) -> tuple[str, tuple[int, ...], int]:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise CheckpointError(f"{what} must have dtype, shape and data_offsets, and no other key")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BYTES:
        raise CheckpointError(f"{what} has dtype {printable(str(dtype), 40)}; {', '.join(BYTES)} are read")
    for sizes in (shape, offsets):
        if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
            raise CheckpointError(f"{what} has shape or offsets that are not whole numbers from 0 on")
    if not all(0 < size <= MAX_SIZE for size in shape):
        raise CheckpointError(f"{what} has shape {printable(str(shape), 80)}; sizes from 1 to {MAX_SIZE} are read")
    if len(shape) > 4 or len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * BYTES[dtype]:
        raise CheckpointError(f"{what} of shape {printable(str(shape), 80)} does not have the bytes that it needs")
    return dtype, tuple(shape), offsets[0]
