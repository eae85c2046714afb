"""The released weights in Keras: which are asked for, and that Keras and tinysight then say the same."""

import csv
from pathlib import Path

import numpy as np
import pytest

import tinysight.models
from tinysight.classify import Classifier
from tinysight.errors import UsageError
from tinysight.networks.keras import MobileNet, decode_predictions, preprocess_input
from tinysight.networks.keras_state import assign, variables_by_name
from tinysight.spec import spec_from_name

# keras.Model.predict on the PyTorch backend asks torch.Tensor.__array__ for copy=, which PyTorch does not take yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


@pytest.fixture
def released(keras, make_checkpoint, monkeypatch):
    """Stand in for the store; the list holds the names that were asked for."""
    asked = []

    def open_model(name, *, precision):
        assert precision == "float32"
        asked.append(name)
        return make_checkpoint(**spec_from_name(name).to_dict())

    monkeypatch.setattr(tinysight.models, "open_model", open_model)
    return asked


@pytest.mark.parametrize(
    ("options", "name", "keras_name"),
    [
        ({"alpha": 0.25}, "mobilenet_v1_0.25_224", "mobilenet_0.25_224"),
        ({"alpha": 0.25, "input_shape": (160, 160, 3)}, "mobilenet_v1_0.25_160", "mobilenet_0.25_160"),
        ({"alpha": 0.25, "include_top": False}, "mobilenet_v1_0.25_224", "mobilenet_0.25_224"),
        (
            {"alpha": 0.25, "include_top": False, "input_shape": (128, 128, 3), "pooling": "avg"},
            "mobilenet_v1_0.25_128",
            "mobilenet_0.25_128",
        ),
    ],
    ids=str,
)
def test_the_weights_of_this_alpha_and_size(released, make_checkpoint, options, name, keras_name):
    model = MobileNet(**options)
    assert released == [name]
    assert model.name == keras_name
    arrays = make_checkpoint(**spec_from_name(name).to_dict()).arrays
    for variable_name, variable in variables_by_name(model).items():
        np.testing.assert_array_equal(variable.numpy(), arrays[variable_name])


def test_a_size_without_weights_says_whose_it_takes(released):
    with pytest.warns(UserWarning, match="no weights were released for 200 x 128 pixels: using those of 224") as caught:
        model = MobileNet(alpha=0.25, include_top=False, input_shape=(200, 128, 3))
    assert caught[0].filename == __file__
    assert released == ["mobilenet_v1_0.25_224"]
    assert (model.name, model.output_shape) == ("mobilenet_0.25_224", (None, 6, 4, 256))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 0.35}, "exist for alpha 1.0, 0.75, 0.5, 0.25"),
        ({"depth_multiplier": 2}, "depth_multiplier 1 and 1000 classes; received alpha=1.0, depth_multiplier=2"),
        ({"classes": 10}, "received alpha=1.0, depth_multiplier=1, classes=10"),
        ({"input_shape": (200, 200, 3)}, r"input_shapes \(224, 224, 3\), .*received \(200, 200, 3\)"),
        ({"input_shape": (224, 192, 3)}, r"received \(224, 192, 3\)"),
        ({"classifier_activation": "sigmoid"}, "must be None or 'softmax'"),
        ({"padding": "symmetric"}, "asked for padding='symmetric'"),
    ],
    ids=str,
)
def test_what_was_never_released_is_refused(released, options, message):
    with pytest.raises(UsageError, match=message):
        MobileNet(**options)


# ---------------------------------------------------------------- with the real weights


@pytest.fixture
def offline(real_checkpoint, monkeypatch):
    monkeypatch.setenv("TINYSIGHT_OFFLINE", "1")  # the fixture has put the weights into the cache
    return real_checkpoint


@pytest.mark.parametrize(("alpha", "name"), [(0.25, "mobilenet_2_5_224"), (0.75, "mobilenet_7_5_224")])
def test_a_file_in_the_layout_of_keras_loads_both_ways(keras, shared, alpha, name):
    file = shared / "weights" / f"{name}_from_tfjs.h5"
    if not file.is_file():
        pytest.skip(f"needs ../shared/weights/{file.name}")
    ours, theirs = MobileNet(alpha=alpha, weights=file), keras.applications.MobileNet(alpha=alpha, weights=None)
    theirs.load_weights(file)
    expected = variables_by_name(theirs)
    for variable_name, variable in variables_by_name(ours).items():
        np.testing.assert_array_equal(variable.numpy(), expected[variable_name].numpy())


@pytest.mark.weights
def test_the_tutorials_lines(keras, offline):
    picture = Path(__file__).parents[2] / "examples" / "traffic_light.jpg"
    model = MobileNet(input_shape=(224, 224, 3))
    image = keras.utils.load_img(picture, target_size=(224, 224))
    images = preprocess_input(np.expand_dims(keras.utils.img_to_array(image), axis=0))
    preds = model.predict(images, verbose=0)
    assert np.argmax(preds) == 920
    [[(wnid, name, probability)]] = decode_predictions(preds, 1)
    assert (wnid, name) == ("n06874185", "traffic_light")
    assert probability > 0.9


@pytest.mark.weights
@pytest.mark.slow
def test_keras_and_tinysight_name_500_photographs_alike(keras, offline, shared, capsys):
    folder = shared / "data" / "imagenet_sample"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/imagenet_sample")
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        files = [folder / row["file"] for row in csv.DictReader(file)]
    assert len(files) == 500
    theirs = keras.applications.MobileNet(weights=None, classifier_activation=None)
    assign(theirs, offline.arrays)
    ours = MobileNet(weights="imagenet", classifier_activation=None)
    classifier = Classifier(offline, recipe="keras", precision="float32")

    same, largest = 0, {"ours in Keras": 0.0, "tinysight": 0.0}
    for start in range(0, len(files), 50):
        batch = files[start : start + 50]
        pictures = [keras.utils.load_img(file, target_size=(224, 224)) for file in batch]
        pixels = np.stack([keras.utils.img_to_array(picture) for picture in pictures])
        expected = theirs.predict(keras.applications.mobilenet.preprocess_input(pixels.copy()), verbose=0)
        answers = {
            "ours in Keras": ours.predict(preprocess_input(pixels), verbose=0),
            "tinysight": classifier.run(batch).logits,
        }
        best = expected.argmax(axis=1)
        same += sum((best == answers["ours in Keras"].argmax(axis=1)) & (best == answers["tinysight"].argmax(axis=1)))
        for name, answer in answers.items():
            largest[name] = max(largest[name], float(np.abs(answer - expected).max()))
    with capsys.disabled():
        print(f"\nlargest difference of a logit from keras.applications.MobileNet: {largest}")
    assert same == 500
    assert max(largest.values()) < 1e-4
