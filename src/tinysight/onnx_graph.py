"""The network as an ONNX graph, written row by row from the spec.

One Conv and one Clip per convolution, and nothing that batch norm leaves behind. ONNX's pictures are (N, C, H, W) and
ours (N, H, W, C), so one Transpose stands at the front, and one more before the features where they are wanted.

Opset 13 is the oldest in which every operator used here has the form that it still has, so that a file is read by old
runtimes and new ones; ONNX Runtime makes the same program of it as of the newest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import MissingExtraError, UsageError
from tinysight.fold import Array, Folded, fold
from tinysight.spec import Layer, Spec, layers

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 13
IR_VERSION = 7  # of the file format, the one that belongs to opset 13
MAX_BYTES = 2**31 - 2**20  # a protobuf message ends at 2 GiB; the nodes take far less than the rest


@dataclass(slots=True)
class _Graph:
    """A graph under construction; ``onnx`` is the package."""

    onnx: Any
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, name: str, values: NDArray[np.float32] | float) -> str:
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(values, "<f4", order="C"), name))
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node that is called as what it gives."""
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def value(self, name: str, shape: list[int | str], kind: str = "FLOAT") -> Any:
        return self.onnx.helper.make_tensor_value_info(name, getattr(self.onnx.TensorProto, kind), shape)


def onnx_kernel(layer: Layer, kernel: Array) -> Array:
    """Turn a kernel as in ``Layer.weight_shape`` into ONNX's (outputs, inputs of one group, height, width)."""
    if layer.kind == "depthwise":
        size = layer.kernel_size
        return kernel.reshape(size, size, 1, -1).transpose(3, 2, 0, 1)
    return kernel.transpose(3, 2, 0, 1)


def _convolution(graph: _Graph, layer: Layer, source: str, folded: Folded) -> str:
    before, after = layer.pad
    inputs = [
        source,
        graph.constant(f"{layer.name}.kernel", onnx_kernel(layer, folded.kernel)),
        graph.constant(f"{layer.name}.bias", folded.bias),
    ]
    convolved = graph.add(
        "Conv",
        inputs,
        layer.name,
        kernel_shape=[layer.kernel_size] * 2,
        strides=[layer.stride] * 2,
        pads=[before, before, after, after],
        group=layer.input_shape[2] if layer.kind == "depthwise" else 1,
    )
    return graph.add("Clip", [convolved, "zero", "six"], f"{layer.name}_relu") if layer.has_bn else convolved


def _planes(graph: _Graph, pixels: bool, value_range: tuple[float, float]) -> str:
    """Bring the input to (N, 3, R, R), and pixels into the range with the same bits as ``preprocess.scale``."""
    planes = graph.add("Transpose", ["images"], "planes", perm=[0, 3, 1, 2])
    if not pixels:
        return planes
    low, high = value_range
    values = graph.add("Cast", [planes], "levels", to=graph.onnx.TensorProto.FLOAT)
    scaled = graph.add("Div", [values, graph.constant("levels_per_unit", 255 / (high - low))], "scaled")
    return graph.add("Add", [scaled, graph.constant("lowest", low)], "in_range") if low else scaled


def _network(graph: _Graph, spec: Spec, folded: Mapping[str, Folded], source: str, features: bool) -> None:
    graph.constant("zero", 0)
    graph.constant("six", 6)
    for layer in layers(spec):
        if layer.kind == "pool":
            if features:
                graph.add("Transpose", [source], "features", perm=[0, 2, 3, 1])
            if spec.include_top:
                source = graph.add("GlobalAveragePool", [source], layer.name)
        else:
            source = _convolution(graph, layer, source, folded[layer.name])
    if spec.include_top:
        graph.add("Flatten", [source], "logits")


def onnx_model(
    spec: Spec,
    arrays: Mapping[str, Array],
    value_range: tuple[float, float],
    *,
    pixels: bool = False,
    features: bool = False,
    batch: int | None = None,
) -> ModelProto:
    """Write a network as an ONNX model.

    Its input ``images`` is ``(N, R, R, 3)`` with R the spec's resolution. Its outputs are ``logits``, float32
    ``(N, num_classes)``, where the network has a head, and ``features``, float32 ``(N, h, w, c)``, where they are
    wanted or there is no head. The same arguments give the same model.

    Args:
        spec: the network, any.
        arrays: its float32 arrays by name, all of ``spec.array_shapes``; not modified.
        value_range: what 0 and 255 are for the network, from the recipe.
        pixels: whether ``images`` is uint8 and scaled in the graph, or float32 in ``value_range``.
        features: whether ``features`` is an output beside the logits.
        batch: N, >= 1; None leaves it open until a run.

    Raises:
        UsageError: a batch below 1, or arrays of more than 2 GiB, which one ONNX file does not hold.
        MissingExtraError: the package ``onnx`` is not installed.
    """
    if batch is not None and batch < 1:
        raise UsageError(f"batch must be at least 1 or None, received {batch!r}")
    total_bytes = sum(array.nbytes for array in arrays.values())
    if total_bytes > MAX_BYTES:
        raise UsageError(f"an ONNX file holds less than 2 GiB, this network's arrays take {total_bytes} bytes")
    try:
        import onnx
    except ImportError:
        raise MissingExtraError("onnx", "onnx") from None
    graph = _Graph(onnx)
    features = features or not spec.include_top
    _network(graph, spec, fold(spec, arrays), _planes(graph, pixels, value_range), features)
    count: int | str = batch or "N"
    inputs = [graph.value("images", [count, spec.resolution, spec.resolution, 3], "UINT8" if pixels else "FLOAT")]
    outputs = [graph.value("logits", [count, spec.num_classes])] if spec.include_top else []
    if features:
        last = next(layer for layer in layers(spec) if layer.kind == "pool")
        outputs.append(graph.value("features", [count, *last.input_shape]))
    return onnx.helper.make_model(
        onnx.helper.make_graph(graph.nodes, spec.name, inputs, outputs, graph.constants),
        producer_name="tinysight",
        ir_version=IR_VERSION,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
    )
