"""``tinysight evaluate`` from the command line to the report, on drawn pictures."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from tinysight.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from tinysight.classify import Classifier
from tinysight.cli import run
from tinysight.labels import Label


def evaluate(*arguments):
    return run(["evaluate", *map(str, arguments)])


def write(path, checkpoint, **fields):
    write_checkpoint(path, Checkpoint(replace(checkpoint.card, **fields), checkpoint.arrays))
    return path


def test_the_numbers_are_those_of_the_answers(checkpoint_file, drawn, capsys):
    assert evaluate(checkpoint_file, drawn, "--json", "--precision", "float32", "--reject-below", 0.2) == 0
    line = json.loads(capsys.readouterr().out)
    classifier = Classifier(checkpoint_file, precision="float32")
    files = sorted(drawn.glob("*/*.png"))
    ranked = [[one.index for one in classifier.predict(file, 7)] for file in files]
    truth = [int(file.parent.name) for file in files]
    assert line["images"] == 24
    assert line["top1"] == pytest.approx(np.mean([r[0] == t for r, t in zip(ranked, truth, strict=True)]), abs=1e-5)
    assert line["top5"] == pytest.approx(np.mean([t in r[:5] for r, t in zip(ranked, truth, strict=True)]), abs=1e-5)
    assert line["top1_low"] < line["top1"] < line["top1_high"] or line["top1"] in (0, 1)
    assert sum(one["support"] for one in line["per_class"]) == 24
    assert sum(one["pictures"] for one in line["confusion"]) == 24
    assert line["coverage"] is None
    assert line["rejection"]["below"] == 0.2
    assert (line["unreadable"], line["left_out_seen"]) == (0, 0)


def test_few_classes_have_no_top_5(tmp_path, make_checkpoint, drawn, capsys):
    path = tmp_path / "four.safetensors"
    write_checkpoint(path, make_checkpoint(alpha=0.25, resolution=32, num_classes=4))
    assert evaluate(path, drawn, "--json") == 0
    line = json.loads(capsys.readouterr().out)
    assert line["top5"] is line["top5_low"] is line["top5_high"] is None


def test_text_and_report(checkpoint_file, drawn, tmp_path, capsys):
    report = tmp_path / "report.html"
    assert evaluate(checkpoint_file, drawn, "-o", report, "--coverage", 0.8) == 0
    out = capsys.readouterr().out
    assert "on 24 pictures" in out
    assert "top-1" in out
    assert "wrote " in out
    page = report.read_text()
    assert page.count('<img src="data:image/png;base64,') >= 3
    assert "Worst mistakes" in page
    assert evaluate(checkpoint_file, drawn, "-o", report) == 2
    assert "--force" in capsys.readouterr().err
    assert evaluate(checkpoint_file, drawn, "-o", report, "--force") == 0


def test_what_the_model_was_trained_on_is_left_out(tmp_path, checkpoint_file, drawn, capsys):
    files = sorted(drawn.glob("*/*.png"))
    seen = sorted(hashlib.sha256(file.read_bytes()).digest()[:4] for file in files[:10])
    model = write(tmp_path / "seen.safetensors", read_checkpoint(checkpoint_file), seen=b"".join(seen))
    assert evaluate(model, drawn, "--json") == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["images"], line["left_out_seen"]) == (14, 10)
    assert evaluate(model, drawn, "--json", "--include-seen") == 0
    assert json.loads(capsys.readouterr().out)["images"] == 24
    assert evaluate(model, drawn) == 0
    assert "10 pictures left out that the model was trained on" in capsys.readouterr().out
    for file in files[10:]:
        file.unlink()
    assert evaluate(model, drawn) == 2
    assert "--include-seen" in capsys.readouterr().err


def test_unreadable_pictures_are_named_and_count_nowhere(checkpoint_file, drawn, tmp_path, capsys):
    (drawn / "0" / "broken.png").write_bytes(b"no picture")
    report = tmp_path / "report.html"
    assert evaluate(checkpoint_file, drawn, "--json", "-o", report) == 4
    out, err = capsys.readouterr()
    line = json.loads(out)
    assert (line["images"], line["unreadable"]) == (24, 1)
    assert "broken.png" in err
    assert "broken.png" in report.read_text()
    for file in drawn.glob("*/*.png"):
        file.write_bytes(b"no picture")
    assert evaluate(checkpoint_file, drawn) == 2


def test_classes_that_the_model_does_not_have_are_refused_in_one_line(tmp_path, checkpoint_file, drawn, capsys):
    names = tuple(Label(None, name) for name in ("ant", "bee", "cat", "dog", "eel", "fox", "gnu"))
    model = write(tmp_path / "named.safetensors", read_checkpoint(checkpoint_file), labels=names)
    (drawn / "3").rename(drawn / "zebra")
    assert evaluate(model, drawn) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "Error: the model has no class 'zebra'; it has 7 classes: ant, bee, cat, dog, eel, ...\n"


def test_two_models_are_compared(tmp_path, checkpoint_file, make_checkpoint, drawn, capsys):
    other = tmp_path / "other.safetensors"
    write_checkpoint(other, make_checkpoint(seed=9, alpha=0.25, resolution=32, num_classes=7))
    assert evaluate(checkpoint_file, other, drawn, "--json") == 0
    line = json.loads(capsys.readouterr().out)
    alone = []
    for model in (checkpoint_file, other):
        assert evaluate(model, drawn, "--json") == 0
        alone.append(json.loads(capsys.readouterr().out)["top1"])
    assert [line["top1"], line["top1_b"]] == alone
    assert line["difference"] == pytest.approx(alone[1] - alone[0], abs=2e-5)
    assert len(line["flipped"]) == line["only_first_right"] + line["only_second_right"]
    assert 0 < line["p_value"] <= 1
    report = tmp_path / "report.html"
    assert evaluate(checkpoint_file, other, drawn, "-o", report) == 0
    assert "second less first" in capsys.readouterr().out
    assert "Against " in report.read_text()


def test_a_gate_that_is_missed_is_exit_3(checkpoint_file, drawn, capsys):
    assert evaluate(checkpoint_file, drawn, "--min-top1", 1) == 3
    assert "at least 1.0 is wanted" in capsys.readouterr().err
    assert evaluate(checkpoint_file, drawn, "--min-top1", 0) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ("--coverage", "1"),
        ("--coverage", "nan"),
        ("--reject-below", "nan"),
        ("--min-top1", "nan"),
        ("--part", "val"),
        ("-o", "report.txt"),
        ("extra", "extra"),
    ],
)
def test_wrong_usage_is_exit_2_in_one_line(checkpoint_file, drawn, wrong, capsys):
    assert evaluate(checkpoint_file, drawn, *wrong) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1


def test_a_model_without_a_head_is_refused(tmp_path, make_checkpoint, drawn, capsys):
    path = tmp_path / "headless.safetensors"
    write_checkpoint(path, make_checkpoint(alpha=0.25, resolution=32, include_top=False))
    assert evaluate(path, drawn) == 2
    assert "no head" in capsys.readouterr().err


def test_photographs_with_the_real_model(shared, capsys):
    assert evaluate("mobilenet_v1_1.0_224", shared / "data" / "imagenet_sample", "--json", "--offline") == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["images"], line["top1"]) == (500, 0.936)
    assert line["coverage"]["covered_low"] <= 0.95 <= line["coverage"]["covered_high"]
