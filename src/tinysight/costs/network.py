"""Stored numbers and multiply-adds of every layer.

What counts, here and in the paper: one multiply-add for each use of a kernel weight, padding included, for one
picture. What does not: batch norm (an engine folds it into the kernel before it), the head's bias, ReLU6, the
additions of the pool, softmax. FLOPs are twice the multiply-adds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from tinysight.spec import BN_ARRAYS, KERNEL_SIZE, Layer, Spec, layers

BN_STATISTICS = 2  # moving mean and moving variance: stored, but measured in training, not learned


@dataclass(frozen=True, slots=True)
class LayerCost:
    """What one layer stores and computes; its batch norm is counted with it.

    Shapes are (height, width, channels) of one picture. ``kind`` is that of ``spec.Layer``, or ``convolution`` for a
    3 x 3 layer of the network with full convolutions.
    """

    name: str
    kind: str
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]
    weights: int
    """Numbers in the kernel alone: what the paper's Table 2 counts."""
    params: int
    """Every stored number: kernel, four batch-norm vectors, the head's bias."""
    trainable_params: int
    """``params`` without the batch-norm statistics."""
    mult_adds: int
    """Multiply-adds for one picture."""


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """The layers of one network and their sums."""

    layers: tuple[LayerCost, ...]

    @property
    def weights(self) -> int:
        """Numbers in all kernels, without batch norm and bias."""
        return sum(layer.weights for layer in self.layers)

    @property
    def params(self) -> int:
        """Every stored number, batch-norm statistics included."""
        return sum(layer.params for layer in self.layers)

    @property
    def trainable_params(self) -> int:
        """Numbers that training learns."""
        return sum(layer.trainable_params for layer in self.layers)

    @property
    def mult_adds(self) -> int:
        """Multiply-adds for one picture."""
        return sum(layer.mult_adds for layer in self.layers)

    def without_head(self) -> NetworkCost:
        """Return the same network up to its pooled features."""
        return NetworkCost(tuple(layer for layer in self.layers if layer.kind != "head"))


def _layer_cost(
    name: str,
    kind: str,
    input_shape: tuple[int, int, int],
    output_shape: tuple[int, int, int],
    weight_shape: tuple[int, ...],
) -> LayerCost:
    height, width, channels = output_shape
    weights = math.prod(weight_shape) if weight_shape else 0
    if kind == "pool":
        vectors = learned = 0
    elif kind == "head":
        vectors = learned = 1  # the bias
    else:
        vectors, learned = len(BN_ARRAYS), len(BN_ARRAYS) - BN_STATISTICS
    return LayerCost(
        name=name,
        kind=kind,
        input_shape=input_shape,
        output_shape=output_shape,
        weights=weights,
        params=weights + vectors * channels,
        trainable_params=weights + learned * channels,
        # Each output pixel uses each kernel weight once, in a depthwise layer as well.
        mult_adds=weights * height * width,
    )


def _as_it_is(layer: Layer) -> LayerCost:
    return _layer_cost(layer.name, layer.kind, layer.input_shape, layer.output_shape, layer.weight_shape)


@lru_cache(maxsize=256)
def network_cost(spec: Spec) -> NetworkCost:
    """Return what every layer of ``spec`` costs, in the network's order (29 rows with the head).

    >>> cost = network_cost(Spec())
    >>> cost.params, cost.trainable_params, cost.mult_adds
    (4253864, 4231976, 568740352)
    """
    return NetworkCost(tuple(_as_it_is(layer) for layer in layers(spec)))


@lru_cache(maxsize=256)
def full_convolution_cost(spec: Spec) -> NetworkCost:
    """Return the cost of the same network with one full 3 x 3 convolution in place of each separable block.

    Each keeps its block's input, stride, output channels and closing batch norm; ``depth_multiplier`` has no meaning
    in it. Source: the "Conv MobileNet" of the paper's Table 4.

    >>> full_convolution_cost(Spec()).without_head().mult_adds
    4866269184
    """
    rows: list[LayerCost] = []
    depthwise: Layer | None = None
    for layer in layers(spec):
        if layer.kind == "depthwise":
            depthwise = layer
        elif layer.kind == "pointwise":
            assert depthwise is not None  # spec.layers puts one before every pointwise layer
            before, after = depthwise.input_shape, layer.output_shape
            weight_shape = (KERNEL_SIZE, KERNEL_SIZE, before[2], after[2])
            name = layer.name.replace("conv_pw", "conv")
            rows.append(_layer_cost(name, "convolution", before, after, weight_shape))
        else:
            rows.append(_as_it_is(layer))
    return NetworkCost(tuple(rows))
