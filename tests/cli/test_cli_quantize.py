"""``tinysight quantize``: what it writes, what it reports, what it refuses, and that a missed gate leaves nothing."""

import json

import numpy as np
import pytest

from tinysight.checkpoint import read_checkpoint, write_checkpoint
from tinysight.cli import run
from tinysight.engines import open_engine
from tinysight.preprocess import encode_png
from tinysight.quantize import synthetic_pictures

SIDE = 32


@pytest.fixture
def model(tmp_path, make_checkpoint):
    path = tmp_path / "model.safetensors"
    write_checkpoint(path, make_checkpoint(alpha=0.25, resolution=SIDE, num_classes=3))
    return path


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, picture in enumerate(synthetic_pictures(SIDE, 12)):
        (folder / f"{number:02}.png").write_bytes(encode_png(picture))
    (folder / "labels.csv").write_text("file,index\n" + "".join(f"{number:02}.png,1\n" for number in range(12)))
    return folder


def quantize(*arguments):
    return run(["quantize", *map(str, arguments)])


def test_the_written_model_answers_like_the_float_one(model, photos, tmp_path, capsys):
    out = tmp_path / "out.safetensors"
    assert quantize(model, "-o", out, "--calibration", photos, "--max-pictures", 4, "--report", photos, "--json") == 0
    line = json.loads(capsys.readouterr().out)
    assert list(line) == ["model", "output", "bytes", "calibrated_on", "unreadable", "report"]
    assert (line["bytes"], line["calibrated_on"], line["unreadable"]) == (out.stat().st_size, 4, 0)
    report = line["report"]
    assert (report["pictures"], report["shared"]) == (8, 4)
    made = read_checkpoint(out)
    assert made.precisions == ("int8", "int16", "float32")
    images = np.delete(synthetic_pictures(SIDE, 12), [0, 3, 6, 9], axis=0)
    whole, exact = (open_engine(made, precision=name).run(images).logits for name in ("int8", "float32"))
    assert report["agreement"] == (whole.argmax(1) == exact.argmax(1)).mean()
    assert report["int8_top1"] == (whole.argmax(1) == 1).mean()
    assert report["float_top1"] == (exact.argmax(1) == 1).mean()
    error = ((whole.astype(float) - exact) ** 2).sum()
    assert report["snr_db"] == pytest.approx(10 * np.log10((exact.astype(float) ** 2).sum() / error), abs=0.02)
    assert len(report["layers_db"]) == 27 and min(report["layers_db"].values()) > 8


def test_without_a_folder_and_without_floats(model, tmp_path, capsys):
    out = tmp_path / "out.safetensors"
    assert quantize(model, "-o", out, "--drop-float") == 0
    assert "calibrated on drawn pictures" in capsys.readouterr().out
    assert read_checkpoint(out).precisions == ("int8",)
    assert quantize(out, "-o", tmp_path / "again.safetensors") == 1  # nothing to make it from
    assert "float32" in capsys.readouterr().err


def test_a_missed_gate_leaves_nothing_and_shows_the_report(model, photos, tmp_path, capsys, monkeypatch):
    out = tmp_path / "out.safetensors"
    out.write_bytes(b"old")
    monkeypatch.setattr("tinysight.quantize_report.same_answers", lambda *_: 0.5)
    gate = [model, "-o", out, "--force", "--report", photos, "--min-agreement"]
    assert quantize(*gate, 0.51, "--json") == 3
    assert out.read_bytes() == b"old"
    given = capsys.readouterr()
    assert "on 6 of 12 pictures, a share of 0.5000; at least 0.51 is wanted; nothing was written" in given.err
    line = json.loads(given.out)
    assert (line["output"], line["bytes"], line["report"]["agreement"]) == (None, None, 0.5)
    assert quantize(*gate, 0.5) == 0
    assert read_checkpoint(out).precisions[0] == "int8"


def test_the_only_float_weights_are_not_dropped(model, capsys):
    before = model.read_bytes()
    assert quantize(model, "-o", model, "--force", "--drop-float") == 2
    assert "no copy of the float32 weights" in capsys.readouterr().err and model.read_bytes() == before


def test_a_model_without_a_head_has_no_report(photos, tmp_path, make_checkpoint, capsys):
    path = tmp_path / "headless.safetensors"
    write_checkpoint(path, make_checkpoint(alpha=0.25, resolution=SIDE, include_top=False))
    assert quantize(path, "-o", tmp_path / "out.safetensors", "--report", photos) == 2
    assert "has no head" in capsys.readouterr().err


def test_unreadable_pictures_are_counted(model, photos, tmp_path, capsys):
    (photos / "03.png").write_bytes(b"no picture")
    out = tmp_path / "out.safetensors"
    assert quantize(model, "-o", out, "--calibration", photos, "--report", photos, "--max-pictures", 2) == 4
    given = capsys.readouterr()
    assert given.err.startswith("left out: ") and "03.png" in given.err and given.err.count("\n") == 1
    assert "same first answer as float32" in given.out and "conv_pw_13" in given.out
    assert out.exists()


@pytest.mark.parametrize(
    ("extra", "code", "message"),
    [
        (["--min-agreement", "0.9"], 2, "--min-agreement needs --report"),
        (["--min-agreement", "nan", "--report", "."], 2, "from 0 to 1, received nan"),
        (["--calibration", "nowhere"], 2, "nowhere"),
        (["--max-pictures", "0"], 2, "max-pictures"),
        (["--report", "."], 2, "every picture of the report would be calibrated on"),
    ],
)
def test_wrong_options_write_nothing(model, photos, tmp_path, capsys, monkeypatch, extra, code, message):
    monkeypatch.chdir(photos)
    calibration = [] if "--calibration" in extra else ["--calibration", photos]
    assert quantize(model, "-o", tmp_path / "out.safetensors", *calibration, *extra) == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not (tmp_path / "out.safetensors").exists()


def test_an_output_that_is_there_or_has_another_ending_is_refused(model, tmp_path, capsys):
    assert quantize(model, "-o", model) == 2
    assert "already there; pass --force" in capsys.readouterr().err
    assert quantize(model, "-o", tmp_path / "x.onnx") == 2
    assert "must end in .safetensors" in capsys.readouterr().err
    assert quantize(model, "-o", tmp_path / "none" / "x.safetensors") == 2
    assert "none does not exist" in capsys.readouterr().err
    (tmp_path / "folder.safetensors").mkdir()
    assert quantize(model, "-o", tmp_path / "folder.safetensors", "--force") == 2
    assert "it is a folder" in capsys.readouterr().err
