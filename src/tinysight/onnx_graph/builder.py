"""A graph under construction: nodes, constants, and the model around them.

Opset 13 is the oldest in which every operator used here has the form that it still has, so that a file is read by old
runtimes and new ones; ONNX Runtime makes the same program of it as of the newest.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import MissingExtraError, UsageError
from tinysight.spec import Spec, layers

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 13
IR_VERSION = 7  # of the file format, the one that belongs to opset 13
MAX_BYTES = 2**31 - 2**20  # a protobuf message ends at 2 GiB; the nodes take far less than the rest


@dataclass(slots=True)
class Graph:
    """Nodes and constants so far; ``onnx`` is the package."""

    onnx: Any
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, values: NDArray[Any] | float, dtype: str = "<f4") -> str:
        """Add a constant of a little-endian NumPy type."""
        array = np.asarray(values, dtype, order="C")
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def weights(self, name: str, values: NDArray[np.float32], half: bool) -> str:
        """Add a constant in float32, or in float16 with a cast, which a runtime does once when it opens the file."""
        if not half:
            return self.constant(name, values)
        stored = self.constant(f"{name}.half", values, "<f2")
        return self.add("Cast", [stored], name, to=self.onnx.TensorProto.FLOAT)

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node that is called as what it gives."""
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def value(self, name: str, shape: list[int | str], kind: str = "FLOAT") -> Any:
        """Describe an input or output."""
        return self.onnx.helper.make_tensor_value_info(name, getattr(self.onnx.TensorProto, kind), shape)

    def scores(self, source: str, probabilities: bool) -> None:
        """Add what makes the first output ``logits`` of ``(N, classes, 1, 1)``, or ``probabilities``."""
        self.add("Flatten", [source], "logits")
        if probabilities:
            self.add("Softmax", ["logits"], "probabilities", axis=1)

    def model(
        self, spec: Spec, *, pixels: bool, features: bool, batch: int | None, probabilities: bool = False
    ) -> ModelProto:
        """Wrap the nodes up; see ``onnx_model`` for inputs and outputs."""
        count: int | str = batch or "N"
        side = spec.resolution
        inputs = [self.value("images", [count, side, side, 3], "UINT8" if pixels else "FLOAT")]
        scores = "probabilities" if probabilities else "logits"
        outputs = [self.value(scores, [count, spec.num_classes])] if spec.include_top else []
        if features:
            last = next(layer for layer in layers(spec) if layer.kind == "pool")
            outputs.append(self.value("features", [count, *last.input_shape]))
        made: ModelProto = self.onnx.helper.make_model(
            self.onnx.helper.make_graph(self.nodes, spec.name, inputs, outputs, self.constants),
            producer_name="tinysight",
            ir_version=IR_VERSION,
            opset_imports=[self.onnx.helper.make_opsetid("", OPSET)],
        )
        return made


def new_graph(total_bytes: int, batch: int | None) -> Graph:
    """Start a graph.

    Args:
        total_bytes: of the weights to come.
        batch: pictures in a run, >= 1; None leaves it open.

    Raises:
        UsageError: a batch below 1, or more than the 2 GiB that one ONNX file holds.
        MissingExtraError: the package ``onnx`` is not installed.
    """
    if batch is not None and batch < 1:
        raise UsageError(f"batch must be at least 1 or None, received {batch!r}")
    if total_bytes > MAX_BYTES:
        raise UsageError(f"an ONNX file holds less than 2 GiB, this network's arrays take {total_bytes} bytes")
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("onnx", "onnx") from None
    return Graph(onnx)
