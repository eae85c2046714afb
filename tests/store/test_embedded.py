"""The model that the package carries: opened without network, cache or download, and told from the fetched one."""

import json
from dataclasses import replace

import numpy as np
import pytest
from integer_models import in_both, in_int8
from store_helpers import random_model

from tinysight.checkpoint import Checkpoint, arrays_sha256, read_checkpoint, write_checkpoint
from tinysight.classify import Classifier
from tinysight.cli import run
from tinysight.errors import CheckpointError, EngineError, StoreError, UsageError
from tinysight.labels import imagenet_labels
from tinysight.models import open_model, opening, verify, verifying
from tinysight.models.opening import embedded_file
from tinysight.models.released import released
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import DEFAULT_MODEL, Spec
from tinysight.store import Settings

NOWHERE = Settings(cache=None, offline=True)
SMALL = Spec(alpha=0.25, resolution=32, num_classes=7)


def test_the_packages_own_file_is_what_the_list_pins():
    """Changing the file or the list alone turns this red; tools/make_embedded.py makes the file."""
    if not opening.EMBEDDED.is_file():
        pytest.skip("needs the package's own model, which this source tree does not hold")
    model, release = read_checkpoint(opening.EMBEDDED), released(DEFAULT_MODEL)
    assert arrays_sha256(model.numbers()) == release.int8_sha256, "assets/weights.toml: int8_sha256"
    card = model.card
    assert (card.name, replace(card.spec, padding="keras")) == (DEFAULT_MODEL, replace(release.spec, padding="keras"))
    assert (card.licence, card.labels, card.recipe) == ("Apache-2.0", imagenet_labels(), Recipe())
    assert model.precisions == ("int8",) and len(card.probes) == 2
    assert opening.EMBEDDED.stat().st_size < 4_600_000
    result = verify(DEFAULT_MODEL, Settings(cache=None))
    assert result.pinned and result.probe_difference < 1e-6


@pytest.fixture
def asset(tmp_path, monkeypatch):
    """A small model in the place of the package's own."""
    path = tmp_path / "package" / "own.safetensors"
    path.parent.mkdir()
    write_checkpoint(path, in_int8(random_model(SMALL)))
    monkeypatch.setattr(opening, "EMBEDDED", path)
    return path


@pytest.fixture
def no_asset(tmp_path, monkeypatch):
    monkeypatch.setattr(opening, "EMBEDDED", tmp_path / "absent.safetensors")


@pytest.mark.parametrize("precision", ["auto", "int8"])
@pytest.mark.parametrize("name", [DEFAULT_MODEL, "mobilenet_1.00_224", "mobilenet_1_0_224_tf"])
def test_the_default_model_opens_with_nothing_but_the_package(asset, name, precision):
    model = open_model(name, NOWHERE, precision=precision)
    assert model.precisions == ("int8",) and model.card.spec == SMALL


@pytest.mark.parametrize("precision", ["float32", "int16"])
def test_its_float_weights_are_fetched(asset, precision):
    with pytest.raises(StoreError, match="is not in the cache"):
        open_model(DEFAULT_MODEL, replace(NOWHERE, cache=asset.parent / "cache"), precision=precision)


def test_other_models_have_float_weights_only(asset, tmp_path):
    name, settings = "mobilenet_v1_0.25_128", Settings(cache=tmp_path, offline=True)
    assert embedded_file(name) is None
    with pytest.raises(StoreError, match="is not in the cache"):
        open_model(name, settings)
    with pytest.raises(EngineError, match=r"no int8 numbers are released for mobilenet_v1_0\.25_128; .* quantize"):
        open_model(name, settings, precision="int8")


def test_a_tree_without_the_file_fetches(no_asset, tmp_path):
    with pytest.raises(StoreError, match="is not in the cache"):
        open_model(DEFAULT_MODEL, Settings(cache=tmp_path, offline=True))
    with pytest.raises(EngineError, match="no int8 numbers"):
        open_model(DEFAULT_MODEL, Settings(cache=tmp_path, offline=True), precision="int8")


def test_an_unknown_precision_is_refused_before_anything_is_fetched(asset):
    with pytest.raises(UsageError, match="precision must be one of auto, float32, int16, int8, received 'half'"):
        open_model(DEFAULT_MODEL, NOWHERE, precision="half")


def test_a_file_is_opened_with_all_that_it_holds(tmp_path):
    write_checkpoint(tmp_path / "both.safetensors", in_both(random_model(SMALL)))
    for precision in ("auto", "float32", "int16", "int8"):
        assert open_model(tmp_path / "both.safetensors", precision=precision).precisions[0] == "int8"


def test_a_damaged_one_is_refused(asset):
    data = bytearray(asset.read_bytes())
    data[-1] ^= 1
    asset.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"own\.safetensors"):
        open_model(DEFAULT_MODEL, NOWHERE)


def test_classifier_asks_for_what_its_engine_runs(asset):
    assert Classifier(settings=NOWHERE).engine.precision == "int8"
    assert Classifier(settings=NOWHERE, engine="reference").engine.precision == "int8"
    for options in ({"precision": "float32"}, {"precision": "int16"}, {"engine": "onnx"}):
        with pytest.raises(StoreError, match="is not in the cache"):
            Classifier(settings=NOWHERE, **options)


