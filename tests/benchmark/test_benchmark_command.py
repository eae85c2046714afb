import json
import re
from pathlib import Path

import numpy as np
import pytest

from tinysight.cli import run
from tinysight.preprocess import encode_png

QUICK = ["--rounds", "2", "--seconds", "0"]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3)).astype(np.uint8)
        (folder / f"{number}.png").write_bytes(encode_png(pixels))
    (folder / "labels.csv").write_text("file,index\n0.png,1\n1.png,2\n2.png,3\n")
    return folder


def json_lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_rows_then_the_machine(checkpoint_file, photos, capsys, tmp_path):
    output = tmp_path / "result.json"
    arguments = ["-m", str(checkpoint_file), "--precision", "float32", "--engines", "reference", "--batch-size", "2"]
    code = run(["benchmark", *QUICK, *arguments, "--pictures", str(photos), "--json", "--output", str(output)])
    printed = capsys.readouterr().out
    assert code == 0 and output.read_text() == printed
    row, machine = map(json.loads, printed.splitlines())
    assert (row["engine"], row["precision"], row["threads"], row["batch_size"]) == ("reference", "float32", None, 2)
    assert 0 < row["min_ms"] <= row["median_ms"] <= row["p95_ms"] <= row["p99_ms"]
    assert (row["agreement"], row["pictures"], row["ratio"]) == (1, 3, 1)
    assert 0 <= row["top1"] <= 1 and isinstance(row["noisy"], bool)
    assert list(machine) == ["machine"] and machine["machine"]["python"]


def test_a_table_for_people(checkpoint_file, capsys):
    assert run(["benchmark", *QUICK, "-m", str(checkpoint_file), "--precision", "float32"]) == 0
    printed = capsys.readouterr().out
    assert "median" in printed and "processors" in printed and "same answers" not in printed


def test_a_missed_gate_is_exit_3_after_the_rows(checkpoint_file, capsys):
    pytest.importorskip("tinysight._native", reason="needs the compiled part")
    arguments = ["-m", str(checkpoint_file), "--precision", "float32", "--threads", "1,2", "--json"]
    assert run(["benchmark", *QUICK, *arguments, "--min-ratio", "2/1=1000"]) == 3
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 3
    assert "times as fast as native:float32:1, wanted 1000" in captured.err
    assert run(["benchmark", *QUICK, *arguments, "--min-ratio", "2/1=0.000001"]) == 0


def test_end_to_end(checkpoint_file, photos, capsys):
    (photos / "1.png").write_bytes(b"no picture")
    arguments = ["-m", str(checkpoint_file), "--precision", "float32", "--rounds", "2", "--json"]
    assert run(["benchmark", *arguments, "--end-to-end", str(photos)]) == 4
    row = json_lines(capsys)[0]
    assert (row["files"], row["unreadable"], row["rounds"]) == (3, 1, 2)
    assert row["best_per_second"] >= row["median_per_second"] > 0 and row["top1"] in (0, 0.5, 1)


def test_unreadable_pictures_are_exit_4_and_none_at_all_exit_2(checkpoint_file, photos, tmp_path, capsys):
    arguments = ["benchmark", *QUICK, "-m", str(checkpoint_file), "--precision", "float32", "--json"]
    (photos / "1.png").write_bytes(b"no picture")
    assert run([*arguments, "--pictures", str(photos)]) == 4
    captured = capsys.readouterr()
    assert captured.err.count("left out: ") == 1 and "1.png" in captured.err
    (tmp_path / "empty").mkdir()
    for option in ("--pictures", "--end-to-end"):
        assert run([*arguments, option, str(tmp_path / "empty")]) == 2
        assert "no picture" in capsys.readouterr().err
    for number in range(3):
        (photos / f"{number}.png").write_bytes(b"no picture")
    assert run([*arguments, "--end-to-end", str(photos)]) == 2
    assert "none of the 3 pictures can be read" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_refused_before_the_work(checkpoint_file, tmp_path, capsys):
    for target in (tmp_path / "none" / "x.json", tmp_path):
        assert run(["benchmark", *QUICK, "-m", str(checkpoint_file), "--output", str(target)]) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith("Error: ") and captured.err.count("\n") == 1 and not captured.out


def test_cold_start(checkpoint_file, photos, capsys):
    arguments = ["-m", str(checkpoint_file), "--precision", "float32", "--rounds", "1", "--json"]
    assert run(["benchmark", *arguments, "--cold-start", str(photos / "0.png")]) == 0
    numpy, predict, _ = json_lines(capsys)
    assert numpy["command"] == "python -c 'import numpy'" and predict["command"].startswith("tinysight predict")
    assert min(predict["min_ms"], numpy["min_ms"]) > 5 and predict["peak_bytes"] > 15e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threads", "0,x"], "--threads must be whole numbers"),
        (["--threads", ""], "--threads must be whole numbers"),
        (["--threads", "0"], "threads must be a whole number from 1"),
        (["--min-ratio", "a=b"], "FASTER/SLOWER=RATIO"),
        (["--min-ratio", "int4/float32=2"], "compares nothing"),
        (["--engines", "tpu"], "engine must be one of"),
        (["--precision", "float64"], "float64"),
        (["--cold-start", "x.png", "--min-ratio", "a/b=1"], "exclude each other"),
        (["--cold-start", "x.png", "--isa", "portable"], "takes no --engines and no --isa"),
        (["--end-to-end", ".", "--threads", "2"], "take no --threads"),
        (["--seconds", "nan"], "received nan"),
    ],
)
def test_wrong_options_are_exit_2(arguments, message, checkpoint_file, capsys):
    assert run(["benchmark", *QUICK, "-m", str(checkpoint_file), *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("title", "options"),
    [
        ("`benchmark`", []),
        ("`benchmark --end-to-end`", ["--end-to-end", "PHOTOS"]),
        ("`benchmark --cold-start`", ["--cold-start", "PHOTOS/0.png"]),
    ],
)
def test_keys_are_those_of_the_page(title, options, checkpoint_file, photos, capsys):
    options = [option.replace("PHOTOS", str(photos)) for option in options]
    arguments = ["-m", str(checkpoint_file), "--precision", "float32", "--rounds", "1", "--seconds", "0", "--json"]
    assert run(["benchmark", *arguments, *options]) == 0
    *rows, last = json_lines(capsys)
    page = (Path(__file__).resolve().parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
    for name, found in ((title, rows[-1]), ("`benchmark`, last line", last["machine"])):
        row = next(line for line in page.splitlines() if line.startswith(f"| {name} |"))
        written = re.findall(r'"(\w+)"', re.search(r"`(\{.*?\})`", row)[1])
        assert [key for key in written if key != "machine"] == list(found)
