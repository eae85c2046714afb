"""Read a frozen TF-slim MobileNet v1 graph without TensorFlow.

Everything the weights do not say comes from the nodes around them: padding and strides from the convolutions, epsilon
from the batch norms, the resolution from the input placeholder. TF-slim's ImageNet heads have 1001 outputs, of which
the first is "background"; that column is dropped, and the 1000 classes keep Keras' order.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import CheckpointError, printable
from tinysight.importers.derive import DEFAULT_RESOLUTION, Imported, finish, spec_from_shapes
from tinysight.importers.files import display_name, read_bytes
from tinysight.importers.graph import Graph, Node
from tinysight.importers.wire import WireError
from tinysight.spec import Layer, Spec, array_shapes, layers

BACKGROUND_OUTPUTS = 1001
MAX_FILE_BYTES = 512 << 20
FUSED_EPSILON = 1e-4  # what the FusedBatchNorm op takes when a graph does not say


def _slim_layer(layer: str) -> str:
    """Return TF-slim's scope of a layer: ``conv_dw_3`` is ``MobilenetV1/Conv2d_3_depthwise``."""
    if layer == "conv1":
        return "MobilenetV1/Conv2d_0"
    if layer == "conv_preds":
        return "MobilenetV1/Logits/Conv2d_1c_1x1"
    kind, block = layer.split("_")[1:]
    return f"MobilenetV1/Conv2d_{block}_{'depthwise' if kind == 'dw' else 'pointwise'}"


def slim_name(array: str) -> str:
    """Return the name of the constant that holds one of our arrays.

    >>> slim_name("conv_pw_1_bn.gamma")
    'MobilenetV1/Conv2d_1_pointwise/BatchNorm/gamma'
    """
    layer, part = array.split(".")
    if layer.endswith("_bn"):
        return f"{_slim_layer(layer.removesuffix('_bn'))}/BatchNorm/{part}"
    if part == "bias":
        return f"{_slim_layer(layer)}/biases"
    return f"{_slim_layer(layer)}/{'depthwise_weights' if '_dw_' in layer else 'weights'}"


def _drop_background(name: str, shape: tuple[int, ...]) -> bool:
    return name.startswith("conv_preds.") and bool(shape) and shape[-1] == BACKGROUND_OUTPUTS


