"""``tinysight quantize``: a model of yours in int8."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinysight.cli.options import offline_option, settings
from tinysight.cli.output import console, echo_json, json_option, left_out, output_path, progress_bar
from tinysight.errors import GateError, UsageError, printable

if TYPE_CHECKING:
    from tinysight.agreement import Photographs
    from tinysight.checkpoint import Checkpoint
    from tinysight.quantize_report import Report

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
CALIBRATION_PICTURES = 50
EPILOG = """\b
Examples:
  tinysight quantize mine.safetensors --output mine-int8.safetensors --calibration photos/
  tinysight quantize mine.safetensors -o small.safetensors --calibration photos/ --drop-float \\
      --report others/ --min-agreement 0.985"""


@click.command(epilog=EPILOG)
@click.argument("model")
@click.option("-o", "--output", metavar="FILE", required=True, help="Where the model goes, a .safetensors file.")
@click.option("--calibration", type=FOLDER, help="Pictures such as the model will see, 16 or more. Default: drawn.")
@click.option(
    "--max-pictures",
    type=click.IntRange(1),
    default=CALIBRATION_PICTURES,
    show_default=True,
    help="Calibrate on so many, spread evenly over the folder.",
)
@click.option("--report", type=FOLDER, help="Other pictures, to compare int8 with float32 on.")
@click.option(
    "--min-agreement", type=click.FloatRange(0, 1), help="Write nothing and exit 3 if fewer first answers are the same."
)
@click.option("--drop-float", is_flag=True, help="Leave the float32 weights out: a quarter of the size.")
@click.option("--force", is_flag=True, help="Replace an output that is already there.")
@offline_option
@json_option
def command(
    model: str,
    output: str,
    calibration: Path | None,
    max_pictures: int,
    report: Path | None,
    min_agreement: float | None,
    drop_float: bool,
    force: bool,
    offline: bool,
    as_json: bool,
) -> int:
    """Add int8 to MODEL, a released name or a .safetensors file with float32 weights.

    A folder is taken whole, or where it has a labels.csv (columns file and index), what that lists. Pictures that
    cannot be read are left out, and the exit code is 4. Without --calibration the ranges of all activations are the
    widest, which costs some agreement.
    """
    from tinysight.checkpoint import write_checkpoint
    from tinysight.models import open_model
    from tinysight.models.quantizing import quantize_model
    from tinysight.quantize_report import held_out, report_int8

    target = _checked_options(model, output, min_agreement, report, drop_float, force)
    with progress_bar() as progress:
        checkpoint = open_model(model, settings(offline), progress, precision="float32")
    if report is not None and not checkpoint.card.spec.include_top:
        raise UsageError("a report compares first answers, and this model has no head")
    seen = _read(calibration, checkpoint, max_pictures)
    judged, images = _read(report, checkpoint), seen.images if seen else None
    others, shared = held_out(judged, images) if judged else (None, 0)
    with progress_bar("Quantizing", of_bytes=False) as step:
        made = quantize_model(checkpoint, images, progress=step)
    found = report_int8(made, others, shared) if others else None
    missed = found is not None and min_agreement is not None and found.agreement < min_agreement
    if not missed:
        write_checkpoint(target, made.without_floats() if drop_float else made)
    unreadable = dict.fromkeys(line for part in (seen, judged) if part for line in part.unreadable)
    size = None if missed else target.stat().st_size
    _print(made, output, size, len(seen.images) if seen else 0, len(unreadable), found, as_json)
    code = left_out(list(unreadable))
    if missed and found is not None:
        same = round(found.agreement * found.pictures)
        raise GateError(
            f"int8 gives float32's first answer on {same} of {found.pictures} pictures, a share of "
            f"{found.agreement:.4f}; at least {min_agreement} is wanted; nothing was written"
        )
    return code


def _checked_options(
    model: str, output: str, min_agreement: float | None, report: Path | None, drop_float: bool, force: bool
) -> Path:
    """Refuse what cannot end well, before any work."""
    if min_agreement is not None and min_agreement != min_agreement:
        raise UsageError("--min-agreement must be from 0 to 1, received nan")
    if min_agreement is not None and report is None:
        raise UsageError("--min-agreement needs --report FOLDER to measure it on")
    target = output_path(output, ".safetensors", force)
    if drop_float and target.exists() and Path(model).exists() and target.samefile(model):
        raise UsageError("--drop-float would leave no copy of the float32 weights; give -o another name")
    return target


def _read(folder: Path | None, checkpoint: Checkpoint, limit: int | None = None) -> Photographs | None:
    """Read a folder: up to ``limit`` pictures to calibrate on, or all with their classes."""
    from tinysight.agreement import read_photographs

    classes = None if limit else checkpoint.card.spec.num_classes
    return None if folder is None else read_photographs(folder, checkpoint.card.recipe, limit, classes)


def _print(
    made: Checkpoint,
    output: str,
    size: int | None,
    calibrated: int,
    unreadable: int,
    found: Report | None,
    as_json: bool,
) -> None:
    written = None if size is None else output
    fields: dict[str, Any] = {"model": made.card.name, "output": written, "bytes": size, "calibrated_on": calibrated}
    if as_json:
        echo_json({**fields, "unreadable": unreadable, "report": None if found is None else found.to_dict()})
        return
    if size is not None:
        from tinysight.quantize import FEWEST

        pictures = f"{calibrated} picture{'s' * (calibrated != 1)}" if calibrated else "drawn pictures"
        joined = " and drawn ones" if 0 < calibrated < FEWEST else ""
        click.echo(f"wrote {printable(output)} ({size:,} bytes), calibrated on {pictures}{joined}")
    if found is not None:
        _table(found)


def _table(found: Report) -> None:
    from rich.table import Table

    without = f", {found.shared} left out that were calibrated on" if found.shared else ""
    click.echo(f"same first answer as float32  {found.agreement:.2%} of {found.pictures}{without}")
    if found.float_top1 is not None and found.int8_top1 is not None:
        click.echo(f"top-1                         {found.int8_top1:.2%}, float32 {found.float_top1:.2%}")
    click.echo(f"logits above their error      {found.snr_db:.1f} dB")
    table = Table("layer", "signal to noise", box=None)
    for name, value in found.layers_db.items():
        table.add_row(name, f"{value:.1f} dB")
    console().print(table)
