"""Our Keras model against ``keras.applications.MobileNet``: the same layers, names, settings and summary."""

import numpy as np
import pytest

from tinysight.engines import open_engine
from tinysight.errors import UsageError
from tinysight.networks.keras import MobileNet, from_checkpoint
from tinysight.spec import Spec, array_shapes

# keras.Model.predict on the PyTorch backend asks torch.Tensor.__array__ for copy=, which PyTorch does not take yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

OPTIONS = {
    "defaults": {},
    "tutorial": {"input_shape": (224, 224, 3), "depth_multiplier": 1, "dropout": 1e-3, "classes": 1000},
    "odd": {
        "input_shape": (97, 33, 3),
        "alpha": 0.35,
        "depth_multiplier": 2,
        "dropout": 0.25,
        "classes": 7,
        "classifier_activation": None,
        "name": "mine",
    },
    "sigmoid": {"input_shape": (128, 128, 3), "alpha": 0.25, "classes": 1, "classifier_activation": "sigmoid"},
    "features": {"include_top": False},
    "average": {"include_top": False, "input_shape": (None, None, 3), "pooling": "avg", "alpha": 0.25},
    "maximum": {"include_top": False, "input_shape": (64, None, 3), "pooling": "max", "alpha": 0.25},
}


def _description(keras, build, options):
    keras.utils.clear_session()
    model = build(weights=None, **options)
    summary = []
    model.summary(print_fn=lambda text, **_: summary.append(text))
    layers = [(layer.name, type(layer), layer.get_config(), layer.output.shape) for layer in model.layers]
    return type(model), model.name, layers, model.get_config(), model.count_params(), "\n".join(summary)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_layer_by_layer_the_same_as_keras(keras, options):
    theirs = _description(keras, keras.applications.MobileNet, options)
    ours = _description(keras, MobileNet, options)
    for mine, other in zip(ours[2], theirs[2], strict=True):
        assert mine == other
    assert ours == theirs


def test_positional_arguments_are_those_of_keras(keras):
    positional = ((96, 96, 3), 0.35, 2, 0.5, True, None, None, None, 7, None, "mine")
    theirs, ours = keras.applications.MobileNet(*positional), MobileNet(*positional)
    assert [layer.get_config() for layer in ours.layers[1:7]] == [layer.get_config() for layer in theirs.layers[1:7]]
    assert (ours.name, ours.output_shape) == ("mine", (None, 7))


def test_parameters_of_the_full_network(keras):
    model = MobileNet(weights=None)
    assert model.count_params() == 4_253_864
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_weights) == 4_231_976
    order = [tuple(variable.shape) for variable in model.weights]
    assert order == list(array_shapes(Spec()).values())


def test_builds_on_a_tensor_of_another_model(keras):
    picture = keras.Input((64, 64, 3), name="picture")
    turned = keras.layers.RandomFlip(name="turned")(picture)
    model = MobileNet(input_tensor=turned, alpha=0.25, classes=2, weights=None)
    theirs = keras.applications.MobileNet(
        input_tensor=turned, input_shape=(64, 64, 3), alpha=0.25, classes=2, weights=None
    )
    assert [tensor.name for tensor in model.inputs] == [tensor.name for tensor in theirs.inputs] == ["picture"]
    assert [layer.name for layer in model.layers][:3] == ["picture", "turned", "conv1"]
    assert model.name == theirs.name == "mobilenet_0.25_64"
    with pytest.raises(UsageError, match=r"has the shape \(64, 64, 3\), received input_shape=\(32, 32, 3\) as well"):
        MobileNet(input_tensor=turned, input_shape=(32, 32, 3), weights=None)
    with pytest.raises(UsageError, match="symbolic Keras tensor"):
        MobileNet(input_tensor=np.zeros((1, 64, 64, 3)), weights=None)


@pytest.mark.parametrize("resolution", [32, 51])
@pytest.mark.parametrize("padding", ["keras", "same", "symmetric"])
def test_each_padding_rule_is_that_of_the_reference(keras, make_checkpoint, padding, resolution):
    checkpoint = make_checkpoint(alpha=0.25, resolution=resolution, num_classes=5, padding=padding, bn_epsilon=0.02)
    pictures = np.random.default_rng(1).integers(0, 256, (2, resolution, resolution, 3), np.uint8)
    reference = open_engine(checkpoint, "reference").run(pictures)
    model = from_checkpoint(checkpoint, classifier_activation=None)
    logits = model.predict(pictures / np.float32(127.5) - 1, verbose=0)
    np.testing.assert_allclose(logits, reference.logits, rtol=0, atol=2e-5)


def test_a_checkpoint_without_a_head_gives_its_embedding_or_features(keras, make_checkpoint):
    checkpoint = make_checkpoint(alpha=0.25, resolution=64, include_top=False)
    pictures = np.random.default_rng(1).integers(0, 256, (1, 64, 64, 3), np.uint8)
    expected = open_engine(checkpoint, "reference").run(pictures)
    images = pictures / np.float32(127.5) - 1
    embedding = from_checkpoint(checkpoint).predict(images, verbose=0)
    np.testing.assert_allclose(embedding, expected.embedding, rtol=0, atol=2e-5)
    features = from_checkpoint(checkpoint, pooling=None).predict(images, verbose=0)
    np.testing.assert_allclose(features, expected.features, rtol=0, atol=2e-5)


WRONG = [
    ({"input_shape": (224, 224)}, "input_shape must be"),
    ({"input_shape": (3, 224, 224)}, "input_shape must be"),
    ({"input_shape": (224, 224, 1)}, "input_shape must be"),
    ({"input_shape": (31, 224, 3)}, "at least 32"),
    ({"input_shape": (224.0, 224, 3)}, "input_shape must be"),
    ({"input_shape": (True, 224, 3)}, "input_shape must be"),
    ({"input_shape": 224}, "input_shape must be"),
    ({"input_shape": (None, 224, 3)}, "both sides must be known"),
    ({"alpha": 0}, "alpha must be above 0"),
    ({"depth_multiplier": 0}, "depth_multiplier must be"),
    ({"dropout": 1.0}, "dropout must be"),
    ({"classes": 0}, "num_classes must be"),
    ({"include_top": 1}, "include_top must be"),
    ({"pooling": "mean"}, "pooling must be None, 'avg' or 'max'"),
    ({"classifier_activation": "sotfmax"}, "classifier_activation must be"),
    ({"padding": "valid"}, "padding must be one of"),
]


@pytest.mark.parametrize(("options", "message"), WRONG, ids=[str(options) for options, _ in WRONG])
def test_a_wrong_option_is_refused_with_what_is_accepted(keras, options, message):
    with pytest.raises(UsageError, match=message):
        MobileNet(weights=None, **options)


def test_a_misspelt_option_is_refused(keras):
    with pytest.raises(TypeError, match="class"):
        MobileNet(weights=None, num_classes=3)
