"""Files that a real Keras wrote, and our files read by it; on any backend."""

import warnings

import numpy as np
import pytest

from tinysight.export import write_keras_h5
from tinysight.importers import import_file

h5py = pytest.importorskip("h5py", reason="needs h5py")


@pytest.fixture(scope="module")
def keras():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Keras and its backends while they load
        return pytest.importorskip("keras", reason="needs keras", exc_type=ImportError)


def build(keras, fields):
    options = {"alpha": fields["alpha"], "depth_multiplier": fields.get("depth_multiplier", 1), "weights": None}
    options |= {"classes": fields["num_classes"]} if fields.get("include_top", True) else {"include_top": False}
    side = fields.get("resolution", 224)
    return keras.applications.MobileNet(input_shape=(side, side, 3), **options)


def values(model):
    return [np.asarray(weight) for layer in model.layers for weight in layer.get_weights()]


CASES = [
    {"alpha": 0.25, "num_classes": 7, "resolution": 96},
    {"alpha": 0.35, "num_classes": 7, "resolution": 97},
    {"alpha": 0.35, "include_top": False, "depth_multiplier": 2, "resolution": 64},
]


@pytest.mark.parametrize("fields", CASES)
@pytest.mark.filterwarnings("ignore")  # Keras calls its own .h5 format legacy, and its backends have warnings of theirs
def test_ours_to_keras_to_ours(keras, tmp_path, make_checkpoint, fields):
    checkpoint = make_checkpoint(**fields)
    wanted = [array.tobytes() for array in checkpoint.arrays.values()]
    write_keras_h5(tmp_path / "ours.h5", checkpoint)
    model = build(keras, fields)
    model.load_weights(tmp_path / "ours.h5")
    assert [value.tobytes() for value in values(model)] == wanted

    model.save_weights(tmp_path / "theirs.weights.h5")
    model.save(tmp_path / "full.h5")
    for name, resolution in (("theirs.weights.h5", 224), ("full.h5", fields["resolution"])):
        imported = import_file(tmp_path / name)
        assert [array.tobytes() for array in imported.arrays.values()] == wanted, name
        assert imported.spec == make_checkpoint(**{**fields, "resolution": resolution}).card.spec
    # The names beside the arrays appeared in later versions; without them the order of the classes counts.
    with h5py.File(tmp_path / "theirs.weights.h5", "a") as root:
        for group in root["layers"].values():
            group["vars"].attrs.pop("name", None)
    imported = import_file(tmp_path / "theirs.weights.h5")
    assert [array.tobytes() for array in imported.arrays.values()] == wanted
