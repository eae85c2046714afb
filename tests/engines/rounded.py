"""An int8 network without calibration: all numbers rounded to the nearest, bounds kept. For tests of the arithmetic."""

import numpy as np

from tinysight.checkpoint import Checkpoint
from tinysight.checkpoint.integers import IntegerLayer, Integers, kernel_dtype, stem_step
from tinysight.fold import fold
from tinysight.quantize.bounds import INT16_MAX, worst_lane_sums
from tinysight.spec import layers

STEP = np.float32(6 / 255)


def rounded_layer(layer, kernel, bias, value_range):
    outputs = kernel.shape[2] * kernel.shape[3] if layer.kind == "depthwise" else kernel.shape[-1]
    unit = {"stem": stem_step(value_range), "head": STEP / 32}.get(layer.kind, STEP)
    weights = kernel.astype(np.float64).reshape(-1, outputs) * unit
    dtype = kernel_dtype("int8", layer)
    largest = 127 if dtype is np.int8 else 8000
    scale = np.maximum(np.abs(weights).max(axis=0) / largest, 1e-20)
    whole = np.rint(weights / scale)
    while layer.kind == "pointwise" and (worst_lane_sums(whole) > INT16_MAX).any():
        scale = np.where(worst_lane_sums(whole) > INT16_MAX, scale * 1.05, scale)
        whole = np.rint(weights / scale)
    step = None if layer.kind == "head" else np.full(outputs, STEP)
    return IntegerLayer(whole.astype(dtype).reshape(kernel.shape), scale.astype(np.float32), bias, step)


def rounded(checkpoint):
    """The same model with int8 arrays beside the float ones."""
    spec, recipe = checkpoint.card.spec, checkpoint.card.recipe
    folded = fold(spec, checkpoint.arrays)
    made = {
        layer.name: rounded_layer(layer, *folded[layer.name], recipe.value_range)
        for layer in layers(spec)
        if layer.kind != "pool"
    }
    probes = np.zeros((len(checkpoint.card.probes), 0), np.float32)
    return Checkpoint(checkpoint.card, checkpoint.arrays, Integers("int8", made, probes))
