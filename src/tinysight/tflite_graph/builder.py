"""A TensorFlow Lite file under construction: tensors, operators, and the flatbuffer around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import MissingExtraError, UsageError

IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3
ALIGNMENT = 16  # of the bytes of constants, which the schema demands
MAX_BYTES = 2**31 - 2**24  # offsets in a flatbuffer are 32 bits with a sign
TYPES = {"float32": "FLOAT32", "float16": "FLOAT16", "int32": "INT32", "uint8": "UINT8", "int8": "INT8"}


class Quantization(NamedTuple):
    """What whole numbers are worth: ``scale * (value - zero_point)``, each ``(n,)``, along ``axis``."""

    scale: NDArray[np.float32]
    zero_point: NDArray[np.int64]
    axis: int = 0


class _Tensor(NamedTuple):
    name: str
    shape: tuple[int, ...]
    dtype: str
    buffer: int
    quantization: Quantization | None


class _Operator(NamedTuple):
    code: int
    version: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options_type: int
    options: Callable[[Any], int] | None


@dataclass(slots=True)
class Graph:
    """Tensors and operators so far; ``tflite`` is the schema's package."""

    tflite: Any
    flatbuffers: Any
    tensors: list[_Tensor] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=lambda: [b""])  # the first is empty and stands for none
    operators: list[_Operator] = field(default_factory=list)

    def tensor(
        self, name: str, shape: Sequence[int], dtype: str = "float32", quantization: Quantization | None = None
    ) -> int:
        """Add a tensor that is computed and return its number."""
        self.tensors.append(_Tensor(name, tuple(shape), dtype, 0, quantization))
        return len(self.tensors) - 1

    def constant(self, name: str, values: NDArray[Any], quantization: Quantization | None = None) -> int:
        """Add a constant and return its number."""
        array = np.ascontiguousarray(values)
        self.buffers.append(array.astype(array.dtype.newbyteorder("<")).tobytes())
        self.tensors.append(_Tensor(name, array.shape, array.dtype.name, len(self.buffers) - 1, quantization))
        return len(self.tensors) - 1

    def add(
        self,
        operator: str,
        inputs: Sequence[int],
        output: int,
        options: str | None = None,
        version: int = 1,
        **values: Any,
    ) -> int:
        """Add an operator of the schema, with the fields of its options, and return its output."""
        kind = 0 if options is None else getattr(self.tflite.BuiltinOptions, options)
        write = None if options is None else lambda builder: self._options(builder, str(options), values)
        code = getattr(self.tflite.BuiltinOperator, operator)
        self.operators.append(_Operator(code, version, tuple(inputs), (output,), kind, write))
        return output

    def _options(self, builder: Any, name: str, values: dict[str, Any]) -> int:
        module = getattr(self.tflite, f"{name}Start")
        module(builder)
        for key, value in values.items():
            getattr(self.tflite, f"{name}Add{key}")(builder, value)
        return int(getattr(self.tflite, f"{name}End")(builder))

    def finish(
        self, inputs: Sequence[int], outputs: Sequence[int], name: str, metadata: Sequence[tuple[str, bytes]]
    ) -> bytes:
        """Return the file.

        Args:
            inputs: numbers of the tensors that a caller fills.
            outputs: of those that a caller reads.
            name: of the network.
            metadata: names and their bytes.
        """
        first = len(self.buffers)
        buffers = [*self.buffers, *(data for _, data in metadata)]
        builder = self.flatbuffers.Builder(sum(map(len, buffers)) + 65536)
        t = self.tflite
        stored = [self._buffer(builder, data) for data in buffers]
        tensors = [self._tensor(builder, one) for one in self.tensors]
        kinds = sorted({(one.code, one.version) for one in self.operators})
        operators = [self._operator(builder, one, kinds) for one in self.operators]
        codes = [self._code(builder, *kind) for kind in kinds]
        entries = []
        for number, (key, _) in enumerate(metadata):
            text = builder.CreateString(key)
            t.MetadataStart(builder)
            t.MetadataAddName(builder, text)
            t.MetadataAddBuffer(builder, first + number)
            entries.append(t.MetadataEnd(builder))
        parts = (_offsets(builder, tensors), _numbers(builder, inputs), _numbers(builder, outputs))
        listed, text = _offsets(builder, operators), builder.CreateString(name)
        t.SubGraphStart(builder)
        t.SubGraphAddTensors(builder, parts[0])
        t.SubGraphAddInputs(builder, parts[1])
        t.SubGraphAddOutputs(builder, parts[2])
        t.SubGraphAddOperators(builder, listed)
        t.SubGraphAddName(builder, text)
        graphs = _offsets(builder, [t.SubGraphEnd(builder)])
        vectors = _offsets(builder, codes), _offsets(builder, stored), _offsets(builder, entries)
        text = builder.CreateString("tinysight")
        t.ModelStart(builder)
        t.ModelAddVersion(builder, SCHEMA_VERSION)
        t.ModelAddOperatorCodes(builder, vectors[0])
        t.ModelAddSubgraphs(builder, graphs)
        t.ModelAddDescription(builder, text)
        t.ModelAddBuffers(builder, vectors[1])
        t.ModelAddMetadata(builder, vectors[2])
        builder.Finish(t.ModelEnd(builder), file_identifier=IDENTIFIER)
        return bytes(builder.Output())

    def _buffer(self, builder: Any, data: bytes) -> int:
        vector = None
        if data:
            builder.StartVector(1, len(data), ALIGNMENT)
            builder.head -= len(data)
            builder.Bytes[builder.head : builder.head + len(data)] = data
            vector = builder.EndVector()
        self.tflite.BufferStart(builder)
        if vector is not None:
            self.tflite.BufferAddData(builder, vector)
        return int(self.tflite.BufferEnd(builder))

    def _tensor(self, builder: Any, one: _Tensor) -> int:
        t, quantization = self.tflite, None
        name, shape = builder.CreateString(one.name), _numbers(builder, one.shape)
        if one.quantization is not None:
            scale = builder.CreateNumpyVector(np.asarray(one.quantization.scale, np.float32))
            zero = builder.CreateNumpyVector(np.asarray(one.quantization.zero_point, np.int64))
            t.QuantizationParametersStart(builder)
            t.QuantizationParametersAddScale(builder, scale)
            t.QuantizationParametersAddZeroPoint(builder, zero)
            t.QuantizationParametersAddQuantizedDimension(builder, one.quantization.axis)
            quantization = t.QuantizationParametersEnd(builder)
        t.TensorStart(builder)
        t.TensorAddShape(builder, shape)
        t.TensorAddType(builder, getattr(t.TensorType, TYPES[one.dtype]))
        t.TensorAddBuffer(builder, one.buffer)
        t.TensorAddName(builder, name)
        if quantization is not None:
            t.TensorAddQuantization(builder, quantization)
        return int(t.TensorEnd(builder))

    def _operator(self, builder: Any, one: _Operator, kinds: list[tuple[int, int]]) -> int:
        t = self.tflite
        options = None if one.options is None else one.options(builder)
        inputs, outputs = _numbers(builder, one.inputs), _numbers(builder, one.outputs)
        t.OperatorStart(builder)
        t.OperatorAddOpcodeIndex(builder, kinds.index((one.code, one.version)))
        t.OperatorAddInputs(builder, inputs)
        t.OperatorAddOutputs(builder, outputs)
        if options is not None:
            t.OperatorAddBuiltinOptionsType(builder, one.options_type)
            t.OperatorAddBuiltinOptions(builder, options)
        return int(t.OperatorEnd(builder))

    def _code(self, builder: Any, code: int, version: int) -> int:
        t = self.tflite
        t.OperatorCodeStart(builder)
        t.OperatorCodeAddDeprecatedBuiltinCode(builder, min(code, 127))
        t.OperatorCodeAddVersion(builder, version)
        t.OperatorCodeAddBuiltinCode(builder, code)
        return int(t.OperatorCodeEnd(builder))


def _numbers(builder: Any, values: Sequence[int]) -> int:
    return int(builder.CreateNumpyVector(np.asarray(values, np.int32)))


def _offsets(builder: Any, values: Sequence[int]) -> int:
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        builder.PrependUOffsetTRelative(value)
    return int(builder.EndVector())


def new_graph(total_bytes: int) -> Graph:
    """Start a graph for weights of so many bytes.

    Raises:
        UsageError: more than the 2 GiB that one file holds.
        MissingExtraError: the extra ``tflite`` is not installed.
    """
    if total_bytes > MAX_BYTES:
        raise UsageError(f"a TensorFlow Lite file holds less than 2 GiB, the arrays of this network take {total_bytes}")
    try:
        import flatbuffers
        import tflite
    except ImportError:
        raise MissingExtraError("tflite", "tflite") from None
    return Graph(tflite, flatbuffers)
