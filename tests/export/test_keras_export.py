"""``.keras`` archives: opened by Keras alone they give our answers; the same model gives the same bytes."""

import io
import json
import subprocess
import sys
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from integer_models import with_probes
from lively_models import lively, pictures

from tinysight.checkpoint import Checkpoint, write_checkpoint
from tinysight.checkpoint.card import card_from_json
from tinysight.cli import run
from tinysight.engines import open_engine
from tinysight.errors import CheckpointError, EngineError, GateError, MissingExtraError, UsageError
from tinysight.export import FORMATS, ExportOptions, export_model, report_path
from tinysight.export.keras import keras_bytes, open_keras
from tinysight.importers import import_file
from tinysight.labels import Label, softmax
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Spec

pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras and its backends
LABELS = tuple(Label(None, name) for name in ("sun flower", "rose", "tulip"))
CARD = "tinysight.card.json"
# Keras without a line of ours: what it is told is the file, pictures and scores.
ALONE = """
import sys, numpy, keras
model = keras.models.load_model(sys.argv[1])
given = model.predict(numpy.load(sys.argv[2]), verbose=0)
numpy.save(sys.argv[3], given)
assert not [name for name in sys.modules if name.startswith("tinysight")]
"""


@pytest.fixture(scope="module")
def model():
    made = with_probes(lively(Spec(alpha=0.25, resolution=64, num_classes=3)))
    return replace(made, card=replace(made.card, labels=LABELS))


def ours(model, images):
    return open_engine(model, precision="float32", threads=1).run(images).logits


def assert_ours(found, wanted):
    np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1, np.abs(wanted).max() / 16))


@pytest.mark.parametrize(
    "fields",
    [
        {"resolution": 97, "padding": "same"},
        {"resolution": 65, "padding": "symmetric", "bn_epsilon": 1e-5},
        {"resolution": 64, "depth_multiplier": 2, "dropout": 0.5},
    ],
)
def test_every_padding_and_epsilon_gives_our_answers_and_comes_back(keras, tmp_path, fields):
    made = lively(Spec(alpha=0.25, num_classes=3, **fields))
    images = np.stack(pictures(made.card.spec, 5))
    data = keras_bytes(made, ExportOptions())
    assert_ours(open_keras(data).run(images), ours(made, images))
    (tmp_path / "a.keras").write_bytes(data)
    back = import_file(tmp_path / "a.keras")
    assert back.card == made.card
    assert all(np.array_equal(back.arrays[name], array) for name, array in made.arrays.items())


@pytest.mark.slow  # JAX compiles Keras' initialiser for every new shape
def test_keras_opens_it_without_us(keras, model, tmp_path):
    export_model(model, "keras", tmp_path / "a.keras")
    images = np.stack(pictures(model.card.spec, 4))
    np.save(tmp_path / "in.npy", (images / 127.5 - 1).astype(np.float32))
    files = [str(tmp_path / name) for name in ("a.keras", "in.npy", "out.npy")]
    subprocess.run([sys.executable, "-c", ALONE, *files], check=True)
    assert_ours(np.load(tmp_path / "out.npy"), ours(model, images))


def test_probabilities_are_the_softmax_of_the_logits(keras, model, tmp_path):
    images = np.stack(pictures(model.card.spec, 4))
    logits, scores = (open_keras(keras_bytes(model, ExportOptions(probabilities=one))) for one in (False, True))
    assert scores.probabilities and not logits.probabilities
    np.testing.assert_allclose(scores.run(images), softmax(logits.run(images)), atol=1e-6)
    parity = export_model(model, "keras", tmp_path / "a.keras", ExportOptions(probabilities=True))
    assert parity.largest_difference < 1e-4
    assert parity.labels_equal is True
    assert json.loads(report_path(tmp_path / "a.keras").read_text())["runtime"].startswith("Keras 3.")


def test_the_same_model_gives_the_same_bytes(keras, model):
    data = keras_bytes(model, ExportOptions())
    keras.Input((8,))  # counts a name up
    assert keras_bytes(model, ExportOptions()) == data


