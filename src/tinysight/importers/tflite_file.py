"""TensorFlow Lite files that ``tinysight export`` wrote: the card out of their metadata, the numbers out of buffers.

Field numbers are those of TensorFlow Lite's ``schema.fbs``. No operator is looked at, for the card says what the
network is; its probes tell whether the numbers still are its own.
"""

from __future__ import annotations

import os
from typing import Any

from numpy.typing import NDArray

from tinysight.errors import CheckpointError, printable
from tinysight.importers.derive import Imported
from tinysight.importers.exported import CARD_KEY, MAX_FILE_BYTES, Constant, Layout, read_export, refuse_other_programs
from tinysight.importers.files import display_name, read_bytes
from tinysight.importers.flatbuffer import FlatbufferError, Table, root
from tinysight.spec import Layer

IDENTIFIER = b"TFL3"
SUBGRAPHS, BUFFERS, METADATA = 2, 4, 6  # of Model
TENSORS = 0  # of SubGraph
SHAPE, TYPE, BUFFER, NAME = 0, 1, 2, 3  # of Tensor
DATA = 0  # of Buffer
METADATA_NAME, METADATA_BUFFER = 0, 1  # of Metadata
DTYPES = {0: "float32", 1: "float16", 9: "int8"}


def _stored_shape(layer: Layer) -> tuple[int, ...]:
    height, width, inputs, outputs = layer.weight_shape
    if layer.kind == "depthwise":
        return (1, height, width, inputs * outputs)
    return (outputs, inputs) if layer.kind == "head" else (outputs, height, width, inputs)


def _ours(layer: Layer, kernel: NDArray[Any]) -> NDArray[Any]:
    if layer.kind == "depthwise":
        return kernel
    return kernel.T if layer.kind == "head" else kernel.transpose(1, 2, 3, 0)


LAYOUT = Layout(_stored_shape, _ours)


def _content(buffers: list[Table], number: int) -> memoryview:
    if not 0 <= number < len(buffers):
        raise FlatbufferError(f"buffer {number} of {len(buffers)} is meant")
    return buffers[number].content(DATA)


def _card_text(model: Table, buffers: list[Table]) -> memoryview | None:
    entries = [entry for entry in model.tables(METADATA) if entry.text(METADATA_NAME) == CARD_KEY]
    if len(entries) > 1:
        raise FlatbufferError(f"{CARD_KEY} stands twice in the metadata")
    return _content(buffers, entries[0].integer(METADATA_BUFFER, "I")) if entries else None


def _constants(model: Table, buffers: list[Table]) -> dict[str, Constant]:
    graphs = model.tables(SUBGRAPHS)
    if len(graphs) != 1:
        raise FlatbufferError(f"it has {len(graphs)} networks, expected 1")
    found: dict[str, Constant] = {}
    for tensor in graphs[0].tables(TENSORS):
        content = _content(buffers, tensor.integer(BUFFER, "I"))
        if not len(content):
            continue  # computed
        name, number = tensor.text(NAME), tensor.integer(TYPE, "b")
        if name in found:
            raise FlatbufferError(f"array {printable(name, 80)} stands twice")
        found[name] = Constant(DTYPES.get(number, f"data type {number}"), tensor.numbers(SHAPE), content)
    return found


def read_tflite(path: str | os.PathLike[str] | bytes, *, resolution: int | None = None) -> Imported:
    """Read a model back out of a TensorFlow Lite file that ``tinysight export`` wrote, in float32 or float16.

    Args:
        path: the file, or its bytes.
        resolution: input side in pixels; by default the card's.

    Returns:
        As ``exported.read_export``. Whether the file takes pixels, gives probabilities and runs in batches is not part
        of the model and is left behind.

    Raises:
        CheckpointError: another program's file, an int8 one, or one that is damaged.
    """
    where = "TensorFlow Lite file" if isinstance(path, bytes) else display_name(path)
    data = path if isinstance(path, bytes) else read_bytes(path, MAX_FILE_BYTES)
    try:
        model = root(data, IDENTIFIER)
        buffers = model.tables(BUFFERS)
        text = _card_text(model, buffers)
        constants = {} if text is None else _constants(model, buffers)
    except FlatbufferError as error:
        raise CheckpointError(f"{where}: damaged TensorFlow Lite file: {error}") from None
    if text is None:
        refuse_other_programs(where, "a TensorFlow Lite model")
    return read_export(text, constants, LAYOUT, where, resolution)
