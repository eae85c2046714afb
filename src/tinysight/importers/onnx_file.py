"""ONNX files that ``tinysight export`` wrote: the card out of their metadata, the numbers out of their initializers.

Field numbers are those of ONNX's ``onnx.proto``. No node is looked at, for the card says what the network is; its
probes tell whether the numbers still are its own.
"""

from __future__ import annotations

import os
from typing import Any

from numpy.typing import NDArray

from tinysight.errors import CheckpointError, printable
from tinysight.importers import wire
from tinysight.importers.derive import Imported
from tinysight.importers.exported import CARD_KEY, MAX_FILE_BYTES, Constant, Layout, read_export, refuse_other_programs
from tinysight.importers.files import display_name, read_bytes
from tinysight.spec import Layer

GRAPH, METADATA = 7, 14  # of ModelProto
INITIALIZER = 5  # of GraphProto
DIMS, DATA_TYPE, NAME, RAW_DATA, DATA_LOCATION = 1, 2, 8, 9, 14  # of TensorProto
DTYPES = {1: "float32", 3: "int8", 10: "float16"}
MAX_PARTS = 5_000  # of the model or its graph; ours has some 150
MAX_RANK = 8


def _stored_shape(layer: Layer) -> tuple[int, ...]:
    height, width, inputs, outputs = layer.weight_shape
    return (inputs * outputs, 1, height, width) if layer.kind == "depthwise" else (outputs, inputs, height, width)


def _ours(_layer: Layer, kernel: NDArray[Any]) -> NDArray[Any]:
    return kernel.transpose(2, 3, 1, 0)


LAYOUT = Layout(_stored_shape, _ours)


def _card_text(model: wire.Message) -> memoryview | None:
    found = None
    for entry in wire.views(model, METADATA):
        pair = wire.parse(entry)
        if bytes(wire.view(pair, 1)) == CARD_KEY.encode():
            if found is not None:
                raise wire.WireError(f"{CARD_KEY} stands twice in the metadata")
            found = wire.view(pair, 2)
    return found


def _constant(data: memoryview) -> tuple[str, Constant]:
    tensor = wire.parse(data)
    dims = tensor.get(DIMS, [])
    sizes = [n for item in dims for n in ([item] if isinstance(item, int) else wire.packed_integers(item))]
    if len(sizes) > MAX_RANK:
        raise wire.WireError(f"an array has {len(sizes)} dimensions, at most {MAX_RANK} are expected")
    name, number = wire.text(tensor, NAME), wire.integer(tensor, DATA_TYPE)
    if wire.integer(tensor, DATA_LOCATION):
        raise wire.WireError(f"array {printable(name, 80)} is kept in another file")
    return name, Constant(DTYPES.get(number, f"data type {number}"), tuple(sizes), wire.view(tensor, RAW_DATA))


def _constants(model: wire.Message) -> dict[str, Constant]:
    found: dict[str, Constant] = {}
    for data in wire.views(wire.parse(wire.view(model, GRAPH), MAX_PARTS), INITIALIZER):
        name, constant = _constant(data)
        if name in found:
            raise wire.WireError(f"array {printable(name, 80)} stands twice")
        found[name] = constant
    return found


def read_onnx(path: str | os.PathLike[str] | bytes, *, resolution: int | None = None) -> Imported:
    """Read a model back out of an ONNX file that ``tinysight export`` wrote, in float32 or float16.

    Args:
        path: the file, or its bytes.
        resolution: input side in pixels; by default the card's.

    Returns:
        As ``exported.read_export``. Whether the file takes pixels, gives probabilities and runs in batches is not part
        of the model and is left behind.

    Raises:
        CheckpointError: another program's file, an int8 one, or one that is damaged.
    """
    where = "ONNX file" if isinstance(path, bytes) else display_name(path)
    data = path if isinstance(path, bytes) else read_bytes(path, MAX_FILE_BYTES)
    try:
        model = wire.parse(memoryview(data), MAX_PARTS)
        text = _card_text(model)
        constants = {} if text is None else _constants(model)
    except wire.WireError as error:
        raise CheckpointError(f"{where}: damaged ONNX file: {error}") from None
    if text is None:
        refuse_other_programs(where, "an ONNX or SavedModel file")
    return read_export(text, constants, LAYOUT, where, resolution)
