"""A frozen TensorFlow graph as named nodes; nothing in it is ever run.

Field numbers are those of TensorFlow's ``graph.proto``, ``node_def.proto``, ``attr_value.proto``, ``tensor.proto`` and
``tensor_shape.proto``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import CheckpointError, printable
from tinysight.importers import wire

DT_FLOAT = 1
MAX_NODES = 5_000  # the real graph has 559
MAX_RANK = 8
MAX_IDENTITIES = 8  # in a row; freezing leaves one


@dataclass(frozen=True, slots=True)
class Node:
    """One node: its name, what it computes, where its inputs come from, and its attributes, not yet parsed."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, memoryview]

    def attribute(self, name: str) -> wire.Message:
        """Return an attribute's ``AttrValue``, empty when it is absent.

        Raises:
            WireError: damaged.
        """
        return wire.parse(self.attributes.get(name, memoryview(b"")))

    def word(self, name: str) -> str:
        """Return an attribute of text, for example ``padding``; empty when it is absent."""
        return wire.text(self.attribute(name), 2)

    def numbers(self, name: str) -> list[int]:
        """Return an attribute that is a list of integers, for example ``strides``; empty when it is absent."""
        items = wire.parse(wire.view(self.attribute(name), 1)).get(3, [])
        return [n for item in items for n in ([item] if isinstance(item, int) else wire.packed_integers(item))]

    def real(self, name: str, default: float) -> float:
        """Return an attribute that is a float32."""
        data = wire.view(self.attribute(name), 4)
        return float(struct.unpack("<f", data)[0]) if len(data) == 4 else default

    def declared_shape(self) -> tuple[int, ...] | None:
        """Return the ``shape`` attribute, -1 where a size is open, None where nothing is said."""
        data = wire.view(self.attribute("shape"), 7)
        return _shape(data) if len(data) else None


def _shape(data: memoryview) -> tuple[int, ...]:
    dimensions = wire.views(wire.parse(data), 2)
    if len(dimensions) > MAX_RANK:
        raise wire.WireError(f"a shape has {len(dimensions)} dimensions")
    return tuple(wire.integer(wire.parse(dimension), 1) for dimension in dimensions)


def _node(data: memoryview) -> Node:
    message = wire.parse(data)
    entries = [wire.parse(entry, limit=2) for entry in wire.views(message, 5)]
    inputs = tuple(bytes(name).decode("utf-8", "backslashreplace") for name in wire.views(message, 3))
    attributes = {wire.text(entry, 1): wire.view(entry, 2) for entry in entries}
    return Node(wire.text(message, 1), wire.text(message, 2), inputs, attributes)


class Graph:
    """The nodes of a ``GraphDef`` by name.

    Args:
        data: the file's bytes.
        where: file name for messages.

    Raises:
        CheckpointError: not a ``GraphDef``, damaged, or a name that stands twice.
    """

    def __init__(self, data: bytes, where: str) -> None:
        self.where = where
        self.nodes: dict[str, Node] = {}
        self._readers: dict[str, list[Node]] = {}
        try:
            for number, value in wire.fields(memoryview(data), MAX_NODES):
                if number != 1:
                    continue  # versions and the function library, which a frozen network does not use
                if isinstance(value, int):
                    raise wire.WireError("a node should be a message")
                node = _node(value)
                if not node.name or node.name in self.nodes:
                    raise wire.WireError(f"node name {printable(node.name, 80)!r} is empty or stands twice")
                self.nodes[node.name] = node
        except wire.WireError as error:
            raise CheckpointError(f"{where}: damaged TensorFlow graph: {error}") from None
        for node in self.nodes.values():
            if node.op != "Identity":
                for source in {self.source(name) for name in node.inputs}:
                    self._readers.setdefault(source, []).append(node)

    def readers(self, name: str) -> list[Node]:
        """Return the nodes that take node ``name`` as an input, directly or through ``Identity`` nodes."""
        return self._readers.get(name, [])

    def source(self, name: str) -> str:
        """Return the node that an input comes from, looking through ``Identity`` nodes such as ``weights/read``."""
        name = name.split(":")[0]
        for _ in range(MAX_IDENTITIES):
            node = self.nodes.get(name)
            if node is None or node.op != "Identity" or not node.inputs:
                break
            name = node.inputs[0].split(":")[0]
        return name

    def shape(self, node: Node) -> tuple[int, ...]:
        """Return the shape that a ``Const`` node declares.

        Raises:
            CheckpointError: not a float32 constant, or a negative size.
        """
        return self._tensor(node)[0]

    def constant(self, node: Node) -> NDArray[np.float32]:
        """Return the value of a float32 ``Const`` node.

        Raises:
            CheckpointError: not a float32 constant, or as many bytes as its shape does not need.
        """
        shape, tensor = self._tensor(node)
        try:
            content = wire.view(tensor, 4) if 4 in tensor else memoryview(b"".join(wire.views(tensor, 5)))
        except wire.WireError as error:
            raise self.error(node, str(error)) from None
        count = 1
        for size in shape:
            count *= size
        if len(content) != 4 * count:
            raise self.error(node, f"holds {len(content)} bytes where shape {shape} needs {4 * count}")
        # A copy, because the view would keep the whole file and may start at an odd address.
        return np.frombuffer(content, "<f4").reshape(shape).astype(np.float32, copy=True)

    def _tensor(self, node: Node) -> tuple[tuple[int, ...], wire.Message]:
        try:
            tensor = wire.parse(wire.view(node.attribute("value"), 8))
            dtype = wire.integer(tensor, 1)
            shape = _shape(wire.view(tensor, 2))
        except wire.WireError as error:
            raise self.error(node, str(error)) from None
        if node.op != "Const" or dtype != DT_FLOAT:
            raise self.error(node, f"is a {printable(node.op, 40)} of data type {dtype}, expected a float32 constant")
        if any(size < 0 for size in shape):
            raise self.error(node, f"has shape {shape}")
        return shape, tensor

    def error(self, node: Node | str, problem: str) -> CheckpointError:
        """Make the exception that names file and node."""
        name = node if isinstance(node, str) else node.name
        return CheckpointError(f"{self.where}: node {printable(name, 120)} {problem}")
