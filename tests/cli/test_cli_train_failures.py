"""A run whose folder is full, read-only or gone, and one that is interrupted (RELIABILITY 38, 40)."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinysight.checkpoint import write_checkpoint
from tinysight.cli import run
from tinysight.preprocess import encode_png

pytest.importorskip("sklearn", reason="needs scikit-learn (extra train)")
pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
EPOCHS = 6
LAYERS = ["--fine-tune", "--resolution", "32", "--batch-size", "8", "--predict-resolution", "32"]
LIMITED = (
    "import resource, sys; from tinysight.cli import run; "
    "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000,) * 2); sys.exit(run(sys.argv[1:]))"
)


@pytest.fixture
def command(tmp_path, make_checkpoint, monkeypatch):
    monkeypatch.setenv("TINYSIGHT_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for place, name in enumerate(("dark", "light")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(24):
            pixels = rng.integers(90 * place, 90 * place + 120, (36, 36, 3), np.uint8)
            (tmp_path / "pictures" / name / f"{number}.png").write_bytes(encode_png(pixels))
    model = tmp_path / "model.safetensors"
    write_checkpoint(model, make_checkpoint(alpha=0.25, resolution=32, num_classes=3))
    where = ["--runs", str(tmp_path / "runs"), "--offline"]
    return ["train", str(tmp_path / "pictures"), "--model", str(model), *where, *LAYERS]


def started(arguments, program=("-m", "tinysight")):
    return subprocess.Popen(
        [sys.executable, *program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_snapshot(process, folder: Path) -> None:
    while process.poll() is None and not list(folder.glob("snapshots/step-*.safetensors")):
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()


def last_line(process) -> str:
    _, errors = process.communicate(timeout=120)
    assert "Traceback" not in errors
    return errors.strip().splitlines()[-1]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_snapshot_that_does_not_fit_ends_the_run_and_names_it(command, tmp_path):
    """A limit on the size of files stands in for a full disk: the write fails half-way just the same."""
    process = started([*command, "--epochs", "2"], ("-c", LIMITED))
    line = last_line(process)
    assert process.returncode == 1
    assert "snapshots/step-" in line
    assert "too large" in line
    snapshots = tmp_path / "runs" / "train-1" / "snapshots"
    assert not list(snapshots.iterdir())


def test_a_run_in_a_read_only_folder_names_it_and_keeps_the_last_snapshot(command, tmp_path, monkeypatch, capsys):
    from tinysight.train import snapshots

    write, calls = snapshots.write_atomically, []

    def write_once(target, data):
        calls.append(target)
        if len(calls) > 1:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        write(target, data)

    monkeypatch.setattr(snapshots, "write_atomically", write_once)
    assert run([*command, "--epochs", str(EPOCHS)]) == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert calls[1].name in line
    assert "Read-only" in line
    found, warnings = snapshots.read_newest(tmp_path / "runs" / "train-1" / "snapshots")
    assert (found.step, warnings) == (int(calls[0].stem[5:]), ())


def test_a_run_whose_folder_is_deleted_ends_with_its_name(command, tmp_path):
    process = started([*command, "--epochs", "400"])
    folder = tmp_path / "runs" / "train-1"
    wait_for_snapshot(process, folder)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)  # a snapshot may have come between
    line = last_line(process)
    assert process.returncode == 1
    assert str(folder) in line


def test_an_interrupt_leaves_a_whole_snapshot_and_resuming_is_idempotent(command, tmp_path):
    from tinysight.train.snapshots import read_newest

    whole, stopped = (tmp_path / "runs" / f"train-{number}" for number in (1, 2))
    assert run([*command, "--epochs", str(EPOCHS)]) == 0
    process = started([*command, "--epochs", str(EPOCHS)])
    wait_for_snapshot(process, stopped)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode == 130
    found, warnings = read_newest(stopped / "snapshots")
    assert found is not None
    assert not warnings
    resume = ["train", "--resume", str(stopped), "--offline"]
    assert run(resume) == 0
    for name in ("model.safetensors", "metrics.csv"):
        assert sha256(stopped / name) == sha256(whole / name)
    files = {path.name: sha256(path) for path in stopped.iterdir() if path.is_file()}
    assert run(resume) == 0
    assert {path.name: sha256(path) for path in stopped.iterdir() if path.is_file()} == files
