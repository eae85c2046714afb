"""tinysight train, from a folder of drawn pictures to a model that names a new one; killed and gone on with."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinysight.checkpoint import read_checkpoint, write_checkpoint
from tinysight.cli import run
from tinysight.preprocess import encode_png

pytest.importorskip("sklearn", reason="needs scikit-learn (extra train)")
COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (50, 60, 210)}


def draw(folder: Path, each: int = 14, side: int = 40) -> Path:
    """Three classes of noisy squares that differ in colour."""
    rng = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for number in range(each):
            pixels = np.clip(np.array(colour) + rng.normal(0, 30, (side, side, 3)), 0, 255).astype(np.uint8)
            (folder / name / f"{number:02}.png").write_bytes(encode_png(pixels))
    return folder


@pytest.fixture
def pictures(tmp_path):
    return draw(tmp_path / "colours")


@pytest.fixture
def backbone(tmp_path, make_checkpoint):
    path = tmp_path / "backbone.safetensors"
    write_checkpoint(path, make_checkpoint(alpha=0.25, resolution=32, num_classes=5))
    return path


@pytest.fixture
def command(tmp_path, pictures, backbone, monkeypatch):
    monkeypatch.setenv("TINYSIGHT_CACHE", str(tmp_path / "cache"))
    return ["train", str(pictures), "--model", str(backbone), "--runs", str(tmp_path / "runs"), "--offline"]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_folder_becomes_a_model_that_names_a_new_picture(command, tmp_path, capsys):
    assert run([*command, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert list(result) == ["run", "model", "mode", "classes", "pictures", "left_out", "results", "seconds"]
    assert result["classes"] == ["blue", "green", "red"]
    assert sum(result["pictures"].values()) == 42
    new = tmp_path / "new.png"
    new.write_bytes(encode_png(np.full((50, 60, 3), COLOURS["green"], np.uint8)))
    assert run(["predict", "--json", "--model", result["model"], str(new)]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"][0]["label"] == "green"
    assert {"run.json", "metrics.csv", "model.safetensors", "report.html"} <= {
        path.name for path in Path(result["run"]).iterdir()
    }


def test_the_same_seed_gives_the_same_bytes_and_evaluate_leaves_out_what_was_learnt_from(command, tmp_path, capsys):
    assert run(command) == 0
    assert run(command) == 0
    first, second = (tmp_path / "runs" / f"train-{number}" for number in (1, 2))
    assert sha256(first / "model.safetensors") == sha256(second / "model.safetensors")
    assert (first / "metrics.csv").read_bytes() == (second / "metrics.csv").read_bytes()
    capsys.readouterr()
    assert run(["evaluate", str(first / "model.safetensors"), command[1], "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)
    record = json.loads((first / "run.json").read_text())
    assert measured["images"] == record["pictures"]["test"]
    assert read_checkpoint(first / "model.safetensors").card.trained_on is not None


def test_one_class_is_refused_in_a_line_and_leaves_nothing(command, pictures, tmp_path, capsys):
    for name in ("red", "green"):
        for path in (pictures / name).iterdir():
            path.unlink()
        (pictures / name).rmdir()
    assert run(command) == 2
    error = capsys.readouterr().err.strip()
    assert "at least two are needed" in error
    assert "\n" not in error
    assert not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize("mode", [[], ["--fine-tune"], ["--last-blocks", "1"], ["--from-scratch"]])
def test_unreadable_pictures_are_named_and_the_others_are_used(command, pictures, capsys, mode):
    if mode:
        pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
        command += [*mode, "--resolution", "32", "--epochs", "1", "--batch-size", "8", "--predict-resolution", "32"]
    if mode == ["--from-scratch"]:
        del command[2:4]
    broken = [f"broken{number}.jpg" for number in range(12)]  # so many that some are in each part
    for name in broken:
        (pictures / "red" / name).write_bytes(b"\xff\xd8\xff\xe0 no picture" + name.encode())
    assert run([*command, "--json"]) == 4
    printed = capsys.readouterr()
    assert "broken" in printed.err
    folder = Path(json.loads(printed.out)["run"])
    named = json.loads((folder / "run.json").read_text())["unreadable"]
    assert all(sum(name in line for line in named) == 1 for name in broken)
    assert run(["train", "--resume", str(folder)]) == 4


def test_a_start_that_knows_pictures_of_test_does_not_flatter_what_comes_of_it(command, tmp_path, capsys):
    assert run(command) == 0
    first = tmp_path / "runs" / "train-1" / "model.safetensors"
    again = [*command[:3], str(first), *command[4:], "--split-seed", "5"]
    assert run([*again, "--json"]) == 0
    printed = capsys.readouterr()
    assert "pictures of test taught the model to start from" in printed.err
    learnt, second = (
        set(read_checkpoint(tmp_path / "runs" / f"train-{number}" / "model.safetensors").card.trained_on.tolist())
        for number in (1, 2)
    )
    assert learnt < second, "what the first run learnt from, the second knows as well"
    assert json.loads(printed.out.splitlines()[-1])["results"]["images"] + len(second) == 42


@pytest.mark.parametrize("option", [["--seed", "0"], ["--runs", "runs"], ["--full-precision"], ["--mixup", "0"]])
def test_nothing_is_given_beside_resume(command, tmp_path, capsys, option):
    assert run(command) == 0
    capsys.readouterr()
    assert run(["train", "--resume", str(tmp_path / "runs" / "train-1"), *option]) == 2
    assert option[0].replace("--full", "--mixed") in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ["--epochs", "3"],
        ["--fine-tune", "--last-blocks", "2"],
        ["--from-scratch"],
        ["--alpha", "0.5"],
        ["--test-share", "0.7", "--val-share", "0.4"],
        ["--resume", "nowhere"],
        ["--budget", "soon"],
        ["--budget", "5min", "--epochs", "3"],
        ["--fine-tune", "--views", "3"],
        ["--val-share", "0"],
    ],
)
def test_options_that_do_not_fit_are_refused(command, wrong, capsys, tmp_path):
    assert run([*command, *wrong]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_a_budget_too_small_for_layers_fits_a_head(command, capsys):
    pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
    assert run([*command, "--budget", "20s"]) == 0
    assert "fits into 20s: a head alone" in capsys.readouterr().err


LAYERS = ["--fine-tune", "--resolution", "32", "--predict-resolution", "32"]


def start(arguments):
    """Start the command in a process that need not import PyTorch again: 20 of them are wanted."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tinysight.train.run", "tinysight.train.layers", "sklearn.linear_model"])
    process = context.Process(target=quietly, args=(arguments,))
    process.start()
    return process


