"""The reference and our Keras model against ``keras.applications.MobileNet``, the network everybody else runs.

Random weights with batch-norm statistics that matter, chosen so that the logits spread over several units and depend on
the picture: an error anywhere shows. Runs on the backend that KERAS_BACKEND names; most specs need --slow, because JAX
compiles each of them (all: 80 s; PyTorch and TensorFlow half of that).
"""

import numpy as np
import pytest

from tinysight.checkpoint import Card, Checkpoint
from tinysight.engines import open_engine
from tinysight.networks.keras import MobileNet, preprocess_input
from tinysight.networks.keras_state import assign
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Spec, array_shapes, released_specs

# keras.Model.predict on the PyTorch backend asks torch.Tensor.__array__ for copy=, which PyTorch does not take yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

TOLERANCE = 1e-4  # of logits that spread over several units; float32 sums in another order differ by about 2e-5
QUICK = ("mobilenet_v1_1.0_224",)
ODD = {"alpha": 0.35, "depth_multiplier": 2, "num_classes": 7}


def _cases():
    for name, spec in released_specs().items():
        yield pytest.param(spec, id=name, marks=[] if name in QUICK else [pytest.mark.slow])
    for spec in (Spec(alpha=0.35), Spec(resolution=97), Spec(resolution=33), Spec(num_classes=7)):
        yield pytest.param(spec, id=f"{spec.name}_{spec.num_classes}", marks=pytest.mark.slow)
    yield pytest.param(Spec(depth_multiplier=2), id="depth_multiplier_2", marks=pytest.mark.slow)
    # All of them at once; 97 and 33 px have odd sides at different depths.
    yield pytest.param(Spec(resolution=97, **ODD), id="odd_97")
    yield pytest.param(Spec(resolution=33, **ODD), id="odd_33")


def _pictures(resolution):
    rng = np.random.default_rng(7)
    index = np.arange(resolution)
    coarse = rng.integers(0, 256, (9, 9, 3))[index * 9 // resolution][:, index * 9 // resolution]
    ramp = index * 255 // (resolution - 1)
    smooth = np.stack([*np.broadcast_arrays(ramp[:, None], ramp[None], ramp[::-1, None])], axis=-1)
    return np.stack([coarse, smooth]).astype(np.uint8)


def _arrays(spec):
    """Weights that keep pictures apart through 28 layers: batch norm amplifies what ReLU6 takes away."""
    rng = np.random.default_rng(3)
    arrays = {}
    for name, shape in array_shapes(spec).items():
        if name.endswith("kernel"):
            fan_in = 9 if "_dw_" in name else np.prod(shape[:3])
            values = rng.normal(0, np.sqrt(2 / fan_in), shape)
        elif name.endswith("moving_variance"):
            values = rng.uniform(0.2, 1.2, shape)
        elif name.endswith("gamma"):
            values = rng.uniform(0.5, 1.5, shape)
        else:
            values = rng.normal(0.3 if name.endswith("beta") else 0, 0.4, shape)
        arrays[name] = values.astype(np.float32)
    return arrays


def _options(spec):
    return {
        "input_shape": (spec.resolution, spec.resolution, 3),
        "alpha": spec.alpha,
        "depth_multiplier": spec.depth_multiplier,
        "classes": spec.num_classes,
        "weights": None,
        "classifier_activation": None,
    }


@pytest.mark.parametrize("spec", list(_cases()))
def test_three_networks_one_answer(keras, spec):
    card = Card(spec.name, spec, Recipe(spec.resolution), None, "none", "random numbers for a test")
    checkpoint = Checkpoint(card, _arrays(spec))
    pictures = _pictures(spec.resolution)
    reference = open_engine(checkpoint, "reference").run(pictures).logits
    assert np.abs(reference[0] - reference[1]).max() > 0.3  # the answer depends on the picture
    assert reference.std() > 1

    theirs = keras.applications.MobileNet(**_options(spec))
    order = [tuple(variable.shape) for layer in theirs.layers for variable in layer.weights]
    assert order == list(array_shapes(spec).values())  # their order is ours
    assign(theirs, checkpoint.arrays)
    images = keras.applications.mobilenet.preprocess_input(pictures)
    expected = theirs.predict(images, verbose=0)
    np.testing.assert_allclose(reference, expected, rtol=0, atol=TOLERANCE)

    ours = MobileNet(**_options(spec))
    assign(ours, checkpoint.arrays)
    np.testing.assert_allclose(ours.predict(preprocess_input(pictures), verbose=0), expected, rtol=0, atol=1e-5)
