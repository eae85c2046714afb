"""The recipe ``keras`` gives what Keras gives: with Keras where it is installed, and by a recorded hash always."""

import hashlib

import numpy as np
import pytest
from picture_makers import gradient, saved

from tinysight.preprocess import decode, prepare, recipe_named, scale

SIZES = [(1, 1), (333, 500), (500, 333), (97, 4000), (224, 224), (61, 59)]
RESOLUTIONS = [224, 128, 97]
# sha256 over the network's inputs that keras.utils.load_img(target_size=...) and preprocess_input of Keras 3.15.1
# gave for the PNG files below, in this order.
KERAS_HASH = "34bde3b3d874e44a3004225db8c16f9619490677e3c0a659531471fec0c45da6"


def texture(height: int, width: int) -> np.ndarray:
    """A picture in which each pixel differs from its neighbours, so that a wrong choice shows."""
    return gradient(height, width) ^ np.arange(height * width * 3).reshape(height, width, 3).astype(np.uint8)


def ours(data: bytes, resolution: int) -> np.ndarray:
    recipe = recipe_named("keras", resolution)
    return scale(prepare(decode(data, wanted_px=recipe.wanted_px), recipe))


def test_recorded_inputs():
    digest = hashlib.sha256()
    for size in SIZES:
        for resolution in RESOLUTIONS:
            digest.update(ours(saved(texture(*size), "PNG"), resolution).tobytes())
    assert digest.hexdigest() == KERAS_HASH


@pytest.mark.parametrize("resolution", RESOLUTIONS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_equal_to_keras_to_the_bit(kind, size, resolution, tmp_path):
    keras = pytest.importorskip("keras", reason="needs keras")
    path = tmp_path / f"picture.{kind}"
    path.write_bytes(saved(texture(*size), kind))
    loaded = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(resolution, resolution)))
    theirs = keras.applications.mobilenet.preprocess_input(loaded)
    assert ours(path.read_bytes(), resolution).tobytes() == theirs.astype(np.float32).tobytes()


def test_every_photograph_equal_to_keras(shared):
    keras = pytest.importorskip("keras", reason="needs keras")
    for path in sorted((shared / "data" / "imagenet_sample").glob("*.JPEG")):
        loaded = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(224, 224)))
        theirs = keras.applications.mobilenet.preprocess_input(loaded)
        assert ours(path.read_bytes(), 224).tobytes() == theirs.tobytes(), path.name