def test_what_is_inside(keras, model):
    with zipfile.ZipFile(io.BytesIO(keras_bytes(model, ExportOptions()))) as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5", CARD]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert card_from_json(archive.read(CARD).decode()) == model.card
        config = archive.read("config.json").decode()
        kinds = {layer["class_name"] for layer in json.loads(config)["config"]["layers"]}
        size = len(archive.read("model.weights.h5"))
    assert "shared_object_id" not in config
    assert kinds == {
        *("InputLayer", "ZeroPadding2D", "Conv2D", "DepthwiseConv2D", "BatchNormalization", "ReLU"),
        *("GlobalAveragePooling2D", "Dropout", "Reshape", "Activation"),
    }
    weights = sum(array.nbytes for array in model.arrays.values())
    assert weights < size < weights + (300 << 10)  # HDF5's own tables, by layer and array


def _faults():
    def damaged(model):
        arrays = {name: array.copy() for name, array in model.arrays.items()}
        arrays["conv_pw_7.kernel"].flat[11] += 0.5
        return Checkpoint(model.card, arrays)

    def swapped(model):
        arrays = {name: array.copy() for name, array in model.arrays.items()}
        arrays["conv_dw_3.kernel"] = arrays["conv_dw_3.kernel"][:, :, ::-1]
        return Checkpoint(model.card, arrays)

    def shifted(model):
        return replace(model, card=replace(model.card, labels=(*LABELS[1:], LABELS[0])))

    return {"a damaged weight": damaged, "swapped channels": swapped, "shifted labels": shifted}


@pytest.mark.parametrize("fault", _faults())
def test_the_gate_refuses(keras, model, tmp_path, monkeypatch, fault):
    wrong = keras_bytes(_faults()[fault](model), ExportOptions())
    monkeypatch.setitem(FORMATS, "keras", FORMATS["keras"]._replace(make=lambda *_: wrong))
    with pytest.raises(GateError):
        export_model(model, "keras", tmp_path / "a.keras")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + bytes(18), b"no archive"])
def test_other_files_are_not_opened(keras, data):
    with pytest.raises(EngineError, match="Keras does not open the file"):
        open_keras(data)


def test_what_keras_cannot_be_is_refused(keras, model, int8_only, make_checkpoint, tmp_path):
    spec = model.card.spec
    ranged = replace(model.card, recipe=Recipe(spec.resolution, value_range=(0, 1)), probes=())
    target = tmp_path / "a.keras"
    with pytest.raises(UsageError, match=r"takes pixels of 0\.\.1"):
        export_model(Checkpoint(ranged, model.arrays), "keras", target)
    with pytest.raises(CheckpointError, match="needs float32 weights"):
        export_model(int8_only, "keras", target)
    for options, message in (
        (ExportOptions("int8"), "keras holds float32, received precision int8"),
        (ExportOptions("float16"), "keras holds float32"),
        (ExportOptions(pixels=True), "keras has no --input"),
        (ExportOptions(batch=None), "keras has no --batch"),
    ):
        with pytest.raises(UsageError, match=message):
            export_model(model, "keras", target, options)
    assert not list(tmp_path.iterdir())


def test_a_model_without_a_head_is_refused(make_checkpoint):
    with pytest.raises(UsageError, match="has no head"):
        keras_bytes(make_checkpoint(alpha=0.25, resolution=32, include_top=False), ExportOptions())


def test_without_the_package_the_extra_is_named(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(MissingExtraError, match=r"tinysight\[keras\]"):
        export_model(model, "keras", tmp_path / "a.keras")
    with pytest.raises(MissingExtraError, match=r"tinysight\[keras\]"):
        open_keras(b"")


def test_the_verb(keras, model, tmp_path, capsys):
    write_checkpoint(tmp_path / "m.safetensors", model)
    target = tmp_path / "m.keras"
    command = ["export", "--model", str(tmp_path / "m.safetensors"), "-f", "keras", "-o", str(target), "--json"]
    assert run([*command, "--scores", "probabilities"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["bytes"] == target.stat().st_size
    assert printed["parity"]["same_precision_agreement"] == 1
