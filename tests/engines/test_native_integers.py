"""Whole numbers in the native engine: the bits of the NumPy engine, for any spec, instruction set and thread count."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_models import in_both
from lively_models import SPECS, lively, pictures

from tinysight.checkpoint import Checkpoint
from tinysight.checkpoint.integers import Integers
from tinysight.engines.native import NativeEngine, available_isas, is_built
from tinysight.engines.reference import ReferenceEngine
from tinysight.engines.reference_integer import IntegerReferenceEngine
from tinysight.errors import EngineError
from tinysight.preprocess.recipe import Recipe
from tinysight.quantize import quantize_int16
from tinysight.quantize.bounds import INT16_MAX, worst_lane_sums
from tinysight.spec import Spec, layers

pytestmark = pytest.mark.skipif(not is_built(), reason="the package was built without a C++ compiler")
ISAS = available_isas() if is_built() else ("portable",)
PRECISIONS = ("int16", "int8")


def in_numpy(checkpoint, precision):
    integers = checkpoint.integers
    if precision == "int16":
        integers = quantize_int16(checkpoint.card.spec, checkpoint.arrays, checkpoint.card.recipe)
    return IntegerReferenceEngine(checkpoint.card, integers)


def assert_same_bits(given, expected):
    assert np.array_equal(given.features, expected.features)
    if expected.logits is None:
        assert given.logits is None
    else:
        assert np.array_equal(given.logits, expected.logits)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("fields", SPECS)
def test_the_bits_of_numpy_for_any_instruction_set_threads_and_batch(fields, precision):
    checkpoint = in_both(lively(Spec(**fields)))
    images = pictures(checkpoint.card.spec, 3)
    expected = in_numpy(checkpoint, precision).run(images)
    assert len(np.unique(expected.features)) > 20  # the picture has come through
    for isa in ISAS:
        for threads in (1, 2, 5):
            engine = NativeEngine(checkpoint, threads, isa, precision)
            assert (engine.isa, engine.precision) == (isa, precision)
            assert_same_bits(engine.run(images), expected)
            assert np.array_equal(engine.run(images[1:2]).features[0], expected.features[1])


@settings(max_examples=30, deadline=None)
@given(
    alpha=st.floats(0.02, 0.6),
    resolution=st.integers(32, 110),
    classes=st.integers(1, 40),
    padding=st.sampled_from(["keras", "same", "symmetric"]),
    top=st.booleans(),
    isa=st.sampled_from(ISAS),
    precision=st.sampled_from(PRECISIONS),
    value_range=st.sampled_from([(-1.0, 1.0), (0.0, 1.0), (-2.1, 2.6), (0.0, 255.0)]),
)
def test_random_specs(alpha, resolution, classes, padding, top, isa, precision, value_range):
    spec = Spec(alpha=alpha, resolution=resolution, num_classes=classes, padding=padding, include_top=top)
    plain = lively(spec)
    card = replace(plain.card, recipe=Recipe(resolution, value_range=value_range))
    checkpoint, images = in_both(Checkpoint(card, plain.arrays)), pictures(spec)
    engine = NativeEngine(checkpoint, 2, isa, precision)
    assert_same_bits(engine.run(images), in_numpy(checkpoint, precision).run(images))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_float_values_are_rounded_to_pixels_and_clipped_to_the_range(precision):
    checkpoint = in_both(lively(Spec(alpha=0.25, resolution=64, num_classes=5)))
    images = pictures(checkpoint.card.spec, 2)
    engine = NativeEngine(checkpoint, precision=precision)
    expected = engine.run(images)
    values = images.astype(np.float32) / np.float32(127.5) - np.float32(1)
    assert_same_bits(engine.run(values), expected)
    beyond = np.where(images == 255, np.float32(1e30), np.where(images == 0, np.float32(-50), values))
    assert_same_bits(engine.run(beyond), expected)
    between = values + np.float32(0.3 / 127.5)
    assert_same_bits(engine.run(between), in_numpy(checkpoint, precision).run(between))


def test_int16_is_close_to_float():
    checkpoint = lively(Spec(alpha=0.5, resolution=96, num_classes=20))
    images = pictures(checkpoint.card.spec, 4)
    logits = ReferenceEngine(checkpoint).run(images).logits
    difference = np.abs(NativeEngine(checkpoint, precision="int16").run(images).logits - logits).max()
    assert 0 < difference < 0.01 * np.abs(logits).max()


def saturating(checkpoint, seed=0):
    """A network whose activations are all 255 up to the last block, whose lanes are filled to the last unit."""
    rng = np.random.default_rng(seed)
    made = {}
    for name, layer in checkpoint.integers.layers.items():
        if layer.step is None:
            made[name] = layer
            continue
        kernel, bias = layer.kernel, np.full_like(layer.bias, 1000)
        if name.startswith("conv_pw"):
            depth, outputs = kernel.shape[2:]
            # 128 = 127 + 1 = 64 + 64 = ... in each lane of four inputs, all of one sign
            parts = rng.multinomial(128, [0.25] * 4, size=(depth // 8 + 1, 2, outputs)).clip(max=127)
            parts = parts * rng.choice([-1, 1], size=(depth // 8 + 1, 2, outputs))[..., None]
            whole = np.empty((depth // 8 + 1, 8, outputs), np.int8)
            for lane, at in enumerate(((0, 1, 4, 5), (2, 3, 6, 7))):
                whole[:, at] = parts[:, lane].transpose(0, 2, 1)
            kernel = whole.reshape(-1, outputs)[:depth].reshape(kernel.shape)
            assert worst_lane_sums(kernel[0, 0]).max() == 255 * 128 <= INT16_MAX
            if name == "conv_pw_13":
                bias = np.full_like(bias, 3)
        made[name] = replace(layer, kernel=kernel, bias=bias, scale=np.full_like(layer.scale, 3e-5))
    return Checkpoint(checkpoint.card, checkpoint.arrays, Integers("int8", made, checkpoint.integers.probe_outputs))


@pytest.mark.parametrize("isa", ISAS)
def test_lanes_filled_to_the_bound_do_not_overflow(isa):
    checkpoint = saturating(in_both(lively(Spec(alpha=0.25, resolution=40, num_classes=5))))
    images = pictures(checkpoint.card.spec)
    expected = in_numpy(checkpoint, "int8").run(images)
    assert ((expected.features > 0) & (expected.features < 6)).mean() > 0.1  # sums that have not met either end
    assert_same_bits(NativeEngine(checkpoint, 1, isa, "int8").run(images), expected)


def with_kernel(checkpoint, name, kernel):
    made = dict(checkpoint.integers.layers)
    made[name] = replace(made[name], kernel=kernel)
    return Checkpoint(checkpoint.card, checkpoint.arrays, Integers("int8", made, checkpoint.integers.probe_outputs))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("inputs", [(0, 1, 4, 5), (2, 3, 6, 7), (10, 11, 14, 15)])
def test_one_unit_beyond_a_lane_is_refused(inputs, sign):
    checkpoint = in_both(lively(Spec(alpha=0.5, resolution=32, num_classes=5)))
    kernel = np.zeros_like(checkpoint.integers.layers["conv_pw_3"].kernel)
    kernel[0, 0, inputs, 7] = np.array([32, 32, 32, 32]) * sign
    NativeEngine(with_kernel(checkpoint, "conv_pw_3", kernel), precision="int8")
    kernel[0, 0, inputs[3], 7] += sign
    with pytest.raises(EngineError, match="output channel 7: a sum can reach 32895, 16-bit lanes hold at most 32767"):
        NativeEngine(with_kernel(checkpoint, "conv_pw_3", kernel), precision="int8")


@pytest.mark.parametrize(("name", "kernel_value"), [("conv1", 2**15 - 1), ("conv_dw_2", 2**15 - 1)])
def test_16_bit_kernels_of_few_taps_fit_whatever_they_hold(name, kernel_value):
    checkpoint = in_both(lively(Spec(alpha=0.25, resolution=32, num_classes=5)))
    kernel = np.full_like(checkpoint.integers.layers[name].kernel, kernel_value)
    if name == "conv1":  # 27 x 32767 x 8160 does not
        with pytest.raises(EngineError, match="32-bit sums"):
            NativeEngine(with_kernel(checkpoint, name, kernel), precision="int8")
        kernel //= 8
    changed = with_kernel(checkpoint, name, kernel)
    images = pictures(checkpoint.card.spec)
    assert_same_bits(NativeEngine(changed, precision="int8").run(images), in_numpy(changed, "int8").run(images))


def test_what_cannot_be_had_is_refused():
    plain = lively(Spec(alpha=0.25, resolution=32))
    with pytest.raises(EngineError, match="no int8 arrays; make them with: tinysight quantize"):
        NativeEngine(plain, precision="int8")
    only = Checkpoint(plain.card, {}, in_both(plain).integers)
    for precision in ("float32", "int16"):
        with pytest.raises(EngineError, match=f"no float32 arrays, which precision {precision} is made from"):
            NativeEngine(only, precision=precision)
    assert NativeEngine(only, precision="int8").run(pictures(plain.card.spec)).logits.shape == (1, 1000)
    wide = replace(plain.card, recipe=Recipe(32, value_range=(100.0, 101.0)))
    with pytest.raises(EngineError, match="does not hold pictures in the range"):
        NativeEngine(Checkpoint(wide, plain.arrays), precision="int16")


def test_stage_times_add_up():
    checkpoint = lively(Spec(alpha=0.25, resolution=96, num_classes=5))
    times = NativeEngine(checkpoint, 1).stage_nanoseconds(pictures(checkpoint.card.spec, 4))
    names = [layer.name for layer in layers(checkpoint.card.spec) if layer.kind == "pointwise"]
    assert list(times) == ["conv1", *(name.replace("conv_pw", "block") for name in names), "head"]
    assert all(time > 0 for time in times.values())