def _shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Shapes of our arrays as far as the graph has them, the head without its background column."""
    shapes = {}
    for name in array_shapes(Spec()):
        node = graph.nodes.get(slim_name(name))
        if node is None:
            continue
        shape = graph.shape(node)
        shapes[name] = (*shape[:-1], BACKGROUND_OUTPUTS - 1) if _drop_background(name, shape) else shape
    if not shapes:
        raise CheckpointError(
            f"{graph.where} is a TensorFlow graph without node {slim_name('conv1.kernel')}; "
            "expected a frozen TF-slim MobileNet v1"
        )
    return shapes


def _check_convolution(graph: Graph, node: Node, layer: Layer) -> None:
    """Refuse a convolution that is not the table's row with TensorFlow's "same" padding."""
    expected_op = "DepthwiseConv2dNative" if layer.kind == "depthwise" else "Conv2D"
    if node.op != expected_op:
        raise graph.error(node, f"is a {printable(node.op, 40)}, expected {expected_op}")
    paddings = ("SAME", "VALID") if layer.kernel_size == 1 else ("SAME",)
    accepted: tuple[tuple[str, object, tuple[object, ...]], ...] = (
        ("padding", node.word("padding"), paddings),
        ("strides", node.numbers("strides"), ([1, layer.stride, layer.stride, 1],)),
        ("dilations", node.numbers("dilations"), ([], [1, 1, 1, 1])),
        ("data_format", node.word("data_format"), ("NHWC", "")),
    )
    for name, stated, known in accepted:
        if stated not in known:
            wanted = " or ".join(str(value) or "unset" for value in known)
            raise graph.error(node, f"has {name} {printable(str(stated), 60) or 'unset'}, expected {wanted}")


def _epsilon(graph: Graph, layer: Layer) -> float:
    """Epsilon of the batch norm after a layer, as a fused op or as the addition to the variance."""
    variance = slim_name(f"{layer.name}_bn.moving_variance")
    for node in graph.readers(variance):
        if node.op.startswith("FusedBatchNorm"):
            return node.real("epsilon", FUSED_EPSILON)
        if node.op in ("Add", "AddV2"):
            others = [graph.source(name) for name in node.inputs if graph.source(name) != variance]
            constant = graph.nodes.get(others[0]) if others else None
            if constant is not None and graph.shape(constant) == ():
                return float(graph.constant(constant))
    raise graph.error(variance, "feeds no batch norm whose epsilon could be read")


def _bn_epsilon(graph: Graph, spec: Spec) -> float:
    found = {layer.name: _epsilon(graph, layer) for layer in layers(spec) if layer.has_bn}
    different = sorted(set(found.values()))
    if len(different) != 1:
        raise CheckpointError(f"{graph.where}: the batch norms have different epsilons: {different[:4]}")
    # The graph stores float32; its shortest decimal form is the number that was meant (0.001).
    return float(str(np.float32(different[0])))


def _check_structure(graph: Graph, spec: Spec) -> str:
    """Check every convolution and activation; return the node that the stem reads its picture from."""
    picture = ""
    for layer in layers(spec):
        if layer.kind == "pool":
            continue
        weights = slim_name(f"{layer.name}.kernel")
        convolutions = graph.readers(weights)
        if not convolutions:
            raise graph.error(weights, "feeds no convolution")
        for node in convolutions:
            _check_convolution(graph, node, layer)
            if layer.kind == "stem":
                picture = graph.source(node.inputs[0])
    activations = sum(node.op == "Relu6" for node in graph.nodes.values())
    expected = sum(layer.has_bn for layer in layers(spec))
    if activations < expected:
        raise CheckpointError(f"{graph.where}: {activations} nodes are Relu6, expected {expected}")
    return picture


def _stated_resolution(graph: Graph, picture: str) -> int | None:
    """The side that the input placeholder states, None where it leaves it open."""
    node = graph.nodes.get(picture)
    if node is None or node.op != "Placeholder":
        raise graph.error(picture, "feeds the stem and is no placeholder: the range of its pixels is not known")
    shape = node.declared_shape()
    if shape is None or len(shape) == 0:
        return None
    if len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
        raise graph.error(node, f"takes shape {shape}, expected (n, side, side, 3)")
    return shape[1] if shape[1] > 0 else None


def read_slim_graph(path: str | os.PathLike[str] | bytes, *, resolution: int | None = None) -> Imported:
    """Read a frozen TF-slim MobileNet v1 graph.

    Args:
        path: the ``.pb`` file, or its bytes.
        resolution: input side in pixels; by default what the placeholder states, or 224 where it leaves it open.

    Returns:
        Spec with padding ``same``, and the arrays; a 1001-output head has lost its background column (index 0).

    Raises:
        CheckpointError: damaged, incomplete, or another network; the message names file and node.

    Source: ``mobilenet_v1.py`` of TensorFlow's slim models defines the names.
    """
    where = "graph" if isinstance(path, bytes) else display_name(path)
    data = path if isinstance(path, bytes) else read_bytes(path, MAX_FILE_BYTES)
    graph = Graph(data, where)
    shapes = _shapes(graph)
    spec = spec_from_shapes(shapes, where, resolution=resolution or DEFAULT_RESOLUTION, padding="same")
    try:
        stated = _stated_resolution(graph, _check_structure(graph, spec))
        epsilon = _bn_epsilon(graph, spec)
    except WireError as error:
        raise CheckpointError(f"{where}: damaged TensorFlow graph: {error}") from None
    if resolution is None:
        resolution = stated or DEFAULT_RESOLUTION
    spec = spec_from_shapes(shapes, where, resolution=resolution, padding="same", bn_epsilon=epsilon)
    arrays = finish(spec, {name: _array(graph, name) for name in shapes}, where)
    return Imported(spec, arrays, f"TF-slim frozen graph {Path(where).name}")


def _array(graph: Graph, name: str) -> NDArray[np.float32]:
    values = graph.constant(graph.nodes[slim_name(name)])
    return values[..., 1:] if _drop_background(name, values.shape) else values
