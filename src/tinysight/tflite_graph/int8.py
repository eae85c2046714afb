"""The network in int8: its convolutions in integers, with the activations and pointwise weights of our own int8.

An activation is a whole number 0..255 whose worth differs by channel (``checkpoint.integers``); here it is stored less
128, with scale 1, since what a unit is worth stands in the weights of the next layer. Pointwise kernels are ours.
Depthwise kernels, 16 bits in ours, are rounded to 8, because the format has no others; each keeps its sum, so that an
even surface comes through as before. The first depthwise layer, 0.6 % of the work, stays in float32, because rounding
its weights costs as much as all others do (4 of 26 dB). So do the stem, whose weights cancel each other and lose a
tenth of its output in 8 bits, the mean over the picture and the head's sums, since an output of 8 bits would make many
scores equal. The head's weights are stored in int8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.integers import POOL_UNITS, IntegerLayer, Integers, stem_step
from tinysight.errors import UsageError
from tinysight.spec import Layer, Spec, layers
from tinysight.tflite_graph.builder import Graph, Quantization, new_graph
from tinysight.tflite_graph.float32 import convolve, in_range, padded, pool, scores, tflite_kernel

INT32 = 2**31 - 1
LARGEST = 127
HIGHEST, LEVEL_COUNT = 6.0, 255  # of ReLU6, and of an activation in whole numbers
PER_CHANNEL_VERSION = 3  # of the convolutions' operators
LEVELS = Quantization(np.ones(1, np.float32), np.full(1, -128))


def round_kernel(kernel: NDArray[np.float64]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round to 8 bits so that each output's weights keep their sum as well as whole numbers can.

    Args:
        kernel: ``(weights of an output, outputs)``.

    Returns:
        Whole numbers -127..127 of the same shape, and what one of them is worth, float32 ``(outputs,)``.
    """
    scale = np.maximum(np.abs(kernel).max(axis=0), 1e-30) / LARGEST
    exact = kernel / scale
    whole = np.rint(exact)
    for output in range(kernel.shape[1]):
        missing = int(np.rint(exact[:, output].sum() - whole[:, output].sum()))
        # Those that were rounded furthest the other way are moved, none by more than one.
        order = np.argsort((whole - exact)[:, output] * np.sign(missing), kind="stable")
        whole[order[: abs(missing)], output] += np.sign(missing)
    return whole.clip(-LARGEST, LARGEST).astype(np.int8), scale.astype(np.float32)


def _constant_kernel(graph: Graph, layer: Layer, whole: NDArray[np.int8], scale: NDArray[np.float32]) -> int:
    axis = 3 if layer.kind == "depthwise" else 0
    shaped = tflite_kernel(layer, whole.reshape(layer.weight_shape))
    return graph.constant(f"{layer.name}.kernel", shaped, Quantization(scale, np.zeros(len(scale), np.int64), axis))


def _bias(graph: Graph, name: str, addend: NDArray[np.float64], unit: NDArray[np.float64]) -> int:
    rounded = np.rint(addend / unit).clip(-INT32, INT32).astype(np.int32)
    return graph.constant(name, rounded, Quantization(unit.astype(np.float32), np.zeros(len(unit), np.int64)))


def _in_floats(
    graph: Graph, layer: Layer, source: int, row: IntegerLayer, batch: int, factors: tuple[float, float], relu6: bool
) -> int:
    """Add a convolution in float32; ``factors`` are what its weights and its bias are multiplied with."""
    outputs = row.multiplier * np.float32(factors[0])
    weights = (row.kernel.reshape(-1, len(outputs)) * outputs).reshape(layer.weight_shape)
    kernel = graph.constant(f"{layer.name}.kernel", tflite_kernel(layer, weights.astype(np.float32)))
    bias = graph.constant(f"{layer.name}.bias", row.addend * np.float32(factors[1]))
    source, padding = padded(graph, layer, source, batch, "float32")
    output = graph.tensor(f"{layer.name}_floats", (batch, *layer.output_shape))
    return convolve(graph, layer, [source, kernel, bias], output, padding, 1, relu6)


