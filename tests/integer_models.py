"""Small models in int8 for tests: plain rounding, one step for all activations, answers like the float model's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinysight.checkpoint import Checkpoint, Probe
from tinysight.checkpoint.integers import POOL_UNITS, IntegerLayer, Integers, stem_step
from tinysight.engines.reference import ReferenceEngine
from tinysight.engines.reference_integer import IntegerReferenceEngine
from tinysight.fold import fold
from tinysight.quantize.bounds import INT16_MAX, worst_lane_sums
from tinysight.spec import layers

STEP = np.float32(6 / 255)


def rounded_layer(layer, kernel, bias, value_range):
    """Round one folded convolution to nearest; the largest weight of a channel takes the largest number it may."""
    wide = layer.kind in ("stem", "depthwise")
    depth = 9 if layer.kind == "depthwise" else kernel[..., 0].size
    weights = kernel.reshape(depth, -1).astype(np.float64)
    scale = np.maximum(np.abs(weights).max(axis=0) / (4000 if wide else 127), 1e-12)
    if not wide:  # a tenth of a lane is left for rounding
        scale *= np.maximum(1, worst_lane_sums(np.rint(weights / scale)) / (0.9 * INT16_MAX))
    whole = np.rint(weights / scale).astype(np.int16 if wide else np.int8).reshape(kernel.shape)
    unit = {"stem": stem_step(value_range), "head": STEP / POOL_UNITS["int8"]}.get(layer.kind, STEP)
    step = None if layer.kind == "head" else np.full(len(scale), STEP, np.float32)
    return IntegerLayer(whole, (scale * unit).astype(np.float32), bias.astype(np.float32), step)


def rounded(checkpoint: Checkpoint) -> Integers:
    """Return a float model's network in int8, with the outputs of its card's probes."""
    card = checkpoint.card
    folded = fold(card.spec, checkpoint.arrays)
    found = {
        layer.name: rounded_layer(layer, *folded[layer.name], card.recipe.value_range)
        for layer in layers(card.spec)
        if layer.kind != "pool"
    }
    integers = Integers("int8", found)
    engine = IntegerReferenceEngine(card, integers)
    answers = [answer_of(engine, probe) for probe in card.probes]
    outputs = layers(card.spec)[-1].output_shape[2]
    return replace(integers, probe_outputs=np.float32(answers).reshape(len(answers), outputs))


def answer_of(engine, probe: Probe) -> np.ndarray:
    output = engine.run(probe.enlarged(engine.spec.resolution)[None])
    return output.embedding[0] if output.logits is None else output.logits[0]


def with_probes(checkpoint: Checkpoint, count: int = 2, seed: int = 0) -> Checkpoint:
    """Give a float model probes of noise with the reference engine's answers."""
    rng = np.random.default_rng(seed)
    engine = ReferenceEngine(checkpoint)
    probes = []
    for _ in range(count):
        blank = Probe(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), np.zeros(0, np.float32))
        probes.append(replace(blank, output=answer_of(engine, blank)))
    return Checkpoint(replace(checkpoint.card, probes=tuple(probes)), checkpoint.arrays)


def in_both(checkpoint: Checkpoint) -> Checkpoint:
    """Return a float model with probes, its network in float32 and in int8."""
    probed = with_probes(checkpoint)
    return Checkpoint(probed.card, probed.arrays, rounded(probed))


def in_int8(checkpoint: Checkpoint) -> Checkpoint:
    """Return a float model with probes, its network in int8 only."""
    both = in_both(checkpoint)
    return Checkpoint(both.card, {}, both.integers)


def same_numbers(one, two):
    """Assert that two models have the same arrays, in the same order."""
    assert list(one) == list(two)
    for name, array in one.items():
        assert array.dtype == two[name].dtype and np.array_equal(array, two[name]), name