def test_verify_and_list_know_it(asset, tmp_path, monkeypatch, capsys):
    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setenv("TINYSIGHT_CACHE", str(cache))
    digest = arrays_sha256(read_checkpoint(asset).numbers())
    pinned = replace(released(DEFAULT_MODEL), int8_sha256=digest)
    monkeypatch.setattr(verifying, "released", lambda _: pinned)

    assert run(["models", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["model"] for row in rows if row["embedded"]] == [DEFAULT_MODEL]
    assert not any(row["cached"] for row in rows)
    for arguments in ((), (DEFAULT_MODEL,)):
        assert run(["models", "verify", "--json", *arguments]) == 0
        (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert (row["path"], row["arrays_sha256"], row["pinned"]) == (str(asset), digest, True)
        assert row["precisions"] == ["int8"] and row["probes"] == 2 and row["probe_difference"] < 1e-6
    assert run(["models", "verify"]) == 0
    assert capsys.readouterr().out.startswith(f"{DEFAULT_MODEL}: ok, int8, hash as in the list, 2 probes within ")
    assert verify(DEFAULT_MODEL, Settings(cache=None)).path == asset

    monkeypatch.setattr(verifying, "released", lambda _: replace(pinned, int8_sha256="0" * 64))
    assert run(["models", "verify"]) == 1
    assert "do not have the sha256 that the list pins; install tinysight again" in capsys.readouterr().err


def test_verify_looks_at_both_files_of_the_default_model(asset, tmp_path, monkeypatch, capsys):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / f"{DEFAULT_MODEL}.safetensors").write_text("no model")
    monkeypatch.setenv("TINYSIGHT_CACHE", str(cache))
    monkeypatch.setattr(verifying, "released", lambda name: replace(released(name), int8_sha256=None))
    assert run(["models", "verify", DEFAULT_MODEL]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith(f"{DEFAULT_MODEL}: ok, int8, hash not in the list")
    assert captured.err.startswith(f"{DEFAULT_MODEL}: FAILED: ") and "is not a tinysight model file" in captured.err


def test_verify_runs_the_probes_of_both_precisions(tmp_path):
    model = in_both(random_model(SMALL))
    write_checkpoint(tmp_path / "both.safetensors", model)
    assert verify(tmp_path / "both.safetensors").precisions == ("int8", "int16", "float32")
    outputs = model.integers.probe_outputs.copy()
    outputs[1] += 1
    wrong_int8 = Checkpoint(model.card, model.arrays, replace(model.integers, probe_outputs=outputs))
    probe = model.card.probes[1]
    card = replace(model.card, probes=(model.card.probes[0], replace(probe, output=probe.output + 1)))
    for wrong, precision in ((wrong_int8, "int8"), (Checkpoint(card, model.arrays, model.integers), "float32")):
        write_checkpoint(tmp_path / "wrong.safetensors", wrong)
        with pytest.raises(EngineError, match=rf"\({precision}\) fails the model's own probe"):
            verify(tmp_path / "wrong.safetensors")


def test_int8_numbers_are_no_released_model(asset, tmp_path):
    """In the cache or on a mirror, under a released name, they are not what was released."""
    cache = tmp_path / "cache"
    cache.mkdir()
    release = released("mobilenet_v1_0.25_128")
    write_checkpoint(cache / release.checkpoint_file, in_int8(random_model(release.spec)))
    with pytest.raises(StoreError, match="holds int8 numbers only, not the released ones"):
        open_model(release.name, Settings(cache=cache, offline=True))
    with pytest.raises(StoreError, match="a released model needs float32 weights"):
        open_model(release.name, Settings(cache=tmp_path / "empty", mirror=str(cache), offline=True))


def test_export_needs_float_weights(asset, tmp_path, monkeypatch, capsys):
    pytest.importorskip("h5py")
    monkeypatch.setenv("TINYSIGHT_CACHE", str(tmp_path / "cache"))
    arguments = ["export", "-f", "keras-h5", "-o", str(tmp_path / "x.h5")]
    assert run([*arguments, "-m", str(asset)]) == 1
    assert "a Keras file needs float32 weights; model" in capsys.readouterr().err
    assert not (tmp_path / "x.h5").exists()
    assert run([*arguments, "--offline"]) == 1
    assert f"{DEFAULT_MODEL} is not in the cache" in capsys.readouterr().err


def test_explain_works_on_it(asset, tmp_path, capsys):
    from tinysight.preprocess import encode_png

    (tmp_path / "a.png").write_bytes(encode_png(np.zeros((40, 40, 3), np.uint8)))
    arguments = ["explain", str(tmp_path / "a.png"), "-o", str(tmp_path / "map.png"), "--json"]
    assert run(arguments) == 0
    row = json.loads(capsys.readouterr().out)
    mean = sum(sum(cells) for cells in row["heat"]) / sum(len(cells) for cells in row["heat"])
    assert mean + row["bias"] == pytest.approx(row["logit"], abs=1e-4)  # one cell, so no mean is rounded


def test_a_folder_that_may_not_be_looked_into_has_no_model(monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.stat", refused)
    assert embedded_file(DEFAULT_MODEL) is None
