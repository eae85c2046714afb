"""Models out of Keras: trained there, one file of ours afterwards, or refused."""

from types import SimpleNamespace

import numpy as np
import pytest
from keras_helpers import CARD, KERAS_SMALL, held, same

from tinysight.checkpoint import read_checkpoint, write_checkpoint
from tinysight.engines import open_engine
from tinysight.errors import CheckpointError, UsageError
from tinysight.labels import Label, softmax
from tinysight.networks.keras import MobileNet, from_checkpoint, preprocess_input, to_checkpoint
from tinysight.networks.keras_state import arrays_of
from tinysight.preprocess.recipe import Recipe, recipe_named
from tinysight.spec import Spec

# keras.Model.predict on the PyTorch backend asks torch.Tensor.__array__ for copy=, which PyTorch does not take yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_a_model_becomes_our_file(keras, small, tmp_path):
    model = from_checkpoint(small)
    names = ["red", "green", "blue", Label("n01440764", "tench"), "grey"]
    file = tmp_path / "mine.safetensors"
    write_checkpoint(file, to_checkpoint(model, labels=names, recipe=recipe_named("keras", 32), **CARD))
    read = read_checkpoint(file)
    assert same(read.arrays, held(model))
    assert read.card.spec == small.card.spec
    assert read.card.labels[2:4] == (Label(None, "blue"), Label("n01440764", "tench"))
    assert read.card.recipe == recipe_named("keras", 32)
    assert (read.card.name, read.card.licence, read.card.source) == ("mine", "CC0-1.0", "a test")


@pytest.mark.slow  # JAX compiles the training step for five seconds
def test_a_model_trained_in_keras_gives_the_same_answers_here(keras, small):
    keras.utils.set_random_seed(1)
    model = from_checkpoint(small)
    before = held(model)
    pictures = np.random.default_rng(2).integers(0, 256, (8, 32, 32, 3), np.uint8)
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="sparse_categorical_crossentropy")
    model.fit(preprocess_input(pictures), np.arange(8) % 5, batch_size=4, epochs=1, verbose=0)
    after = held(model)
    assert not any(np.array_equal(before[name], after[name]) for name in after)  # statistics as well
    checkpoint = to_checkpoint(model, **CARD)
    assert same(checkpoint.arrays, after)
    given = softmax(open_engine(checkpoint, "reference").run(pictures).logits)
    expected = model.predict(preprocess_input(pictures), verbose=0)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "fields",
    [
        {"alpha": 0.35, "resolution": 97, "depth_multiplier": 2, "num_classes": 7, "dropout": 0.5},
        {"alpha": 0.25, "resolution": 33, "num_classes": 2, "padding": "same"},
        {"alpha": 0.25, "resolution": 64, "num_classes": 2, "padding": "symmetric", "bn_epsilon": 1e-5},
        {"alpha": 0.25, "resolution": 33, "include_top": False, "dropout": 0.0},
    ],
    ids=str,
)
def test_every_option_of_the_network_survives(keras, make_checkpoint, fields):
    checkpoint = make_checkpoint(**fields)
    back = to_checkpoint(from_checkpoint(checkpoint), **CARD)
    assert back.card.spec == checkpoint.card.spec == Spec(**fields)
    assert back.card.recipe == Recipe(resolution=fields["resolution"])
    assert back.card.labels is None
    assert len(back.card.probes) == 2
    assert same(back.arrays, checkpoint.arrays)


def test_a_model_built_by_hand_under_the_same_names(keras):
    """The older form that tutorials copy: no padding layers, the head between two Reshape layers."""
    kinds = keras.layers
    table = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
    picture = values = kinds.Input((64, 64, 3))

    def finish(values, name):
        values = kinds.BatchNormalization(name=f"{name}_bn")(values)
        return kinds.Activation("relu6", name=f"{name}_relu")(values)

    same_size = {"padding": "same", "use_bias": False}
    values = finish(kinds.Conv2D(8, 3, strides=2, name="conv1", **same_size)(values), "conv1")
    for block, (filters, stride) in enumerate(table, start=1):
        name = f"conv_dw_{block}"
        values = finish(kinds.DepthwiseConv2D(3, strides=stride, name=name, **same_size)(values), name)
        name = f"conv_pw_{block}"
        values = finish(kinds.Conv2D(filters // 4, 1, name=name, **same_size)(values), name)
    values = kinds.Reshape((1, 1, 256), name="reshape_1")(kinds.GlobalAveragePooling2D()(values))
    values = kinds.Conv2D(3, 1, padding="same", name="conv_preds")(kinds.Dropout(1e-3, name="dropout")(values))
    values = kinds.Reshape((3,), name="reshape_2")(kinds.Activation("softmax", name="act_softmax")(values))
    checkpoint = to_checkpoint(keras.Model(picture, values), **CARD)
    assert checkpoint.card.spec == Spec(alpha=0.25, resolution=64, num_classes=3, padding="same")


def test_an_open_size_has_to_be_said(keras):
    model = MobileNet(weights=None, alpha=0.25, include_top=False)
    with pytest.raises(UsageError, match="takes pictures of any size; say for which one with resolution="):
        to_checkpoint(model, **CARD)
    assert to_checkpoint(model, resolution=96, **CARD).card.spec.resolution == 96
    fixed = MobileNet(weights=None, **KERAS_SMALL)
    with pytest.raises(UsageError, match="takes pictures of 32 px, received resolution=64"):
        to_checkpoint(fixed, resolution=64, **CARD)


def test_another_network_is_refused(keras):
    picture = keras.Input((32, 32, 3))
    features = MobileNet(weights=None, alpha=0.25, include_top=False, pooling="avg", input_tensor=picture)
    answer = keras.layers.Dense(3, name="mine")(features.output)
    with pytest.raises(CheckpointError, match=r"mine\.bias is not part of the network"):
        to_checkpoint(keras.Model(picture, answer), **CARD)
    with pytest.raises(CheckpointError, match=r"conv1\.kernel is missing"):
        to_checkpoint(keras.Sequential([picture, keras.layers.Flatten()]), **CARD)


def test_a_layer_of_another_kind_is_refused(keras):
    """A rescaling inside the model has no weights and no place in a card."""
    picture = keras.Input((32, 32, 3))
    scaled = keras.layers.Rescaling(0.5)(picture)
    model = MobileNet(weights=None, alpha=0.25, classes=5, input_tensor=scaled)
    with pytest.raises(CheckpointError, match="layer rescaling is a Rescaling"):
        to_checkpoint(model, **CARD)


def test_a_model_that_computes_something_else_is_refused(keras):
    """Pixels in another order: neither weights nor kinds of layers show it, only the model's answers do."""
    picture = keras.Input((64, 64, 3))
    wide = keras.layers.Reshape((32, 128, 3))(picture)
    model = MobileNet(weights=None, alpha=0.25, classes=5, input_tensor=wide)
    with pytest.raises(UsageError, match="answers otherwise than MobileNet v1"):
        to_checkpoint(model, **CARD)


def test_other_numbers_than_float32_are_refused():
    kernel = SimpleNamespace(name="kernel", dtype="bfloat16")
    model = SimpleNamespace(layers=[SimpleNamespace(name="conv1", weights=[kernel])])
    with pytest.raises(UsageError, match=r"conv1\.kernel of the Keras model is bfloat16; a model file holds float32"):
        arrays_of(model, Spec())


def test_labels_must_fit(keras, small):
    with pytest.raises(CheckpointError, match="2 labels for 5 classes"):
        to_checkpoint(from_checkpoint(small), labels=["a", "b"], **CARD)
