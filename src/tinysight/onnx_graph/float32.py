"""The network in float32, row by row from the spec.

One Conv and one Clip per convolution, and nothing that batch norm leaves behind. ONNX's pictures are (N, C, H, W) and
ours (N, H, W, C), so one Transpose stands at the front, and one more before the features where they are wanted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tinysight.fold import Array, Folded, fold
from tinysight.onnx_graph.builder import Graph, new_graph
from tinysight.onnx_graph.kernels import convolution_attributes, onnx_kernel
from tinysight.spec import Layer, Spec, layers

if TYPE_CHECKING:
    from onnx import ModelProto


def _convolution(graph: Graph, layer: Layer, source: str, folded: Folded, half: bool) -> str:
    inputs = [
        source,
        graph.weights(f"{layer.name}.kernel", onnx_kernel(layer, folded.kernel), half),
        graph.constant(f"{layer.name}.bias", folded.bias),
    ]
    convolved = graph.add("Conv", inputs, layer.name, **convolution_attributes(layer))
    return graph.add("Clip", [convolved, "zero", "six"], f"{layer.name}_relu") if layer.has_bn else convolved


def _planes(graph: Graph, pixels: bool, value_range: tuple[float, float]) -> str:
    """Bring the input to (N, 3, R, R), and pixels into the range with the same bits as ``preprocess.scale``."""
    planes = graph.add("Transpose", ["images"], "planes", perm=[0, 3, 1, 2])
    if not pixels:
        return planes
    low, high = value_range
    values = graph.add("Cast", [planes], "levels", to=graph.onnx.TensorProto.FLOAT)
    scaled = graph.add("Div", [values, graph.constant("levels_per_unit", 255 / (high - low))], "scaled")
    return graph.add("Add", [scaled, graph.constant("lowest", low)], "in_range") if low else scaled


def _network(
    graph: Graph, spec: Spec, folded: Mapping[str, Folded], source: str, features: bool, half: bool, probabilities: bool
) -> None:
    graph.constant("zero", 0)
    graph.constant("six", 6)
    for layer in layers(spec):
        if layer.kind == "pool":
            if features:
                graph.add("Transpose", [source], "features", perm=[0, 2, 3, 1])
            if spec.include_top:
                source = graph.add("GlobalAveragePool", [source], layer.name)
        else:
            source = _convolution(graph, layer, source, folded[layer.name], half)
    if spec.include_top:
        graph.scores(source, probabilities)


def onnx_model(
    spec: Spec,
    arrays: Mapping[str, Array],
    value_range: tuple[float, float],
    *,
    pixels: bool = False,
    features: bool = False,
    batch: int | None = None,
    half: bool = False,
    probabilities: bool = False,
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
        probabilities: whether ``probabilities``, after softmax, stand in the place of ``logits``.
        half: whether kernels are stored in float16, in half of the bytes; they are computed with in float32.

    Raises:
        UsageError: a batch below 1, or arrays of more than 2 GiB, which one ONNX file does not hold.
        MissingExtraError: the package ``onnx`` is not installed.
    """
    graph = new_graph(sum(array.nbytes for array in arrays.values()), batch)
    features = features or not spec.include_top
    _network(graph, spec, fold(spec, arrays), _planes(graph, pixels, value_range), features, half, probabilities)
    return graph.model(spec, pixels=pixels, features=features, batch=batch, probabilities=probabilities)
