"""Keras' legacy layout, written: exact, atomic, the same bytes each time, and refused where Keras would misread it."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from graph_writer import slim_graph

from tinysight.checkpoint import Card, Checkpoint, read_checkpoint, write_checkpoint
from tinysight.errors import CheckpointError, MissingExtraError, UsageError
from tinysight.export import FORMATS, export_model, write_keras_h5
from tinysight.importers import import_file
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import array_shapes

h5py = pytest.importorskip("h5py", reason="needs h5py")


def as_checkpoint(imported) -> Checkpoint:
    recipe = Recipe(resolution=imported.spec.resolution)
    card = Card(imported.spec.name, imported.spec, recipe, None, imported.licence, imported.source)
    return Checkpoint(card, imported.arrays)


def raw(path):
    """Layer names, weight names and bytes of a Keras file, read with nothing of ours."""
    with h5py.File(path, "r") as root:
        layers = [name.decode() for name in root.attrs["layer_names"]]
        weights = {layer: [name.decode() for name in root[layer].attrs["weight_names"]] for layer in layers}
        values = {name: root[layer][name][()] for layer, names in weights.items() for name in names}
    return weights, values


@pytest.mark.parametrize(
    "fields",
    [
        {"alpha": 0.25, "num_classes": 7, "resolution": 160},
        {"alpha": 0.35, "include_top": False, "depth_multiplier": 2, "resolution": 97},
        {"alpha": 0.25, "num_classes": 7, "padding": "same"},  # equal to Keras' padding while the sides are even
    ],
)
def test_round_trip_is_bitwise(tmp_path, make_checkpoint, fields):
    checkpoint = make_checkpoint(**fields)
    write_keras_h5(tmp_path / "a.h5", checkpoint)
    imported = import_file(tmp_path / "a.h5")
    assert imported.spec == make_checkpoint(**{**fields, "padding": "keras"}).card.spec
    assert {n: a.tobytes() for n, a in imported.arrays.items()} == {
        n: a.tobytes() for n, a in checkpoint.arrays.items()
    }
    write_keras_h5(tmp_path / "b.h5", as_checkpoint(imported))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_from_a_graph_through_our_format_to_keras_and_back(tmp_path, make_checkpoint):
    original = make_checkpoint(alpha=0.25, resolution=64, num_classes=1000, padding="same")
    background = np.arange(257, dtype=np.float32)
    (tmp_path / "graph.pb").write_bytes(slim_graph(original.card.spec, original.arrays, background=background))
    write_checkpoint(tmp_path / "ours.safetensors", as_checkpoint(import_file(tmp_path / "graph.pb")))
    write_keras_h5(tmp_path / "keras.h5", read_checkpoint(tmp_path / "ours.safetensors"))
    _, values = raw(tmp_path / "keras.h5")
    assert [value.tobytes() for value in values.values()] == [a.tobytes() for a in original.arrays.values()]


def test_names_are_those_of_keras(tmp_path, make_checkpoint):
    checkpoint = make_checkpoint(alpha=0.25, num_classes=7)
    write_keras_h5(tmp_path / "a.h5", checkpoint)
    weights, values = raw(tmp_path / "a.h5")
    assert list(weights)[:5] == ["conv1", "conv1_bn", "conv_dw_1", "conv_dw_1_bn", "conv_pw_1"]
    assert list(weights)[-3:] == ["conv_pw_13", "conv_pw_13_bn", "conv_preds"]
    assert weights["conv1"] == ["conv1/kernel:0"]
    assert weights["conv_dw_13"] == ["conv_dw_13/depthwise_kernel:0"]
    assert weights["conv1_bn"] == [f"conv1_bn/{p}:0" for p in ("gamma", "beta", "moving_mean", "moving_variance")]
    assert weights["conv_preds"] == ["conv_preds/kernel:0", "conv_preds/bias:0"]
    assert [value.shape for value in values.values()] == list(array_shapes(checkpoint.card.spec).values())


@pytest.mark.parametrize(
    ("fields", "name", "words"),
    [
        ({"padding": "symmetric"}, "a.h5", "symmetric"),
        ({"padding": "same", "resolution": 97}, "a.h5", "at 97 px"),
        ({"bn_epsilon": 1e-5}, "a.h5", "1e-05"),
        ({}, "a.weights.h5", "another layout"),
        ({}, "a.keras", r"should end in \.h5"),
    ],
)
def test_what_keras_would_misread_is_refused(tmp_path, make_checkpoint, fields, name, words):
    with pytest.raises(UsageError, match=words):
        write_keras_h5(tmp_path / name, make_checkpoint(alpha=0.25, num_classes=7, **fields))
    assert list(tmp_path.iterdir()) == []


def test_another_range_of_pixels_is_refused(tmp_path, make_checkpoint):
    checkpoint = make_checkpoint(alpha=0.25, num_classes=7)
    card = replace(checkpoint.card, recipe=Recipe(checkpoint.card.spec.resolution, value_range=(0, 1)))
    with pytest.raises(UsageError, match=r"pixels of 0\.\.1; .* gives -1\.\.1"):
        write_keras_h5(tmp_path / "a.h5", Checkpoint(card, checkpoint.arrays))
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path, make_checkpoint, monkeypatch):
    checkpoint = make_checkpoint(alpha=0.25, num_classes=7)
    target = tmp_path / "a.h5"
    target.write_bytes(b"old")
    broken = Checkpoint(checkpoint.card, {**checkpoint.arrays, "conv1.kernel": np.full((3, 3, 3, 8), np.nan, "f4")})
    with pytest.raises(CheckpointError, match=r"conv1\.kernel"):
        write_keras_h5(target, broken)

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(CheckpointError, match=r"cannot write .*a\.h5: No space left"):
        write_keras_h5(target, checkpoint)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    assert target.read_bytes() == b"old"


def test_a_missing_folder_and_a_missing_package_are_named(tmp_path, make_checkpoint, monkeypatch):
    checkpoint = make_checkpoint(alpha=0.25, num_classes=7)
    with pytest.raises(CheckpointError, match=r"cannot write .*nowhere"):
        write_keras_h5(tmp_path / "nowhere" / "a.h5", checkpoint)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"tinysight\[h5\]"):
        write_keras_h5(tmp_path / "a.h5", checkpoint)


def test_export_model_knows_its_formats(tmp_path, make_checkpoint):
    checkpoint = make_checkpoint(alpha=0.25, num_classes=7)
    export_model(checkpoint, "keras-h5", tmp_path / "a.h5")
    assert (tmp_path / "a.h5").stat().st_size > 800_000
    with pytest.raises(UsageError, match=f"unknown export format 'keras2'; known: {', '.join(FORMATS)}"):
        export_model(checkpoint, "keras2", tmp_path / "b.h5")


def test_the_verb(tmp_path, checkpoint_file, capfd):
    from tinysight.cli import run

    target = tmp_path / "out.h5"
    arguments = ["export", "--model", str(checkpoint_file), "--format", "keras-h5", "--output", str(target)]
    assert run([*arguments, "--json"]) == 0
    written = json.loads(capfd.readouterr().out)
    assert written == {
        "model": "mobilenet_v1_0.25_32",
        "format": "keras-h5",
        "precision": "float32",
        "output": str(target),
        "bytes": target.stat().st_size,
        "parity": None,
    }
    arrays = read_checkpoint(checkpoint_file).arrays
    assert [v.tobytes() for v in raw(target)[1].values()] == [a.tobytes() for a in arrays.values()]
    assert import_file(target).spec.resolution == 32
    assert run(arguments) == 2
    assert "already there; pass --force" in capfd.readouterr().err
    assert run([*arguments, "--force"]) == 0
    assert "wrote" in capfd.readouterr().out
    assert run([*arguments[:4], "onnx2", *arguments[5:], "--force"]) == 2
    assert "keras-h5" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["mobilenet_2_5_224_from_tfjs.h5", "mobilenet_7_5_224_from_tfjs.h5"])
def test_shared_keras_files_go_through_our_format_unchanged(shared, tmp_path, name):
    original = shared / "weights" / name
    write_checkpoint(tmp_path / "ours.safetensors", as_checkpoint(import_file(original)))
    write_keras_h5(tmp_path / "again.h5", read_checkpoint(tmp_path / "ours.safetensors"))
    weights, values = raw(tmp_path / "again.h5")
    original_weights, original_values = raw(original)
    assert list(weights) == list(original_weights)
    assert weights == original_weights
    assert list(values) == list(original_values)
    assert all(values[n].dtype == original_values[n].dtype == np.float32 for n in values)
    assert {n: v.tobytes() for n, v in values.items()} == {n: v.tobytes() for n, v in original_values.items()}
    assert len(values) == 137