def _begin(graph: Graph, rows: Sequence[Layer], source: int, integers: Integers, batch: int, unit: float) -> int:
    """Add the stem and the first depthwise layer in float32, and round what that gives to levels.

    The stem's 6 stands for the highest level, so that ReLU6 cuts off what our integers cut off.

    Args:
        graph: to add to.
        rows: both layers.
        source: the pictures.
        integers: the network's numbers.
        batch: pictures in a run.
        unit: what one of the stem's own input units is worth.
    """
    stem, depthwise = rows
    level = HIGHEST / LEVEL_COUNT
    source = _in_floats(graph, stem, source, integers.layers[stem.name], batch, (level / unit, level), relu6=True)
    row = integers.layers[depthwise.name]
    source = _in_floats(graph, depthwise, source, row, batch, (1 / level, 1.0), relu6=False)
    rounded = graph.tensor(depthwise.name, (batch, *depthwise.output_shape), "int8", LEVELS)
    return graph.add("QUANTIZE", [source], rounded, "QuantizeOptions")


def _convolution(graph: Graph, layer: Layer, source: int, row: IntegerLayer, batch: int) -> int:
    """Add a convolution in integers."""
    whole, scale = row.kernel.astype(np.int8), row.multiplier
    if layer.kind == "depthwise":
        weights = row.kernel.reshape(-1, len(row.multiplier)).astype(np.float64) * row.multiplier
        whole, scale = round_kernel(weights)
    kernel = _constant_kernel(graph, layer, whole, scale)
    bias = _bias(graph, f"{layer.name}.bias", row.addend.astype(np.float64), scale.astype(np.float64))
    source, padding = padded(graph, layer, source, batch, "int8", quantization=LEVELS)
    output = graph.tensor(layer.name, (batch, *layer.output_shape), "int8", LEVELS)
    return convolve(graph, layer, [source, kernel, bias], output, padding, PER_CHANNEL_VERSION, relu6=False)


def _head(graph: Graph, layer: Layer, source: int, row: IntegerLayer, batch: int) -> int:
    scale = row.multiplier * np.float32(POOL_UNITS["int8"])  # our head reads the mean in 32nds
    stored = graph.constant(
        f"{layer.name}.whole", tflite_kernel(layer, row.kernel), Quantization(scale, np.zeros(len(scale), np.int64))
    )
    kernel = graph.tensor(f"{layer.name}.kernel", (layer.output_shape[2], layer.input_shape[2]))
    graph.add("DEQUANTIZE", [stored], kernel, "DequantizeOptions", version=5)
    bias = graph.constant(f"{layer.name}.bias", row.addend)
    output = graph.tensor("logits", (batch, layer.output_shape[2]))
    return graph.add("FULLY_CONNECTED", [source, kernel, bias], output, "FullyConnectedOptions")


def tflite_int8_model(
    spec: Spec,
    integers: Integers,
    value_range: tuple[float, float],
    *,
    pixels: bool = False,
    batch: int = 1,
    probabilities: bool = False,
    metadata: Sequence[tuple[str, bytes]] = (),
) -> bytes:
    """Write a network in int8 as a TensorFlow Lite file; input and output as ``tflite_model``.

    Args:
        spec: the network, with a head.
        integers: its numbers in int8.
        value_range: what 0 and 255 are for the network, from the recipe.
        pixels: whether ``images`` is uint8, or float32 in ``value_range``.
        batch: N, >= 1.
        probabilities: as ``tflite_model``.
        metadata: names and bytes to keep in the file.

    Raises:
        UsageError: a network without a head or not in int8.
        MissingExtraError: the extra ``tflite`` is not installed.
    """
    if not spec.include_top or integers.precision != "int8":
        raise UsageError("an int8 TensorFlow Lite file needs a network with a head, in int8")
    graph = new_graph(sum(row.kernel.nbytes for row in integers.layers.values()))
    shape = (batch, spec.resolution, spec.resolution, 3)
    images = graph.tensor("images", shape, "uint8" if pixels else "float32")
    source = in_range(graph, images, shape, value_range) if pixels else images
    rows = layers(spec)
    source = _begin(graph, rows[:2], source, integers, batch, stem_step(value_range))
    for layer in rows[2:]:
        if layer.kind == "pool":
            floats = graph.tensor("last_levels", (batch, *layer.input_shape))
            source = graph.add("DEQUANTIZE", [source], floats, "DequantizeOptions", version=2)
            source = pool(graph, source, graph.tensor(layer.name, (batch, layer.output_shape[2])))
        elif layer.kind == "head":
            source = _head(graph, layer, source, integers.layers[layer.name], batch)
        else:
            source = _convolution(graph, layer, source, integers.layers[layer.name], batch)
    source = scores(graph, source, (batch, spec.num_classes), probabilities)
    return graph.finish([images], [source], spec.name, metadata)
