"""``tinysight models``: each sub-verb, its JSON, its exit codes and its help."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from store_helpers import MODEL, random_model

from tinysight.checkpoint import arrays_sha256, read_checkpoint, write_checkpoint
from tinysight.cli import run
from tinysight.cli.models import command
from tinysight.models import opening
from tinysight.spec import Spec


@pytest.fixture
def models(capsys, monkeypatch, tmp_path):
    """Run ``tinysight models ...`` in this process; returns exit code, stdout, stderr."""
    monkeypatch.setenv("TINYSIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(opening, "EMBEDDED", tmp_path / "absent")  # test_embedded.py has the package's own model
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["models", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def warm(tmp_path, weights) -> Path:
    (tmp_path / "cache").mkdir()
    path = tmp_path / "cache" / weights.release.checkpoint_file
    path.write_bytes(weights.cache_file)
    return path


def objects(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_list(models, warm, weights):
    code, out, err = models("list", "--json")
    rows = objects(out)
    assert (code, err, len(rows)) == (0, "", 16)
    assert list(rows[0]) == [
        *("model", "alpha", "resolution", "params", "mult_adds", "pinned", "arrays_sha256", "licence"),
        *("cached", "path", "official_url", "embedded"),
    ]
    assert rows[0]["params"] == 4_253_864
    assert [row["path"] for row in rows if row["cached"]] == [str(warm)]
    code, out, err = models("list")
    assert (code, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("mobilenet")}
    assert len(lines) == 16
    assert lines[MODEL].split()[-2:] == ["unpinned", "float32"]
    assert "unpinned" not in lines["mobilenet_v1_0.75_224"]


def test_fetch(models, mirror, monkeypatch, tmp_path, weights):
    monkeypatch.setenv("TINYSIGHT_MIRROR", mirror.url())
    path = tmp_path / "cache" / weights.release.checkpoint_file
    code, out, err = models("fetch", "mobilenet_0.25_128", "--json")
    assert (code, err) == (0, "")
    assert objects(out) == [{"model": MODEL, "path": str(path), "bytes": len(weights.cache_file)}]
    assert models("fetch", MODEL, "--offline") == (0, f"{MODEL}: {path}\n", "")
    code, out, err = models("fetch", "mobilenet_v1_0.25_160", "--offline")
    assert (code, out) == (1, "")
    assert err.startswith("Error: mobilenet_v1_0.25_160 is not in the cache")
    assert err.count("\n") == 1


def test_an_unknown_name_is_a_usage_error_before_anything_is_fetched(models, mirror, monkeypatch):
    monkeypatch.setenv("TINYSIGHT_MIRROR", mirror.url())
    for verb in ("fetch", "verify"):
        code, out, err = models(verb, MODEL, "mobilenet_v9") if verb == "fetch" else models(verb, "mobilenet_v9")
        assert (code, out) == (2, "")
        assert "unknown model 'mobilenet_v9'" in err
    assert mirror.requests == []


def test_verify(models, warm, weights, tmp_path):
    digest = arrays_sha256(weights.checkpoint.arrays)
    code, out, err = models("verify", "--json")
    assert (code, err) == (0, "")
    (row,) = objects(out)
    assert row.pop("probe_difference") < 1e-6
    assert row == {
        **{"model": MODEL, "path": str(warm), "arrays_sha256": digest, "pinned": False, "probes": 2},
        "precisions": ["int16", "float32"],
    }
    assert models("verify", MODEL)[1].startswith(f"{MODEL}: ok, float32, hash not in the list, 2 probes within ")
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(weights.cache_file[:-1] + b"!")
    code, out, err = models("verify", bad, MODEL)
    assert code == 1
    assert f"{bad}: FAILED: " in err
    assert "ok" in out  # the other one was looked at all the same
    code, out, _ = models("verify", bad, "--json")
    assert code == 1
    assert "is damaged" in objects(out)[0]["error"]["message"]


def test_verify_of_an_empty_cache(models):
    code, _, err = models("verify")
    assert code == 1
    assert "the cache holds no model to verify" in err


@pytest.fixture
def h5_file(tmp_path) -> Path:
    pytest.importorskip("h5py")
    from tinysight.export.keras_h5 import write_keras_h5

    path = tmp_path / "foreign" / "flowers.h5"
    path.parent.mkdir()
    write_keras_h5(path, random_model(Spec(alpha=0.25, resolution=32, num_classes=3)))
    return path


def test_import(models, h5_file, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("rose\ntulip\ndaisy\n")
    code, out, err = models("import", h5_file, "--labels", names, "--output", "mine.safetensors", "--json")
    assert (code, err) == (0, "")
    (row,) = objects(out)
    model = read_checkpoint("mine.safetensors")
    assert list(row) == ["model", "path", "bytes", "spec", "labels", "source", "licence", "arrays_sha256"]
    assert (row["model"], row["path"], row["labels"]) == ("flowers", "mine.safetensors", True)
    assert row["arrays_sha256"] == arrays_sha256(model.arrays)
    assert [label.name for label in model.card.labels] == ["rose", "tulip", "daisy"]
    assert models("verify", "./mine.safetensors")[0] == 0


def test_import_replaces_nothing_unless_forced(models, h5_file):
    code, out, _ = models("import", h5_file)
    assert code == 0
    assert out == "wrote flowers.safetensors: flowers (mobilenet_v1_0.25_32), 3 classes, without names\n"
    code, out, err = models("import", h5_file, "--name", "other")
    assert (code, out) == (2, "")
    assert err == "Error: flowers.safetensors is already there; pass --force to replace it\n"
    assert read_checkpoint("flowers.safetensors").card.name == "flowers"
    assert models("import", h5_file, "--name", "other", "--force")[0] == 0
    assert read_checkpoint("flowers.safetensors").card.name == "other"


def test_import_of_what_is_no_model(models, tmp_path):
    write_checkpoint("ours.safetensors", random_model(Spec(alpha=0.25, resolution=32, num_classes=3)))
    for name, message, expected in (
        ("absent.h5", "no such file", 1),
        ("ours.safetensors", "is a tinysight model file already", 2),
    ):
        code, out, err = models("import", name, "--output", "new.safetensors")
        assert (code, out) == (expected, "")
        assert message in err
    code, _, err = models("import", "ours.safetensors", "--resolution", "20", "--output", "new.safetensors")
    assert code == 2
    assert "32" in err


@pytest.mark.parametrize("verb", ["list", "fetch", "verify", "import"])
def test_help_has_an_example_and_json(verb):
    text = CliRunner().invoke(command, [verb, "--help"]).output
    assert "--json" in text
    assert f"Example: tinysight models {verb}" in " ".join(text.split())


def test_verify_of_a_model_that_was_never_fetched_says_what_to_do(models):
    code, _, err = models("verify", "mobilenet_v1_0.25_128")
    assert code == 1
    assert "is not in the cache; run: tinysight models fetch mobilenet_v1_0.25_128" in err
    assert "offline" not in err
