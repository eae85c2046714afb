"""Whether any sum of a network in integers could overflow: the bounds of ``quantize.bounds`` for whole networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.integers import MAX_ACTIVATION, POOL_UNITS, Integers, stem_limit
from tinysight.errors import EngineError
from tinysight.preprocess.recipe import Recipe
from tinysight.quantize.bounds import INT16_MAX, INT32_MAX, worst_lane_sums, worst_sums
from tinysight.spec import Layer, Spec, layers


def _as_matrix(kernel: NDArray[np.generic], layer: Layer) -> NDArray[np.generic]:
    """Return ``(products in one sum, outputs)``."""
    return kernel.reshape(9, -1) if layer.kind == "depthwise" else kernel.reshape(-1, kernel.shape[-1])


def check_sums(spec: Spec, recipe: Recipe, integers: Integers) -> None:
    """Refuse a network some of whose sums could leave 32 bits, or in int8 16 bits where they are kept in as many.

    Args:
        spec: the network.
        recipe: says how large the stem's inputs are.
        integers: kernels in int8 or int16.

    Raises:
        EngineError: names the first layer and its first such output.
    """
    largest = MAX_ACTIVATION[integers.precision]
    inputs = {"stem": stem_limit(recipe.value_range), "head": largest * POOL_UNITS[integers.precision]}
    for layer in layers(spec):
        if layer.kind == "pool":
            continue
        kernel = _as_matrix(integers.layers[layer.name].kernel, layer)
        sums = worst_sums(kernel, inputs.get(layer.kind, largest), signed=layer.kind == "stem")
        _check(layer.name, sums, INT32_MAX, integers.precision)
        if integers.precision == "int8" and layer.kind == "pointwise":
            _check(layer.name, worst_lane_sums(kernel, largest), INT16_MAX, integers.precision)


def _check(name: str, sums: NDArray[np.int64], limit: int, precision: str) -> None:
    if (sums > limit).any():
        output = int(np.argmax(sums > limit))
        raise EngineError(
            f"the model's {precision} weights are not safe: layer {name}, output {output}: a sum can reach "
            f"{sums[output]}, beyond {limit}"
        )
