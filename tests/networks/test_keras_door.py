"""Keras is optional: what works without it, and what is said where it is needed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tinysight.errors import MissingExtraError, UsageError
from tinysight.networks import keras as networks_keras

HEAVY = ("keras", "jax", "torch", "tensorflow", "h5py", "requests", "pypi_simple")


def test_importing_the_door_opens_nothing():
    code = (
        "import sys, numpy, tinysight.networks.keras as k;"
        "k.decode_predictions(k.preprocess_input(numpy.zeros((1, 1000), 'float32')), 1);"
        f"loaded = set({HEAVY!r}) & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_only_the_door_names_keras():
    package = Path(networks_keras.__file__).parents[1]
    importing = [p.name for p in package.rglob("*.py") if "import keras\n" in p.read_text(encoding="utf-8")]
    assert importing == ["keras.py"]


@pytest.mark.parametrize("name", ["MobileNet", "from_checkpoint", "to_checkpoint"])
def test_without_keras_the_extra_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    arguments = {
        "MobileNet": ([], {"weights": None}),
        "from_checkpoint": (["x.safetensors"], {}),
        "to_checkpoint": ([None], {"name": "x", "licence": "x", "source": "x"}),
    }
    positional, named = arguments[name]
    with pytest.raises(MissingExtraError, match=r"pip install 'tinysight\[keras\]'"):
        getattr(networks_keras, name)(*positional, **named)


def test_without_a_backend_the_variable_is_named(monkeypatch):
    class NoTensorFlow:
        def find_spec(self, name, *_):
            if name == "keras":
                raise ModuleNotFoundError("No module named 'tensorflow'", name="tensorflow")

    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoTensorFlow(), *sys.meta_path])
    with pytest.raises(UsageError, match="tensorflow is not installed; set the environment variable KERAS_BACKEND"):
        networks_keras.MobileNet(weights=None)


def test_channels_first_is_refused(keras, monkeypatch):
    monkeypatch.setattr(keras.config, "image_data_format", lambda: "channels_first")
    with pytest.raises(UsageError, match=r"channels_last only.*received 'channels_first'"):
        networks_keras.MobileNet(weights=None)


def test_the_public_names():
    assert sorted(networks_keras.__all__) == [
        "MobileNet",
        "decode_predictions",
        "from_checkpoint",
        "preprocess_input",
        "to_checkpoint",
    ]
