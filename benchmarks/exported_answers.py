r"""What every export answers in its own runtime, on photographs, beside our own float32.

    python benchmarks/exported_answers.py FOLDER --calibration OTHERS --model NAME... [--resolution PX]... \
        --work DIR --output benchmarks/results/exports/answers.json [--only FORMAT]... [--avx2-only]

Rows of earlier runs stay in the output unless they are measured again, so that formats may be measured in environments
of their own. int8 is made anew on the calibration pictures for each resolution. ``size`` is the file by the bytes of
what it has to hold: folded kernels and biases in the precision's types.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
from avx2_only import AVX2_ONLY, environment
from jobs import machine

from tinysight.agreement import read_photographs, same_answers, signal_to_noise_db
from tinysight.checkpoint import Checkpoint
from tinysight.engines import open_engine
from tinysight.errors import TinysightError
from tinysight.export import FORMATS, ExportOptions
from tinysight.export.parity import check, compare_with_ours
from tinysight.fold import fold
from tinysight.models import open_model
from tinysight.models.quantizing import quantize_model
from tinysight.train.material import at_resolution

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
CALIBRATION = 300  # pictures
OWN = "tinysight"  # in the place of a format: our own engine
OPENED = [name for name, kind in FORMATS.items() if kind.open]
KEY = ("model", "alpha", "resolution", "folder", "format", "precision", "mode")
# Keras' files hold batch norm as it is, and so do a state dict's; a page brings a program along.
UNFOLDED, WITHOUT_SIZE = ("keras", "timm", "huggingface"), ("web",)


def held_bytes(checkpoint: Checkpoint, format_name: str, precision: str) -> int:
    """Return the bytes of the numbers that a file has to hold."""
    if precision == "int8":
        assert checkpoint.integers is not None
        rows = checkpoint.integers.layers.values()
        return sum(row.kernel.nbytes + row.bias.nbytes for row in rows)
    if format_name in UNFOLDED:
        return sum(array.nbytes for array in checkpoint.arrays.values())
    folded = fold(checkpoint.card.spec, checkpoint.arrays).values()
    kernels = sum(kernel.nbytes for kernel, _ in folded)
    return kernels // (2 if precision == "float16" else 1) + sum(bias.nbytes for _, bias in folded)


def measure(checkpoint: Checkpoint, format_name: str, precision: Any, images: Any) -> dict[str, Any]:
    """Export and ask; a refusal becomes ``error``."""
    kind = FORMATS[format_name]
    assert kind.open is not None
    try:
        made = kind.make(checkpoint, ExportOptions(precision), Path(f"m{kind.suffix}"))
        files = made.values() if isinstance(made, Mapping) else [made]
        size = sum(map(len, files))
        parity = compare_with_ours(checkpoint, kind.open(made), precision, images, size)
    except TinysightError as error:
        return {"error": str(error)}
    found = parity.to_dict()
    try:
        check(parity)
    except TinysightError as error:
        found["gate"] = str(error)
    if format_name not in WITHOUT_SIZE:
        found["size"] = round(size / held_bytes(checkpoint, format_name, precision), 4)
    return found


def own_int8(checkpoint: Checkpoint, images: Any) -> dict[str, Any]:
    """Return how often our own int8 has float32's first answer: what an int8 export can reach."""
    logits = {}
    for precision in ("float32", "int8"):
        engine = open_engine(checkpoint, precision=precision, threads=2)
        logits[precision] = np.concatenate([engine.run(image[None]).logits for image in images])
    agreement = same_answers(logits["int8"], logits["float32"])
    decibels = signal_to_noise_db(logits["int8"], logits["float32"])
    return {"format": OWN, "precision": "int8", "agreement": agreement, "own_db": decibels, "pictures": len(images)}


def rows_of(name: str, resolution: int | None, folder: Path, calibration: Path, only: tuple[str, ...]) -> Any:
    """Yield a row for each format and precision."""
    base = open_model(name, precision="float32")
    model = at_resolution(base, resolution) if resolution else replace(base, integers=None)
    images = read_photographs(folder, model.card.recipe).images
    others = read_photographs(calibration, model.card.recipe, limit=CALIBRATION).images
    whole = quantize_model(model, others)
    spec = model.card.spec
    common = {"model": model.card.name, "classes": spec.num_classes, "alpha": spec.alpha}
    common |= {"resolution": spec.resolution, "folder": folder.name}
    if not only or OWN in only:
        yield common | own_int8(whole, images)
    for format_name in [name for name in only if name != OWN] if only else OPENED:
        for precision in FORMATS[format_name].precisions:
            row = common | {"format": format_name, "precision": precision}
            row |= measure(whole, format_name, precision, images)
            told = row.get("error") or row.get("gate")
            if told is None:
                decibels, difference = row["signal_to_noise_db"], row["largest_difference"]
                told = f"{row['agreement']:.1%}, {difference:.2g}, {decibels:.1f} dB, size {row.get('size')}"
            click.echo(f"{row['model']:22} {row['resolution']} {format_name:12} {precision:8} {told}")
            yield row


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--calibration", type=FOLDER, required=True)
@click.option("--model", "models", multiple=True, required=True)
@click.option("--resolution", "resolutions", multiple=True, type=int, help="Default: the model's own.")
@click.option("--work", type=click.Path(path_type=Path), required=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--only", multiple=True, type=click.Choice([OWN, *OPENED]))
@click.option("--avx2-only", is_flag=True, help="Show the runtimes a processor with AVX2 and nothing newer.")
def main(
    folder: Path,
    calibration: Path,
    models: tuple[str, ...],
    resolutions: tuple[int, ...],
    work: Path,
    output: Path,
    only: tuple[str, ...],
    avx2_only: bool,
) -> None:
    """Measure on FOLDER, photographs."""
    mode = os.environ.get("EXPORTED_ANSWERS_MODE", "as is")
    if avx2_only and mode != AVX2_ONLY:
        variables = os.environ | environment(AVX2_ONLY, work) | {"EXPORTED_ANSWERS_MODE": AVX2_ONLY}
        raise SystemExit(subprocess.run([sys.executable, *sys.argv], env=variables, check=False).returncode)
    kept = json.loads(output.read_text(encoding="utf-8"))["rows"] if output.exists() else []
    for name in models:
        for resolution in resolutions or (None,):
            for row in rows_of(name, resolution, folder, calibration, only):
                found = row | {"mode": mode}
                kept = [old for old in kept if any(old[key] != found[key] for key in KEY)] + [found]
    output.parent.mkdir(parents=True, exist_ok=True)
    packages = ("tinysight", "numpy", "onnxruntime", "openvino", "ai-edge-litert", "timm", "transformers", "keras")
    document = {"kind": "exported answers", "machine": machine(packages), "rows": kept}
    output.write_text(json.dumps(document, indent=1, default=float) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
