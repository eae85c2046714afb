"""``tinysight export``: a model in another program's format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinysight.cli.options import model_option, offline_option, settings
from tinysight.cli.output import echo_json, json_option, left_out, output_path, progress_bar
from tinysight.errors import UsageError, printable
from tinysight.export import FORMATS
from tinysight.export.options import MAX_BATCH

if TYPE_CHECKING:
    from tinysight.checkpoint import Checkpoint
    from tinysight.export import ExportOptions, Parity

EPILOG = "\b\nFormats:\n" + "\n".join(f"  {name}  {kind.text}" for name, kind in FORMATS.items())
EPILOG += """

\b
Examples:
  tinysight export --format onnx --output mobilenet.onnx
  tinysight export --model runs/train-1/model.safetensors -f onnx --precision int8 \\
      --input pixels --check photos/ -o flowers.onnx
  tinysight export --model mobilenet_v1_1.0_224 --format keras-h5 --output mobilenet.h5
  tinysight export --format web --output site"""
OPEN_BATCH = "any"


def _batch(_context: click.Context, _option: click.Parameter, value: str) -> int | None:
    if value == OPEN_BATCH:
        return None
    if not value.isdecimal() or len(value) > 6 or not 1 <= int(value) <= MAX_BATCH:
        raise UsageError(
            f"--batch must be a whole number from 1 to {MAX_BATCH}, or {OPEN_BATCH}, received {printable(value, 40)!r}"
        )
    return int(value)


@click.command(epilog=EPILOG)
@model_option
@click.option("-f", "--format", "format_name", type=click.Choice(list(FORMATS)), required=True, help="What to write.")
@click.option("-o", "--output", metavar="PATH", required=True, help="Where the file or folder goes.")
@click.option("--precision", type=click.Choice(["float32", "float16", "int8"]), default="float32", show_default=True)
@click.option(
    "--input",
    "input_kind",
    type=click.Choice(["floats", "pixels"]),
    default="floats",
    show_default=True,
    help="Whether the file takes float32 in the model's range, or uint8 and scales them itself.",
)
@click.option(
    "--scores",
    type=click.Choice(["logits", "probabilities"]),
    default="logits",
    show_default=True,
    help="What the file gives; probabilities are the logits after softmax.",
)
@click.option("--batch", default="1", show_default=True, callback=_batch, help="Pictures in a run, or any.")
@click.option(
    "--check",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Pictures to compare on. Default: probes and drawn pictures.",
)
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    help="Share of first answers that must be float32's. Default, from 200 pictures on: float32 1, float16 0.99, "
    "int8 0.985.",
)
@click.option("--force", is_flag=True, help="Replace an output that is already there.")
@offline_option
@json_option
def command(
    model: str,
    format_name: str,
    output: str,
    precision: Any,
    input_kind: str,
    scores: str,
    batch: int | None,
    folder: Path | None,
    min_agreement: float | None,
    force: bool,
    offline: bool,
    as_json: bool,
) -> int:
    """Write a model in another program's format.

    The file is opened in that program's own runtime and must give our answers there; else nothing is written, and the
    exit code is 3. What was found goes beside it, into OUTPUT.parity.json. Options that the other format cannot express
    (padding, epsilon) are checked, and a model that would answer differently there is refused.
    """
    from tinysight.agreement import read_photographs
    from tinysight.export import ExportOptions, export_model
    from tinysight.models import open_model

    if min_agreement is not None and folder is None:
        raise UsageError("--min-agreement needs --check FOLDER to measure it on")
    target = output_path(output, FORMATS[format_name].suffix, force)
    sources = settings(offline)
    with progress_bar() as progress:
        wanted = "int8" if precision == "int8" else "float32"
        checkpoint = open_model(model, sources, progress, precision=wanted)
        if wanted == "int8" and folder is not None:
            checkpoint = _with_floats(checkpoint, model, sources, progress, min_agreement is not None)
    seen = None if folder is None else read_photographs(folder, checkpoint.card.recipe)
    images = None if seen is None else seen.images
    with progress_bar() as progress:
        options = ExportOptions(precision, input_kind == "pixels", batch, scores == "probabilities", sources, progress)
        found = export_model(checkpoint, format_name, target, options, images, min_agreement)
    _print(checkpoint, format_name, output, _size(target), options, found, as_json)
    return left_out([] if seen is None else list(seen.unreadable))


def _with_floats(checkpoint: Checkpoint, model: str, sources: Any, progress: Any, must: bool) -> Checkpoint:
    """Add the float32 numbers, whose first answers int8 is held against, where the model's file has none.

    Raises:
        TinysightError: they cannot be had, and ``must`` says that they are needed.
    """
    from dataclasses import replace

    from tinysight.errors import TinysightError
    from tinysight.models import open_model

    if checkpoint.arrays:
        return checkpoint
    try:
        return replace(checkpoint, arrays=open_model(model, sources, progress, precision="float32").arrays)
    except TinysightError as error:
        if must:
            raise
        click.echo(f"not compared with float32's first answers: {error}", err=True)
        return checkpoint


def _size(target: Path) -> int:
    files = target.rglob("*") if target.is_dir() else [target]
    return sum(file.stat().st_size for file in files if file.is_file())


def _print(
    checkpoint: Checkpoint,
    format_name: str,
    output: str,
    size: int,
    options: ExportOptions,
    found: Parity | None,
    as_json: bool,
) -> None:
    if as_json:
        parity = None if found is None else found.to_dict()
        fields = {"model": checkpoint.card.name, "format": format_name, "precision": options.precision}
        echo_json({**fields, "output": output, "bytes": size, "parity": parity})
        return
    click.echo(f"wrote {printable(output)} ({size:,} bytes)")
    if found is None:
        return
    same = f"{found.same_precision_agreement:.1%} of {found.pictures} first answers as our {_ours(options)} engine's"
    click.echo(f"{found.runtime}: {same}, logits differ by at most {found.largest_difference:.2g}")
    if options.precision != "float32" and found.agreement is not None:
        click.echo(f"as float32: {found.agreement:.1%}")
    click.echo(f"one picture, one thread: {found.milliseconds:.1f} ms there, {found.our_milliseconds:.1f} ms here")


def _ours(options: ExportOptions) -> str:
    return "int8" if options.precision == "int8" else "float32"
