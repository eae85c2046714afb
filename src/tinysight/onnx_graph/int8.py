"""The network in int8 as quantize and dequantize nodes, with the scales and the rounding of our own engine.

An activation is a whole number from 0 to 255 whose worth differs by channel (``checkpoint.integers``). The graph does
not know that worth: every activation has scale 1, and what a unit is worth stands in the weights of the next layer, as
it does in ours. So ``QuantizeLinear`` with scale 1 rounds to the nearest, halves to even, and cuts to 0..255, which is
our own rule word for word, and ReLU6 is part of it.

Pointwise layers carry int8 weights with a scale for each output and int32 biases, the pattern that runtimes replace by
integer kernels. Stem and depthwise layers have 16-bit weights in ours, for which runtimes have no kernels: these few
are float32, and so is what they compute between two activations. The head reads the mean in 32nds of a unit; its
weights are int8 in the file and float32 in the runtime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tinysight.checkpoint.integers import (
    PIXEL_UNITS,
    POOL_UNITS,
    IntegerLayer,
    Integers,
    stem_offset,
    stem_step,
)
from tinysight.errors import UsageError
from tinysight.onnx_graph.builder import Graph, new_graph
from tinysight.onnx_graph.kernels import convolution_attributes, onnx_kernel, per_output
from tinysight.spec import Layer, Spec, layers

if TYPE_CHECKING:
    from onnx import ModelProto

INT32 = 2**31 - 1


def _stem_input(graph: Graph, pixels: bool, value_range: tuple[float, float]) -> str:
    """Bring the input to (N, 3, R, R) in the stem's whole numbers, as ``stem_input`` does."""
    planes = graph.add("Transpose", ["images"], "planes", perm=[0, 3, 1, 2])
    black = graph.constant("black", stem_offset(value_range))
    if pixels:
        values = graph.add("Cast", [planes], "levels", to=graph.onnx.TensorProto.FLOAT)
        scaled = graph.add("Mul", [values, graph.constant("units_per_level", PIXEL_UNITS)], "scaled")
        return graph.add("Add", [scaled, black], "in_units")
    units = graph.add("Mul", [planes, graph.constant("units", 1 / stem_step(value_range))], "unrounded")
    rounded = graph.add("Round", [units], "rounded")
    white = graph.constant("white", stem_offset(value_range) + 255 * PIXEL_UNITS)
    return graph.add("Clip", [rounded, black, white], "in_units")


def _float_layer(graph: Graph, layer: Layer, source: str, row: IntegerLayer) -> str:
    """Add a convolution whose sums are whole numbers of 16-bit weights, in float32."""
    kernel = row.kernel.astype(np.float32) * per_output(layer, row.multiplier)
    weights = graph.constant(f"{layer.name}.kernel", onnx_kernel(layer, kernel))
    bias = graph.constant(f"{layer.name}.bias", row.addend)
    return graph.add("Conv", [source, weights, bias], layer.name, **convolution_attributes(layer))


def _integer_layer(graph: Graph, layer: Layer, source: str, row: IntegerLayer) -> str:
    """Add a pointwise layer in the pattern that runtimes replace by integer kernels."""
    name = layer.name
    scale = graph.constant(f"{name}.scale", row.multiplier)
    kernel = graph.constant(f"{name}.kernel", onnx_kernel(layer, row.kernel), "|i1")
    zeros = graph.constant(f"{name}.zeros", np.zeros(len(row.multiplier)), "|i1")
    weights = graph.add("DequantizeLinear", [kernel, scale, zeros], f"{name}.weights", axis=0)
    rounded = np.rint(row.addend.astype(np.float64) / row.multiplier).clip(-INT32, INT32)
    whole = graph.constant(f"{name}.whole_bias", rounded, "<i4")
    nought = graph.constant(f"{name}.nought", np.zeros(len(rounded)), "<i4")
    bias = graph.add("DequantizeLinear", [whole, scale, nought], f"{name}.bias", axis=0)
    return graph.add("Conv", [source, weights, bias], name, **convolution_attributes(layer))


def _levels(graph: Graph, source: str, kind: str) -> str:
    """Turn activations 0..255 into what the next layer reads.

    Only a pointwise layer reads them through ``DequantizeLinear``: ONNX Runtime takes a convolution between two of
    these for one to be run in integers, and would round float weights to 8 bits.
    """
    if kind == "pointwise":
        return graph.add("DequantizeLinear", [source, "one", "zero_level"], f"{source}_levels")
    return graph.add("Cast", [source], f"{source}_levels", to=graph.onnx.TensorProto.FLOAT)


def _head(graph: Graph, layer: Layer, source: str, row: IntegerLayer) -> str:
    units = POOL_UNITS["int8"]
    finer = graph.add("Mul", [source, graph.constant("pool_units", units)], "pooled_units")
    rounded = graph.add("Round", [finer], "pooled")
    stored = graph.constant(f"{layer.name}.kernel", onnx_kernel(layer, row.kernel), "|i1")
    kernel = graph.add("Cast", [stored], f"{layer.name}.whole", to=graph.onnx.TensorProto.FLOAT)
    scale = graph.constant(f"{layer.name}.scale", row.multiplier.reshape(-1, 1, 1, 1))
    weights = graph.add("Mul", [kernel, scale], f"{layer.name}.weights")
    bias = graph.constant(f"{layer.name}.bias", row.addend)
    return graph.add("Conv", [rounded, weights, bias], layer.name, **convolution_attributes(layer))


def onnx_int8_model(
    spec: Spec,
    integers: Integers,
    value_range: tuple[float, float],
    *,
    pixels: bool = False,
    features: bool = False,
    batch: int | None = None,
    probabilities: bool = False,
) -> ModelProto:
    """Write a network in int8 as an ONNX model; inputs and outputs as ``onnx_model``.

    Args:
        spec: the network, with a head.
        integers: its numbers in int8.
        value_range: what 0 and 255 are for the network, from the recipe.
        pixels: whether ``images`` is uint8, or float32 in ``value_range``.
        features: whether ``features`` is an output beside the logits: whole numbers 0..255 in float32, each channel in
            a unit of its own, as the head reads them.
        batch: N, >= 1; None leaves it open until a run.
        probabilities: as ``onnx_model``.

    Raises:
        UsageError: a network without a head or not in int8, or a batch below 1.
        MissingExtraError: the package ``onnx`` is not installed.
    """
    if not spec.include_top or integers.precision != "int8":
        raise UsageError("an int8 ONNX file needs a network with a head, in int8")
    graph = new_graph(sum(row.kernel.nbytes for row in integers.layers.values()), batch)
    source = _stem_input(graph, pixels, value_range)
    graph.constant("one", 1)
    graph.constant("zero_level", 0, "|u1")
    for layer in layers(spec):
        if layer.kind not in ("stem", "head"):
            source = _levels(graph, source, layer.kind)
        if layer.kind == "pool":
            if features:
                graph.add("Transpose", [source], "features", perm=[0, 2, 3, 1])
            source = graph.add("GlobalAveragePool", [source], layer.name)
            continue
        row = integers.layers[layer.name]
        if layer.kind == "head":
            source = _head(graph, layer, source, row)
        else:
            add = _integer_layer if layer.kind == "pointwise" else _float_layer
            convolved = add(graph, layer, source, row)
            source = graph.add("QuantizeLinear", [convolved, "one", "zero_level"], f"{layer.name}_relu")
    graph.scores(source, probabilities)
    return graph.model(spec, pixels=pixels, features=features, batch=batch, probabilities=probabilities)
