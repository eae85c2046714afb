"""preprocess_input and decode_predictions against Keras' own."""

import json

import numpy as np
import pytest

from tinysight.errors import UsageError
from tinysight.labels import imagenet_labels
from tinysight.networks.keras import decode_predictions, preprocess_input
from tinysight.preprocess.scale import scale

# Keras' convert_to_numpy on the PyTorch backend asks torch.Tensor.__array__ for copy=, which PyTorch does not take yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

ALL_BYTES = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "float64"])
def test_preprocess_equals_keras_to_the_bit(keras, dtype):
    pixels = np.concatenate([ALL_BYTES.astype(dtype), np.linspace(0, 255, 1001).astype(dtype)]).reshape(1, 1, -1)
    expected = keras.applications.mobilenet.preprocess_input(pixels.copy())
    ours = preprocess_input(pixels)
    assert ours.dtype == expected.dtype
    assert ours.tobytes() == expected.tobytes()


def test_preprocess_is_what_the_engines_do():
    assert preprocess_input(ALL_BYTES).tobytes() == scale(ALL_BYTES).tobytes()


def test_preprocess_leaves_its_argument_alone():
    pixels = ALL_BYTES.astype(np.float32)
    first, second = preprocess_input(pixels), preprocess_input(pixels)
    assert not np.shares_memory(first, pixels)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(pixels, ALL_BYTES)


def test_preprocess_takes_tensors_and_parts_of_a_model(keras):
    scaled = [
        keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(ALL_BYTES.astype(np.float32))))
        for function in (preprocess_input, keras.applications.mobilenet.preprocess_input)
    ]
    assert scaled[0].tobytes() == scaled[1].tobytes()  # JAX multiplies by 1 / 127.5, so NumPy's last bit may differ
    np.testing.assert_allclose(scaled[0], preprocess_input(ALL_BYTES), rtol=0, atol=2e-7)
    picture = keras.Input((32, 32, 3))
    assert preprocess_input(picture).shape == (None, 32, 32, 3)


@pytest.mark.parametrize("wrong", [[[1, 2, 3]], "elephant.jpg", np.array(["a"])])
def test_preprocess_refuses_what_holds_no_pixels(wrong):
    with pytest.raises(UsageError, match="preprocess_input takes"):
        preprocess_input(wrong)


def test_decode_equals_keras(keras, tmp_path, monkeypatch):
    names = {str(i): [label.wnid, label.keras_name] for i, label in enumerate(imagenet_labels())}
    file = tmp_path / "imagenet_class_index.json"  # test_labels.py proves it equal to Keras' by its hash
    file.write_text(json.dumps(names))
    module = pytest.importorskip("keras.src.applications.imagenet_utils", reason="needs keras")
    monkeypatch.setattr(module.file_utils, "get_file", lambda *_, **__: str(file))
    monkeypatch.setattr(module, "CLASS_INDEX", None)
    rows = np.random.default_rng(5).permutation(3000).reshape(3, 1000).astype(np.float32)  # no ties
    probabilities = rows / rows.sum(axis=1, keepdims=True)
    for top in (1, 5, 1000):
        expected = keras.applications.mobilenet.decode_predictions(probabilities, top=top)
        assert decode_predictions(probabilities, top=top) == expected
    tensor = keras.ops.convert_to_tensor(probabilities)
    assert decode_predictions(tensor) == decode_predictions(probabilities)


def test_decode_has_the_form_of_the_tutorials():
    preds = np.zeros((1, 1000), np.float32)
    preds[0, 386] = 0.75
    assert decode_predictions(preds, 1) == [[("n02504458", "African_elephant", 0.75)]]
    assert type(decode_predictions(preds, 1)[0][0][2]) is np.float32


def test_of_equals_the_lower_index_comes_first():
    preds = np.zeros((2, 1000), np.float32)
    preds[:, [7, 3]] = 1
    wnids = [wnid for wnid, _, _ in decode_predictions(preds, 4)[1]]
    assert wnids == [imagenet_labels()[i].wnid for i in (3, 7, 0, 1)]


@pytest.mark.parametrize("shape", [(1000,), (1, 7), (1, 1001), (1, 1, 1000), (0,)])
def test_decode_refuses_other_shapes(shape):
    with pytest.raises(UsageError, match=r"shape \(pictures, 1000\)"):
        decode_predictions(np.zeros(shape, np.float32))


def test_decode_says_where_a_background_class_sits():
    with pytest.raises(UsageError, match="drop the first column"):
        decode_predictions(np.zeros((1, 1001), np.float32))


@pytest.mark.parametrize("top", [0, -1, 1001, 2.0, True])
def test_decode_refuses_another_top(top):
    with pytest.raises(UsageError, match="top must be"):
        decode_predictions(np.zeros((1, 1000), np.float32), top)


def test_decode_refuses_nan():
    with pytest.raises(UsageError, match="NaN"):
        decode_predictions(np.full((1, 1000), np.nan, np.float32))
