"""Accuracy and time of whole ``tinysight train`` commands, over several seeds.

    python benchmarks/training.py FLOWERS --wide 1.0.safetensors --narrow 0.25.safetensors --work DIR \
        --output benchmarks/results/training/accuracy.json [--only NAME]...

Each seed is both the run's and the split's, so that the spread holds other pictures as well as other chance. A command
is timed from its start to its end. Nothing is chosen here: settings are the command's defaults or stand in ``RUNS``,
where they were chosen by validation pictures. Each run
has an empty cache folder of its own, but for the head that is run twice with one.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
from jobs import machine

PACKAGES = ("tinysight", "numpy", "pillow", "scikit-learn", "torch")
T_95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 8: 2.365, 10: 2.262}  # Student's, two-sided, by the number of runs

# name -> which model, other options
RUNS: dict[str, tuple[str, list[str]]] = {
    "head 1.0": ("wide", []),
    "head 1.0, cached": ("wide", []),
    "head 1.0 at 160 px": ("wide", ["--predict-resolution", "160"]),
    "head 0.25": ("narrow", []),
    "all layers 0.25, short": ("narrow", ["--fine-tune", "--resolution", "128", "--epochs", "12"]),
    "all layers 0.25": ("narrow", ["--fine-tune"]),
    "last blocks 1.0": ("wide", ["--last-blocks", "2"]),
    "all layers 1.0": ("wide", ["--fine-tune"]),
    "from scratch 0.25": ("none", ["--from-scratch"]),
}


def run_once(data: Path, model: Path | None, options: list[str], seed: int, work: Path, cache: Path) -> dict[str, Any]:
    """Run a command and return what it printed, with its ``wall_s``."""
    start = [] if model is None else ["--model", str(model)]
    seeds = ["--seed", str(seed), "--split-seed", str(seed)]
    arguments = [str(data), "--offline", "--json", "--runs", str(work / "runs"), *start, *options, *seeds]
    environment = os.environ | {"TINYSIGHT_CACHE": str(cache)}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "tinysight", "train", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.monotonic() - begun
    if not done.stdout:
        raise click.ClickException(done.stderr.strip().splitlines()[-1])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"wall_s": round(wall, 1)}


def summary(values: list[float]) -> dict[str, float | None]:
    """Return the mean of some runs and half of its 95 % interval."""
    mean = statistics.fmean(values)
    if len(values) not in T_95:
        return {"mean": mean, "half_interval": None}
    return {"mean": mean, "half_interval": T_95[len(values)] * statistics.stdev(values) / math.sqrt(len(values))}


def coverage(model: str, data: Path) -> dict[str, Any]:
    """Return how often sets of 90 % hold the label, of pictures that the model has not seen."""
    arguments = ["evaluate", model, str(data), "--json", "--coverage", "0.9"]
    done = subprocess.run([sys.executable, "-m", "tinysight", *arguments], capture_output=True, text=True, check=False)
    sets: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["coverage"]
    return sets


def measure(
    name: str, data: Path, models: dict[str, Path | None], seeds: int, work: Path, cover: bool
) -> dict[str, Any]:
    """Run one setting with every seed."""
    which, options = RUNS[name]
    rows = []
    for seed in range(seeds):
        cache = work / ("cache" if name.endswith("cached") else f"cold-{time.monotonic_ns()}")
        found = run_once(data, models[which], options, seed, work, cache)
        if name.endswith("cached"):  # the first run has left embeddings and int8 layers; this one is what is timed
            found = run_once(data, models[which], options, seed, work, cache)
        results = found["results"]
        row = {
            "seed": seed,
            **{key: results[key] for key in ("float_top1", "top1", "images", "calibration_error", "resolution")},
            **{key: results.get(key) for key in ("val_top1", "head_val_top1", "head_top1")},
            "wall_s": found["wall_s"],
            "seconds": found["seconds"],
        }
        if cover:
            row["coverage"] = coverage(found["model"], data)
        rows.append(row)
        click.echo(
            f"{name:24} seed {seed}: {row['float_top1']:.2%} float32, {row['top1']:.2%} int8, {row['wall_s']:.0f} s, "
            f"at {row['resolution']} px, calibration {row['calibration_error']:.3f}"
        )
    columns = ("float_top1", "top1", "calibration_error", "wall_s")
    sums = {column: summary([row[column] for row in rows]) for column in columns}
    click.echo(f"{name:24} mean {sums['float_top1']['mean']:.2%}, {sums['wall_s']['mean']:.0f} s")
    return {"options": " ".join(options), "model": which, "runs": rows, **sums}


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--wide", type=click.Path(exists=True, path_type=Path), required=True, help="Weights of alpha 1.0.")
@click.option("--narrow", type=click.Path(exists=True, path_type=Path), required=True, help="Weights of alpha 0.25.")
@click.option("--work", type=click.Path(path_type=Path), required=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(list(RUNS)), help="Default: all; others are kept as they are.")
@click.option("--coverage", "cover", is_flag=True, help="Also measure sets of 90 %.")
def main(
    data: Path, wide: Path, narrow: Path, work: Path, output: Path, seeds: int, only: tuple[str, ...], cover: bool
) -> None:
    """Measure on DATA, a folder of labelled pictures."""
    work.mkdir(parents=True, exist_ok=True)
    models = {"wide": wide, "narrow": narrow, "none": None}
    before = json.loads(output.read_text(encoding="utf-8"))["settings"] if output.exists() else {}
    document = {"kind": "training", "machine": machine(PACKAGES), "settings": before}
    for name in only or RUNS:
        document["settings"][name] = measure(name, data, models, seeds, work, cover)
        output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
