"""How much of each layer's output survives in 8 bits."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.integers import MAX_ACTIVATION, POOL_UNITS, Integers, stem_input
from tinysight.quantize.arithmetic import integer_sums, pool, requantize
from tinysight.spec import Layer, Spec, layers


def _real(values: NDArray[np.int32], network: Integers, name: str) -> NDArray[np.float64]:
    """Activations of the layer called ``name`` in their own unit."""
    step = network.layers[name].step
    assert step is not None
    real: NDArray[np.float64] = values.astype(np.float64) * step
    return real


def _next(values: NDArray[np.int32], network: Integers, layer: Layer) -> NDArray[np.int32]:
    if layer.kind == "pool":
        return pool(values, POOL_UNITS[network.precision])
    integer = network.layers[layer.name]
    return requantize(integer_sums(values, integer.kernel, layer), integer, MAX_ACTIVATION[network.precision])


def layer_noise_db(
    spec: Spec, exact: Integers, coarse: Integers, images: NDArray[np.uint8], value_range: tuple[float, float]
) -> dict[str, float]:
    """Return for each layer but the head how far its outputs stand above their error, in decibels.

    Args:
        spec: the network.
        exact: it in int16, which stands for the float network.
        coarse: it in int8. Each network runs on its own outputs, so that errors of earlier layers are in it.
        images: uint8 ``(N, R, R, 3)``.
        value_range: from the recipe.

    Returns:
        10 log10 of the ratio of mean squares by layer name, in the network's order; at most 200.
    """
    signal: dict[str, float] = {}
    noise: dict[str, float] = {}
    for image in images:
        fine = rough = stem_input(image[None], value_range)
        for layer in layers(spec):
            if layer.kind == "head":
                continue
            fine, rough = _next(fine, exact, layer), _next(rough, coarse, layer)
            if layer.kind == "pool":
                continue
            wanted = _real(fine, exact, layer.name)
            error = _real(rough, coarse, layer.name) - wanted
            signal[layer.name] = signal.get(layer.name, 0.0) + float(np.square(wanted).sum())
            noise[layer.name] = noise.get(layer.name, 0.0) + float(np.square(error).sum())
    floor = 1e-300
    powers = {name: max(power, floor) for name, power in signal.items()}
    return {name: 10 * math.log10(power / max(noise[name], 1e-20 * power)) for name, power in powers.items()}
