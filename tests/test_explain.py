from dataclasses import replace

import numpy as np
import pytest
from integer_models import in_both

from tinysight.checkpoint import Checkpoint
from tinysight.classify import Classifier
from tinysight.engines.native import is_built
from tinysight.errors import TinysightError, UsageError
from tinysight.explain import class_activation_map, explain, spread


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (90, 150, 3), dtype=np.uint8)


@pytest.fixture
def classifier(make_checkpoint):
    return Classifier(make_checkpoint(alpha=0.25, resolution=96, num_classes=5))


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize(("precision", "step"), [("float32", 0), ("int16", 6 / 8191), ("int8", 6 / 255 / 32)])
def test_map_is_the_logit_spread_over_the_picture(make_checkpoint, picture, engine, precision, step):
    """Where whole numbers are counted, the mean of each channel is rounded: by half a step of its unit at most."""
    if engine == "native" and not is_built():
        pytest.skip("needs the native engine")
    model = in_both(make_checkpoint(alpha=0.25, resolution=96, num_classes=5))
    classifier = Classifier(model, precision=precision, engine=engine)
    for index in range(5):
        explanation = explain(classifier, picture, index)
        assert explanation.heat.shape == (3, 3)
        assert explanation.prediction.index == index
        bound = float(np.abs(model.arrays["conv_preds.kernel"][..., index]).sum()) * step / 2 * 1.02 + 1e-4
        assert explanation.heat.mean() + explanation.bias == pytest.approx(explanation.logit, abs=bound)
        assert bound < 0.01


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_map_of_a_single_cell_is_the_logit(make_checkpoint, picture, precision):
    """At 32 px the features are one cell, so no mean is rounded and int8's own head is met exactly."""
    model = in_both(make_checkpoint(alpha=0.25, resolution=32, num_classes=5))
    steps = np.random.default_rng(1).uniform(0.5, 1, 256).astype(np.float32)  # another step for every channel
    last, head = model.integers.layers["conv_pw_13"], model.integers.layers["conv_preds"]
    layers = {**model.integers.layers, "conv_pw_13": replace(last, step=last.step * steps)}
    int8 = Checkpoint(replace(model.card, probes=()), {}, replace(model.integers, layers=layers, probe_outputs=None))
    classifier = Classifier(int8 if precision == "int8" else model, precision=precision)
    explanation = explain(classifier, picture)
    assert explanation.heat.shape == (1, 1)
    assert explanation.heat[0, 0] + explanation.bias == pytest.approx(explanation.logit, abs=2e-5)
    assert explanation.bias == head.bias[explanation.prediction.index]


def test_most_likely_class_is_the_default(classifier, picture):
    assert explain(classifier, picture).prediction == classifier.predict(picture)[0]


def test_map_by_hand():
    features = np.float32([[[1, 2], [0, 1]]])
    kernel = np.float32([[10, 1], [20, -1]]).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(class_activation_map(features, kernel, 1), [[-1, -1]])
    np.testing.assert_array_equal(class_activation_map(features, kernel, 0), [[50, 20]])


def test_spread_keeps_the_hot_cell_in_its_tile_and_the_mean():
    cells = np.zeros((3, 4))
    cells[2, 1] = 1
    smooth = spread(cells, 60, 120)
    row, column = np.unravel_index(smooth.argmax(), smooth.shape)
    assert 40 <= row < 60 and 30 <= column < 60
    assert spread(np.full((3, 4), 2.0), 7, 5) == pytest.approx(2.0)


def test_heat_lies_where_the_evidence_is(make_checkpoint):
    """Weights that pass brightness through: a bright corner must be the hot one, and nothing else."""
    made = make_checkpoint(alpha=0.25, resolution=128, num_classes=1)
    arrays = {name: np.zeros_like(array) for name, array in made.arrays.items()}
    for name, array in arrays.items():
        if name.endswith(("gamma", "moving_variance")):
            array[:] = 1
        elif name.endswith("kernel"):
            array[...] = 1 / (9 if "_dw_" in name else array.shape[2] * (9 if name == "conv1.kernel" else 1))
    pixels = np.zeros((128, 128, 3), np.uint8)
    pixels[80:112, 16:48] = 255
    explanation = explain(Classifier(Checkpoint(made.card, arrays)), pixels)
    change = np.abs(explanation.overlay().astype(float) - pixels).sum(axis=2)
    row, column = np.unravel_index(explanation.heat.argmax(), explanation.heat.shape)
    assert row in (2, 3) and column in (0, 1)  # the square lies in the 32-pixel tiles 2.5 to 3.5 by 0.5 to 1.5
    assert change[80:112, 16:48].mean() > 5 * change[:32, 96:].mean()


def test_overlay_keeps_size_and_darkens_what_was_not_seen(classifier, picture):
    explanation = explain(classifier, picture)
    overlay = explanation.overlay()
    assert overlay.shape == picture.shape and overlay.dtype == np.uint8
    assert explanation.box == (0, 30, 90, 90)
    np.testing.assert_array_equal(overlay[:, :30], np.rint(picture[:, :30] * 0.45))


def test_large_pictures_are_drawn_small(classifier):
    explanation = explain(classifier, np.zeros((100, 4000, 3), np.uint8))
    assert explanation.overlay().shape == (40, 1600, 3)


@pytest.mark.parametrize("index", [-1, 5, 1.5, True, "1"])
def test_unknown_class_is_refused(classifier, picture, index):
    with pytest.raises(UsageError, match="0 to 4"):
        explain(classifier, picture, index)


def test_without_head_there_is_nothing_to_explain(make_checkpoint, picture):
    with pytest.raises(UsageError, match="no head"):
        explain(Classifier(make_checkpoint(alpha=0.25, resolution=32, include_top=False)), picture)


def test_saved_overlay_is_a_png(classifier, picture, tmp_path):
    from tinysight.preprocess import decode

    explanation = explain(classifier, picture)
    explanation.save(tmp_path / "heat.png")
    np.testing.assert_array_equal(decode(tmp_path / "heat.png"), explanation.overlay())
    with pytest.raises(TinysightError, match="cannot write"):
        explanation.save(tmp_path / "none" / "heat.png")
    with pytest.raises(UsageError, match=r"end in \.png"):
        explanation.save(tmp_path / "heat.jpg")


def test_an_unlikely_class_looks_unlikely(classifier, picture):
    """Colours are those of the likeliest class's strongest evidence, not stretched for each class."""
    best = explain(classifier, picture)
    for index in range(5):
        other = explain(classifier, picture, index)
        assert other.full_heat == best.full_heat == best.heat.max()


def test_only_an_open_classifier_explains(picture):
    with pytest.raises(UsageError, match="open Classifier"):
        explain("mobilenet_v1_1.0_224", picture)
