"""Whole models in int8 and int16: bounds, ranges, answers, and every kind of odd model."""

from dataclasses import replace

import numpy as np
import pytest
from integer_models import rounded

from tinysight.checkpoint import Checkpoint
from tinysight.engines.overflow import check_sums
from tinysight.engines.reference import ReferenceEngine
from tinysight.engines.reference_integer import IntegerReferenceEngine
from tinysight.errors import CheckpointError, UsageError
from tinysight.models.quantizing import quantize_model
from tinysight.preprocess.recipe import Recipe
from tinysight.quantize import quantize_int8, quantize_int16
from tinysight.spec import layers


def noise(resolution, count, seed=0):
    """Pictures with large shapes: uniform noise would leave every activation near its mean."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    index = np.arange(resolution) * 4 // resolution
    return coarse[:, index][:, :, index]


def logits_of(checkpoint, integers, images):
    output = IntegerReferenceEngine(checkpoint.card, integers).run(images)
    return output.features.mean(axis=(1, 2)) if output.logits is None else output.logits


@pytest.fixture
def model(make_checkpoint):
    return make_checkpoint(alpha=0.25, resolution=40, num_classes=11)


def quantized(checkpoint, images):
    return quantize_int8(checkpoint.card.spec, checkpoint.arrays, checkpoint.card.recipe, images)


def test_closer_to_float_than_plain_rounding(model):
    images, others = noise(40, 16), noise(40, 16, seed=1)
    wanted = ReferenceEngine(model).run(others).logits
    error = np.abs(logits_of(model, quantized(model, images), others) - wanted).mean()
    assert error < 0.7 * np.abs(logits_of(model, rounded(model), others) - wanted).mean()
    assert error < 0.05 * np.abs(wanted).mean() + 0.05 * wanted.std()


def test_the_mean_error_on_the_pictures_is_taken_away(model):
    images = noise(40, 16)
    error = logits_of(model, quantized(model, images), images) - ReferenceEngine(model).run(images).logits
    assert (np.abs(error.mean(axis=0)) < 0.1 * error.std(axis=0) + 0.01).all()


def test_few_pictures_are_joined_by_drawn_ones(model):
    one, wanted = noise(40, 1), ReferenceEngine(model).run(noise(40, 16, seed=1)).logits
    joined = quantize_int8(model.card.spec, model.arrays, model.card.recipe, one)
    alone = quantize_int8(model.card.spec, model.arrays, model.card.recipe, np.repeat(one, 16, axis=0))
    errors = [np.abs(logits_of(model, made, noise(40, 16, seed=1)) - wanted).mean() for made in (joined, alone)]
    assert errors[0] < errors[1]
    assert all(layer.step is None or (layer.step == np.float32(6 / 255)).all() for layer in joined.layers.values())


def test_nothing_that_was_seen_is_clipped_below_6(model):
    images = noise(40, 16)
    integers = quantized(model, images)
    largest = ReferenceEngine(model).run(images).features.max(axis=(0, 1, 2))
    step = next(layer.step for layer in reversed(list(integers.layers.values())) if layer.step is not None)
    assert (step * 255 >= np.minimum(largest, 6) * 0.99).all()
    assert all((layer.step * 255 <= 6.001).all() for layer in integers.layers.values() if layer.step is not None)
    assert step.min() < 6 / 255  # and quieter channels have finer steps


def test_the_same_pictures_give_the_same_numbers_and_progress_counts_up(model):
    seen = []
    first = quantized(model, noise(40, 3))
    second = quantize_int8(
        model.card.spec, model.arrays, model.card.recipe, noise(40, 3), lambda done, total: seen.append((done, total))
    )
    for name, layer in first.layers.items():
        for one, two in zip(
            (layer.kernel, layer.scale, layer.bias),
            (second.layers[name].kernel, second.layers[name].scale, second.layers[name].bias),
            strict=True,
        ):
            assert one.dtype == two.dtype and np.array_equal(one, two)
    assert seen == [(number, len(layers(model.card.spec))) for number in range(1, len(layers(model.card.spec)) + 1)]


@pytest.mark.parametrize(
    "fields",
    [
        {"alpha": 0.02, "resolution": 33, "num_classes": 1, "padding": "symmetric"},
        {"alpha": 0.25, "resolution": 32, "include_top": False},
        {"alpha": 0.25, "resolution": 32, "num_classes": 3, "depth_multiplier": 2},
    ],
)
@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0)])
def test_odd_models(make_checkpoint, fields, value_range):
    plain = make_checkpoint(**fields)
    recipe = Recipe(plain.card.spec.resolution, value_range=value_range)
    model = Checkpoint(replace(plain.card, recipe=recipe), plain.arrays)
    images = noise(model.card.spec.resolution, 1)
    wanted = ReferenceEngine(model).run(images)
    wanted = wanted.embedding if wanted.logits is None else wanted.logits
    for integers in (quantized(model, images), quantize_int16(model.card.spec, model.arrays, recipe)):
        check_sums(model.card.spec, recipe, integers)
        given = logits_of(model, integers, images)
        assert np.isfinite(given).all()
        assert np.abs(given - wanted).max() < 0.35 * max(1, np.abs(wanted).max())


@pytest.mark.parametrize("change", ["dead", "zero", "large"])
def test_degenerate_weights(model, change):
    arrays = dict(model.arrays)
    for name in ("conv_pw_3_bn.gamma", "conv_dw_7_bn.gamma"):
        arrays[name] = np.zeros_like(arrays[name])
    if change == "zero":
        arrays = {name: np.abs(a) * (0 if "variance" not in name else 1) for name, a in arrays.items()}
    elif change == "large":
        arrays["conv_pw_5.kernel"] = arrays["conv_pw_5.kernel"] * np.float32(1e6)
    integers = quantized(Checkpoint(model.card, arrays), noise(40, 2))
    check_sums(model.card.spec, model.card.recipe, integers)
    assert np.isfinite(logits_of(model, integers, noise(40, 2))).all()


def test_weights_beyond_whole_numbers_are_refused(model):
    arrays = dict(model.arrays)
    arrays["conv_pw_5.kernel"] = arrays["conv_pw_5.kernel"] * np.float32(1e30)
    for make in (quantize_int16, quantize_int8):
        with pytest.raises(CheckpointError, match=r"layer conv_pw_5 has weights up to .*; at most 1e\+18"):
            make(model.card.spec, arrays, model.card.recipe)


@pytest.mark.parametrize(
    "calibration",
    [np.zeros((0, 40, 40, 3), np.uint8), np.zeros((2, 39, 40, 3), np.uint8), np.zeros((2, 40, 40, 3), np.float32)],
)
def test_wrong_calibration_is_refused(model, calibration):
    with pytest.raises(UsageError, match="calibration must be uint8"):
        quantized(model, calibration)


def test_without_pictures_every_range_is_whole(model):
    integers = quantized(model, None)
    check_sums(model.card.spec, model.card.recipe, integers)
    for layer in integers.layers.values():
        assert layer.step is None or np.allclose(layer.step * 255, 6)


@pytest.mark.parametrize("keep_float", [True, False])
def test_a_quantised_model_knows_its_probes_outputs(make_checkpoint, keep_float):
    from integer_models import with_probes

    model = with_probes(make_checkpoint(alpha=0.25, resolution=32, num_classes=4))
    made = quantize_model(model, noise(32, 2), keep_float=keep_float)
    assert made.precisions == (("int8", "int16", "float32") if keep_float else ("int8",))
    for probe, output in zip(model.card.probes, made.integers.probe_outputs, strict=True):
        assert np.array_equal(logits_of(made, made.integers, probe.enlarged(32)[None])[0], output)
