import csv
import gc
import io
import json
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from integer_models import in_both

from tinysight.checkpoint import Checkpoint, write_checkpoint
from tinysight.cli import VERBS, output, run
from tinysight.engines.native import is_built
from tinysight.labels import Label
from tinysight.preprocess import encode_png

HOSTILE = ("=cmd|x", "a\x1b[31mred", "<img src=x onerror=alert(1)>", "crane", "crane", "plain", "last")


@pytest.fixture
def model(tmp_path, make_checkpoint):
    labels = tuple(Label(None, name) for name in HOSTILE)
    path = tmp_path / "model.safetensors"
    write_checkpoint(path, make_checkpoint(alpha=0.25, resolution=32, num_classes=7, labels=labels))
    return str(path)


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    root = tmp_path / "photos"
    root.mkdir()
    for name in ("a.png", "b.png"):
        (root / name).write_bytes(encode_png(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)))
    return root


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_json_has_the_documented_keys(model, folder, capsys):
    assert run(["predict", "--json", "-m", model, "-k", "3", str(folder / "a.png")]) == 0
    (answer,) = lines(capsys.readouterr().out)
    assert list(answer) == ["source", "width", "height", "predictions", "model", "precision", "milliseconds"]
    assert (answer["width"], answer["height"]) == (50, 40)
    assert len(answer["predictions"]) == 3
    assert list(answer["predictions"][0]) == ["index", "wnid", "label", "probability"]


def test_precision_is_the_one_that_was_computed_in(tmp_path, folder, capsys, make_checkpoint):
    both = in_both(make_checkpoint(alpha=0.25, resolution=32, num_classes=7))
    for name, model in (("both", both), ("floats", Checkpoint(both.card, both.arrays))):
        write_checkpoint(tmp_path / f"{name}.safetensors", model)

    def precision_of(name, *options):
        assert run(["predict", "--json", "-m", str(tmp_path / f"{name}.safetensors"), str(folder), *options]) == 0
        first, second = lines(capsys.readouterr().out)
        assert first["precision"] == second["precision"]
        return first["precision"]

    for precision in ("float32", "int16", "int8"):
        assert precision_of("both", "--precision", precision) == precision
    assert precision_of("both") == ("int8" if is_built() else "float32")
    assert precision_of("floats") == ("int16" if is_built() else "float32")


@pytest.mark.parametrize(
    ("precision", "code", "message"),
    [
        ("int8", 1, "not int8; make one that does with: tinysight quantize"),
        ("half", 2, "precision must be one of auto, float32, int16, int8, received 'half'"),
    ],
)
def test_a_precision_that_is_not_there_is_one_line(model, folder, capsys, precision, code, message):
    assert run(["predict", "-m", model, "--precision", precision, str(folder)]) == code
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and not captured.out


def test_opening_leaves_the_garbage_collector_as_it_was(model, folder, capsys):
    for name, code in ((model, 0), ("absent.safetensors", 1)):
        assert run(["predict", "-m", name, str(folder / "a.png")]) == code
        assert gc.isenabled()


@pytest.mark.parametrize("built", [True, False])
def test_a_person_is_told_where_kernels_are_missing(model, folder, capsys, monkeypatch, built):
    monkeypatch.setattr("tinysight.engines.native.is_built", lambda: built)
    for person in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda person=person: person, raising=False)
        assert run(["predict", "--precision", "float32", "-m", model, str(folder / "a.png")]) == 0
        error = capsys.readouterr().err
        assert ("no C++17 compiler worked" in error) is (person and not built)
        assert error.count("\n") == (person and not built)


