"""The network in float32, or with kernels stored in float16: one operator for each convolution, ReLU6 within it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.fold import Array, Folded, fold
from tinysight.spec import Layer, Spec, layers
from tinysight.tflite_graph.builder import Graph, new_graph

HALF_VERSION = 3  # of the operator that makes float32 of float16


def tflite_kernel(layer: Layer, kernel: NDArray[Any]) -> NDArray[Any]:
    """Turn a kernel as in ``Layer.weight_shape`` into the order of TensorFlow Lite.

    That is (outputs, height, width, inputs), for a depthwise layer (1, height, width, outputs), for the head
    (outputs, inputs).
    """
    if layer.kind == "depthwise":
        return kernel.reshape(1, layer.kernel_size, layer.kernel_size, -1)
    if layer.kind == "head":
        head: NDArray[Any] = kernel[0, 0].T
        return head
    return kernel.transpose(3, 0, 1, 2)


def same_pad(layer: Layer) -> tuple[int, int]:
    """Return what TensorFlow's SAME would pad here, (before, after) in pixels."""
    side, out = layer.input_shape[0], -(-layer.input_shape[0] // layer.stride)
    total = max((out - 1) * layer.stride + layer.kernel_size - side, 0)
    return total // 2, total - total // 2


def padded(graph: Graph, layer: Layer, source: int, batch: int, dtype: str, **tensor: Any) -> tuple[int, int]:
    """Return the source, padded by an operator of its own where SAME would do it otherwise, and the kind of padding."""
    kinds = graph.tflite.Padding
    if layer.pad == same_pad(layer):
        return source, kinds.SAME
    if layer.pad == (0, 0):
        return source, kinds.VALID
    before, after = layer.pad
    side, channels = layer.input_shape[0] + before + after, layer.input_shape[2]
    amounts = np.array([[0, 0], [before, after], [before, after], [0, 0]], np.int32)
    output = graph.tensor(f"{layer.name}_padded", (batch, side, side, channels), dtype, **tensor)
    constant = graph.constant(f"{layer.name}.pad", amounts)
    return graph.add("PAD", [source, constant], output, "PadOptions", version=2 if dtype == "int8" else 1), kinds.VALID


def convolve(
    graph: Graph, layer: Layer, inputs: Sequence[int], output: int, padding: int, version: int, relu6: bool
) -> int:
    """Add a convolution's operator; ``inputs`` are source, kernel and bias."""
    activations = graph.tflite.ActivationFunctionType
    fused = activations.RELU6 if relu6 else activations.NONE
    common = {"StrideW": layer.stride, "StrideH": layer.stride, "FusedActivationFunction": fused}
    common |= {"DilationWFactor": 1, "DilationHFactor": 1}
    if layer.kind != "depthwise":
        return graph.add("CONV_2D", inputs, output, "Conv2DOptions", version, Padding=padding, **common)
    common["DepthMultiplier"] = layer.output_shape[2] // layer.input_shape[2]
    return graph.add("DEPTHWISE_CONV_2D", inputs, output, "DepthwiseConv2DOptions", version, Padding=padding, **common)


def _weights(graph: Graph, name: str, values: NDArray[np.float32], half: bool) -> int:
    if not half:
        return graph.constant(name, values)
    stored = graph.constant(f"{name}.half", values.astype(np.float16))
    return graph.add("DEQUANTIZE", [stored], graph.tensor(name, values.shape), "DequantizeOptions", HALF_VERSION)


def _layer(graph: Graph, layer: Layer, source: int, folded: Folded, half: bool, batch: int) -> int:
    kernel = _weights(graph, f"{layer.name}.kernel", tflite_kernel(layer, folded.kernel), half)
    bias = graph.constant(f"{layer.name}.bias", folded.bias)
    if layer.kind == "head":
        output = graph.tensor("logits", (batch, layer.output_shape[2]))
        return graph.add("FULLY_CONNECTED", [source, kernel, bias], output, "FullyConnectedOptions")
    source, padding = padded(graph, layer, source, batch, "float32")
    output = graph.tensor(layer.name, (batch, *layer.output_shape))
    return convolve(graph, layer, [source, kernel, bias], output, padding, 1, relu6=True)


def pool(graph: Graph, source: int, output: int, version: int = 1) -> int:
    """Add the mean over the picture."""
    axes = graph.constant("picture_axes", np.array([1, 2], np.int32))
    return graph.add("MEAN", [source, axes], output, "ReducerOptions", version, KeepDims=False)


def in_range(graph: Graph, images: int, shape: Sequence[int], value_range: tuple[float, float]) -> int:
    """Bring uint8 pixels into the range that the network expects."""
    low, high = value_range
    casts = graph.tflite.TensorType
    source = graph.tensor("levels", shape)
    graph.add("CAST", [images], source, "CastOptions", InDataType=casts.UINT8, OutDataType=casts.FLOAT32)
    per_level = graph.constant("units_per_level", np.array([(high - low) / 255], np.float32))
    scaled = graph.add("MUL", [source, per_level], graph.tensor("scaled", shape), "MulOptions")
    lowest = graph.constant("lowest", np.array([low], np.float32))
    return graph.add("ADD", [scaled, lowest], graph.tensor("in_range", shape), "AddOptions")


def scores(graph: Graph, logits: int, shape: tuple[int, int], probabilities: bool) -> int:
    """Return what the file gives: the logits, or their softmax."""
    if not probabilities:
        return logits
    return graph.add("SOFTMAX", [logits], graph.tensor("probabilities", shape), "SoftmaxOptions", Beta=1.0)


def tflite_model(
    spec: Spec,
    arrays: Mapping[str, Array],
    value_range: tuple[float, float],
    *,
    pixels: bool = False,
    batch: int = 1,
    half: bool = False,
    probabilities: bool = False,
    metadata: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """Write a network as a TensorFlow Lite file.

    Its input ``images`` is ``(N, R, R, 3)`` with R the spec's resolution, its output ``logits`` float32
    ``(N, num_classes)``. The same arguments give the same bytes.

    Args:
        spec: the network, with a head.
        arrays: its float32 arrays by name, all of ``spec.array_shapes``; not modified.
        value_range: what 0 and 255 are for the network, from the recipe.
        pixels: whether ``images`` is uint8 and scaled in the file, or float32 in ``value_range``.
        batch: N, >= 1.
        half: whether kernels are stored in float16, in half of the bytes; they are computed with in float32.
        probabilities: whether the output is ``probabilities``, after softmax, instead.
        metadata: names and bytes to keep in the file.

    Raises:
        UsageError: arrays of more than 2 GiB.
        MissingExtraError: the extra ``tflite`` is not installed.
    """
    graph = new_graph(sum(array.nbytes for array in arrays.values()))
    shape = (batch, spec.resolution, spec.resolution, 3)
    images = graph.tensor("images", shape, "uint8" if pixels else "float32")
    source = in_range(graph, images, shape, value_range) if pixels else images
    folded = fold(spec, arrays)
    for layer in layers(spec):
        if layer.kind == "pool":
            source = pool(graph, source, graph.tensor(layer.name, (batch, layer.output_shape[2])))
        else:
            source = _layer(graph, layer, source, folded[layer.name], half, batch)
    source = scores(graph, source, (batch, spec.num_classes), probabilities)
    return graph.finish([images], [source], spec.name, metadata)
