"""From process start to printed label: ``tinysight predict`` against the shortest script with ONNX Runtime.

    python benchmarks/cold_start.py PICTURE --work DIR --output cold_start.json

The commands run in turns, each a whole process; peak memory is each process's own. ``python -c 'import numpy'`` stands
beside them, because none of them can be faster.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
from jobs import machine
from peers import QUIET, missing
from peers.material import Material
from peers.onnx_runtime import quantized

from tinysight.agreement import read_photographs
from tinysight.benchmark import Watch, measure_commands
from tinysight.benchmark.rows import noise_fields, process_row
from tinysight.models import open_model

SCRIPT = Path(__file__).with_name("shortest_script.py")
PACKAGES = ("tinysight", "numpy", "pillow", "onnxruntime")


def commands(picture: str, work: Path, calibration: Path | None, model: str) -> dict[str, list[str]]:
    """Return what is run, by name; writes the models and labels that the script wants."""
    python, found = sys.executable, {}
    found["python -c 'import numpy'"] = [python, "-c", "import numpy"]
    for precision in ("int8", "int16", "float32"):
        arguments = ["-m", "tinysight", "predict", "--top-k", "1", "--precision", precision, picture]
        if subprocess.run([python, *arguments], capture_output=True, check=False).returncode == 0:
            found[f"tinysight predict, {precision}"] = [python, *arguments]
    if missing("onnx_runtime"):
        return found
    checkpoint = open_model(model, precision="float32")
    images = np.zeros((0, 224, 224, 3), np.uint8)
    if calibration is not None:
        images = read_photographs(calibration, checkpoint.card.recipe, 50).images
    material = Material(checkpoint, images, work)
    labels = work / "labels.txt"
    labels.write_text("\n".join(label.name for label in checkpoint.card.labels or ()), encoding="utf-8")
    found["ONNX Runtime script, float32"] = [python, str(SCRIPT), str(material.onnx_planes()), str(labels), picture]
    if len(images):
        path = quantized(material, "int8 reduce_range")
        found["ONNX Runtime script, int8"] = [python, str(SCRIPT), str(path), str(labels), picture]
    return found


@click.command()
@click.argument("picture", type=click.Path(exists=True, dir_okay=False))
@click.option("--work", type=click.Path(path_type=Path), required=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--calibration", type=click.Path(exists=True, path_type=Path), help="Photographs for the script's int8.")
@click.option("--model", default="mobilenet_v1_1.0_224")
@click.option("--rounds", default=20, show_default=True)
def main(picture: str, work: Path, output: Path, calibration: Path | None, model: str, rounds: int) -> None:
    """Measure PICTURE."""
    os.environ.update(QUIET)
    work.mkdir(parents=True, exist_ok=True)
    chosen = commands(picture, work, calibration, model)
    watch = Watch()
    watch.look()
    runs = measure_commands(list(chosen.values()), rounds)
    watch.look()
    rows = [process_row(name, run) for name, run in zip(chosen, runs, strict=True)]
    for row in rows:
        peak = f"{row['peak_bytes'] / 1e6:5.1f} MB"
        click.echo(f"{row['command']:32} {row['min_ms']:6.0f} ms, median {row['median_ms']:6.0f}, {peak}")
    document = {"kind": "cold start", "machine": machine(PACKAGES), "rows": rows, **noise_fields(watch.result())}
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
