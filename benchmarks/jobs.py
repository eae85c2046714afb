"""Pairings in processes of their own, in one mode or the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from avx2_only import AS_IS, AVX2_ONLY, MODES, environment, why_not
from avx2_only.vector_state import vector_state
from peers import QUIET

from tinysight.benchmark import fingerprint
from tinysight.benchmark.machine import git_commit
from tinysight.spec import DEFAULT_MODEL

PACKAGES = (
    *("tinysight", "numpy", "pillow", "onnxruntime", "onnx", "openvino", "nncf", "ai-edge-litert", "torch", "keras"),
)
LOOK_S = 0.5
FOLDER = click.Path(exists=True, file_okay=False)


def machine(packages: Sequence[str] = PACKAGES) -> dict[str, Any]:
    """Describe the machine, and the commit of the source tree that this file belongs to."""
    return fingerprint(packages) | {"commit": git_commit(Path(__file__).resolve())}


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what every command that measures other programs is told: pictures, folders, model, calibration, modes."""
    for decorate in (
        click.option("--modes", default="both", type=click.Choice(["both", *MODES]), show_default=True),
        click.option(
            "--tensorflow", metavar="PYTHON", help="A Python that has TensorFlow, to write LiteRT's files once."
        ),
        click.option("--calibration", type=FOLDER, help="Other photographs to calibrate on."),
        click.option("--model", default=DEFAULT_MODEL),
        click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True),
        click.option(
            "--work", type=click.Path(path_type=Path), required=True, help="Keeps converted models between runs."
        ),
        click.argument("folder", type=FOLDER),
    ):
        command = decorate(command)
    return command


def wanted_modes(modes: str, work: Path) -> tuple[list[str], dict[str, str]]:
    """Return the modes that were asked for and are possible here, and why the others are not."""
    work.mkdir(parents=True, exist_ok=True)
    reason = why_not(work)
    wanted = [mode for mode in MODES if modes in ("both", mode) and (mode == AS_IS or reason is None)]
    return wanted, {} if reason is None else {AVX2_ONLY: reason}


def run_job(script: str, job: dict[str, Any], mode: str) -> dict[str, Any]:
    """Run one pairing in a process of its own; the last line that it prints when it fails becomes ``error``.

    Args:
        script: beside this file; takes the paths of job and result. Its registers are seen when it prints ``holding``.
        job: for the script; ``work`` is the folder for the files between.
        mode: one of ``MODES``.
    """
    work = Path(job["work"])
    paths = [work / "job.json", work / "result.json"]
    paths[0].write_text(json.dumps(job), encoding="utf-8")
    paths[1].unlink(missing_ok=True)
    variables = os.environ | QUIET | environment(mode, work)
    command = [sys.executable, str(Path(__file__).with_name(script)), *map(str, paths)]
    registers: list[str] = []
    with (work / "stderr.txt").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        for line in process.stdout:  # programs print what they like before
            if line == "holding\n":
                registers = sorted(vector_state(process.pid, LOOK_S))
        code = process.wait()
        errors.seek(0)
        last = (errors.read().strip() or "no message").splitlines()[-1]
    if code != 0 or not paths[1].exists():
        return {"error": last[:300]}
    return json.loads(paths[1].read_text(encoding="utf-8")) | {"registers": registers}