def quietly(arguments):
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    sys.exit(run(arguments))


def wait_until(condition, process, patience_s: float = 60) -> None:
    until = time.monotonic() + patience_s
    while process.is_alive() and time.monotonic() < until and not condition():
        time.sleep(0.0005)


@pytest.mark.slow
def test_a_run_that_is_killed_twenty_times_ends_with_the_same_bytes(command, tmp_path, monkeypatch):
    """RELIABILITY 37: kill -9 at random moments, some inside a save, resume each time."""
    pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    layers, runs = [*command, *LAYERS, "--epochs", "80", "--batch-size", "4"], tmp_path / "runs"
    whole = start(layers)
    whole.join()
    chance, killed, alive, in_a_save = random.Random(1), runs / "train-2", 0, 0
    resume, snapshots = ["train", "--resume", str(killed), "--offline"], killed / "snapshots"

    def unfinished():
        return list(snapshots.glob(".tinysight.*.tmp"))

    process = start(layers)
    for number in range(20):
        before, left = set(snapshots.glob("step-*")), set(unfinished())
        if number % 4 == 0:  # anywhere, most likely before it trains
            time.sleep(chance.uniform(0.2, 2))
        else:
            wait_until(lambda: set(snapshots.glob("step-*")) - before, process)  # noqa: B023
            if number % 4 == 3:
                wait_until(lambda: set(unfinished()) - left, process)  # noqa: B023
            else:
                time.sleep(chance.uniform(0, 0.1))
        alive += process.is_alive()
        process.kill()
        process.join()
        in_a_save += len(set(unfinished()) - left)
        if not (killed / "run.json").exists():  # so early that the run has no record yet
            shutil.rmtree(killed, ignore_errors=True)
        process = start(resume if killed.exists() else layers)
    process.join()
    assert whole.exitcode == process.exitcode == 0
    assert alive == 20
    assert in_a_save >= 2
    for name in ("model.safetensors", "metrics.csv"):
        assert sha256(killed / name) == sha256(runs / "train-1" / name)
    record = sha256(killed / "run.json")
    assert run(resume) == 0
    assert sha256(killed / "run.json") == record


@pytest.mark.parametrize(
    ("mode", "model", "expected"),
    [
        ({"last_blocks": 2}, "mobilenet_v1_1.0_224", (224, 10, 32, 1e-4, (0.35, 1.0))),
        ({"fine_tune": True}, "mobilenet_v1_1.0_224", (160, 14, 32, 4e-4, (0.25, 1.0))),
        ({"fine_tune": True}, "mobilenet_v1_0.25_224", (160, 28, 64, 2e-3, (0.25, 1.0))),
        ({"from_scratch": True}, None, (96, 60, 64, 2e-3, (0.25, 1.0))),
    ],
)
def test_what_is_usual_is_what_the_documentation_says(mode, model, expected):
    pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
    from tinysight.cli.train import command as verb
    from tinysight.cli.train_options import make_plan

    choices = {str(option.name): False if getattr(option, "is_flag", False) else None for option in verb.params}
    choices |= {"mixed_precision": None, "tensorboard": None, **mode}
    options = make_plan("flowers", model, choices).options
    found = (options.resolution, options.epochs, options.batch_size, options.learning_rate, options.augmentation.scale)
    assert found[:3] == expected[:3]
    assert found[3] == pytest.approx(expected[3])
    assert found[4] == expected[4]