def test_the_progress_bar_is_made_when_there_is_progress(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    made = []

    @contextmanager
    def bar(text, of_bytes):
        made.append((text, of_bytes))
        yield lambda done, total: made.append((done, total))
        made.append("closed")

    monkeypatch.setattr(output, "_bar", bar)
    with output.progress_bar("Reading x", of_bytes=False) as update:
        assert made == []
        update(1, None)
        update(2, 2)
    assert made == [("Reading x", False), (1, None), (2, 2), "closed"]
    with output.progress_bar() as update:
        pass
    assert len(made) == 4


def test_unreadable_pictures_are_reported_and_the_rest_is_done(model, folder, capsys):
    (folder / "c.jpg").write_text("not a picture")
    assert run(["predict", "--json", "-m", model, str(folder), "nowhere.jpg"]) == 4
    answers = lines(capsys.readouterr().out)
    assert [answer.get("error", {}).get("reason") for answer in answers] == [None, None, "not_an_image", "not_found"]


def test_table_for_people(model, folder, capsys):
    assert run(["predict", "-m", model, str(folder / "a.png")]) == 0
    out = capsys.readouterr().out
    assert "50 x 40 px" in out and out.count("%") == 5 and "\x1b" not in out
    assert run(["predict", "-m", model, str(folder)]) == 0
    assert "2 pictures" in capsys.readouterr().out


def test_csv_is_safe_to_open_in_a_spreadsheet(model, folder, capsys):
    assert run(["predict", "--csv", "-m", model, "-k", "7", str(folder / "a.png"), "=nowhere.jpg"]) == 4
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 8
    assert "'=cmd|x" in {row["label"] for row in rows} and "a\\x1b[31mred" in {row["label"] for row in rows}
    assert rows[-1]["source"] == "'=nowhere.jpg" and rows[-1]["error"] == "not_found"
    assert sum(float(row["probability"]) for row in rows[:7]) == pytest.approx(1, abs=1e-5)


def test_labels_cannot_steer_the_terminal(model, folder, capsys):
    run(["predict", "-m", model, "-k", "7", str(folder / "a.png")])
    assert "\x1b" not in capsys.readouterr().out


def test_standard_input(model, folder, capsys, monkeypatch):
    data = (folder / "a.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run(["predict", "--json", "-m", model, "-"]) == 0
    from_stdin = lines(capsys.readouterr().out)[0]
    run(["predict", "--json", "-m", model, str(folder / "a.png")])
    assert from_stdin["predictions"] == lines(capsys.readouterr().out)[0]["predictions"]


def test_min_probability_hides_the_rest(model, folder, capsys):
    photo = str(folder / "a.png")
    assert run(["predict", "--json", "-m", model, "-k", "7", photo]) == 0
    every = [p["probability"] for p in lines(capsys.readouterr().out)[0]["predictions"]]
    assert run(["predict", "--json", "-m", model, "-k", "7", "--min-probability", str(every[2]), photo]) == 0
    assert [p["probability"] for p in lines(capsys.readouterr().out)[0]["predictions"]] == every[:3]
    assert run(["predict", "-m", model, "--min-probability", "0.999999", str(folder)]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predict"], "Missing argument"),
        (["predict", "x.png", "--topk", "3"], "No such option"),
        (["predict", "x.png", "-k", "0"], "not in the range"),
        (["predict", "x.png", "--json", "--csv"], "exclude each other"),
        (["predict", "x.png", "-m", "mobilenet_v9"], "unknown model"),
        (["predict", "x.png", "-m", "MODEL", "--recipe", "centre"], "recipes: center"),
        (["predict", "x.png", "-m", "MODEL", "--precision", "int4"], "precision must be one of"),
        (["predct", "x.png"], "unknown verb"),
        (["predict", "x.png", "--min-probability", "nan"], "from 0 to 1"),
        (["--jsn"], "No such option"),
    ],
)
def test_wrong_usage_is_exit_2_and_one_line(model, capsys, arguments, message):
    assert run([model if argument == "MODEL" else argument for argument in arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1 and captured.out == ""


def test_missing_model_file_is_exit_1(capsys):
    assert run(["predict", "x.png", "-m", "./none.safetensors"]) == 1
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_help_with_an_example_and_json(verb, capsys):
    assert run([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"tinysight {verb}" in text.split("Example")[1]
    assert "--json" in text or verb == "models"


def test_bare_command_shows_the_verbs(capsys):
    assert run([]) == 2
    assert "predict" in capsys.readouterr().err
