"""Weights into Keras: every file that ``weights=`` takes."""

from dataclasses import replace

import numpy as np
import pytest
from keras_helpers import CARD, KERAS_SMALL, SMALL, held, same

from tinysight.checkpoint import Checkpoint, write_checkpoint
from tinysight.engines import open_engine
from tinysight.errors import CheckpointError, UsageError
from tinysight.export.keras_h5 import write_keras_h5
from tinysight.importers import import_file
from tinysight.networks.keras import MobileNet, from_checkpoint, preprocess_input, to_checkpoint
from tinysight.preprocess.recipe import Recipe

# keras.Model.predict on the PyTorch backend asks torch.Tensor.__array__ for copy=, which PyTorch does not take yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_our_file_in_keras_gives_the_reference_answer(keras, small, tmp_path):
    file = tmp_path / "small.safetensors"
    write_checkpoint(file, small)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    expected = open_engine(small, "reference").run(pictures).logits
    for model in (
        from_checkpoint(file, classifier_activation=None),
        MobileNet(weights=file, classifier_activation=None, **KERAS_SMALL),
        MobileNet(weights=str(file), classifier_activation=None, **KERAS_SMALL),
    ):
        assert same(held(model), small.arrays)
        np.testing.assert_allclose(model.predict(preprocess_input(pictures), verbose=0), expected, rtol=0, atol=2e-5)


def test_load_weights_of_keras_reads_what_we_export(keras, small, tmp_path):
    file = tmp_path / "mobilenet_2_5_32_tf.h5"
    write_keras_h5(file, small)
    for build in (MobileNet, keras.applications.MobileNet):
        model = build(weights=None, **KERAS_SMALL)
        model.load_weights(file)
        assert same(held(model), small.arrays)
    assert same(held(MobileNet(weights=file, **KERAS_SMALL)), small.arrays)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")  # that this layout is old is known
@pytest.mark.parametrize("name", ["x.weights.h5", "x.h5"])
def test_files_that_keras_writes_come_back(keras, small, tmp_path, name):
    file = tmp_path / name
    model = from_checkpoint(small)
    (model.save_weights if name.endswith(".weights.h5") else model.save)(file)
    assert same(import_file(file).arrays, small.arrays)
    assert same(held(MobileNet(weights=file, **KERAS_SMALL)), small.arrays)


def test_the_native_archive_of_keras_goes_through_the_model(keras, small, tmp_path):
    file = tmp_path / "x.keras"
    from_checkpoint(small).save(file)
    assert same(to_checkpoint(keras.saving.load_model(file), **CARD).arrays, small.arrays)
    assert same(held(MobileNet(weights=file, **KERAS_SMALL)), small.arrays)


def test_without_a_head_the_files_head_is_left_out(keras, small, tmp_path):
    file = tmp_path / "small.safetensors"
    write_checkpoint(file, small)
    model = MobileNet(weights=file, alpha=0.25, include_top=False)
    assert same(held(model), {name: a for name, a in small.arrays.items() if not name.startswith("conv_preds")})
    assert model.output_shape == (None, None, None, 256)


def test_the_epsilon_comes_with_the_weights(keras, make_checkpoint, tmp_path):
    file = tmp_path / "small.safetensors"
    write_checkpoint(file, make_checkpoint(**SMALL, bn_epsilon=1e-5))
    assert MobileNet(weights=file, **KERAS_SMALL).get_layer("conv1_bn").epsilon == 1e-5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.5}, "holds a network of alpha=0.25, depth_multiplier=1, classes=5; asked for alpha=0.5"),
        ({"classes": 6}, "asked for alpha=0.25, depth_multiplier=1, classes=6"),
        ({"depth_multiplier": 2}, "asked for alpha=0.25, depth_multiplier=2"),
        ({"padding": "symmetric"}, "trained with padding='keras', asked for padding='symmetric'"),
        ({"classifier_activation": "sigmoid"}, "with weights, classifier_activation must be None or 'softmax'"),
    ],
    ids=str,
)
def test_weights_of_another_network_are_refused(keras, checkpoint_of_five, options, message):
    with pytest.raises(UsageError, match=message):
        MobileNet(weights=checkpoint_of_five, **KERAS_SMALL | options)


@pytest.fixture
def checkpoint_of_five(small, tmp_path):
    file = tmp_path / "five.safetensors"
    write_checkpoint(file, small)
    return file


def test_weights_for_another_range_of_pixels_are_refused(keras, small, tmp_path):
    card = replace(small.card, recipe=Recipe(32, value_range=(0.0, 1.0)))
    file = tmp_path / "range.safetensors"
    write_checkpoint(file, Checkpoint(card, small.arrays))
    with pytest.raises(UsageError, match=r"range\.safetensors takes pixels of 0\.\.1; preprocess_input gives -1\.\.1"):
        MobileNet(weights=file, **KERAS_SMALL)
    with pytest.raises(UsageError, match=r"model \S+ takes pixels of 0\.\.1; preprocess_input gives -1\.\.1"):
        from_checkpoint(file)


@pytest.mark.parametrize(("resolution", "accepted"), [(64, True), (33, False)])
def test_padding_may_differ_only_in_name(keras, make_checkpoint, tmp_path, resolution, accepted):
    file = tmp_path / "same.safetensors"
    write_checkpoint(file, make_checkpoint(alpha=0.25, resolution=resolution, num_classes=5, padding="same"))
    options = {"alpha": 0.25, "input_shape": (resolution, resolution, 3), "classes": 5, "weights": file}
    MobileNet(**options, padding="same")
    if accepted:
        MobileNet(**options)
    else:
        with pytest.raises(UsageError, match="trained with padding='same', asked for padding='keras'"):
            MobileNet(**options)


def test_a_file_without_a_head_is_refused_where_one_is_asked_for(keras, make_checkpoint, tmp_path):
    file = tmp_path / "headless.safetensors"
    write_checkpoint(file, make_checkpoint(alpha=0.25, resolution=32, include_top=False))
    with pytest.raises(UsageError, match=r"include_top=False; asked for alpha=0\.25, depth_multiplier=1, classes=5"):
        MobileNet(weights=file, **KERAS_SMALL)


@pytest.mark.parametrize("weights", ["imagenet21k", "nowhere.h5", 7, b"imagenet", True])
def test_other_weights_are_refused_with_what_is_accepted(keras, weights):
    with pytest.raises(UsageError, match="weights must be None, 'imagenet' or an existing file"):
        MobileNet(weights=weights, **KERAS_SMALL)


def test_a_damaged_file_is_refused(keras, checkpoint_of_five):
    data = bytearray(checkpoint_of_five.read_bytes())
    data[-1] ^= 1
    checkpoint_of_five.write_bytes(data)
    with pytest.raises(CheckpointError, match="damaged"):
        MobileNet(weights=checkpoint_of_five, **KERAS_SMALL)
