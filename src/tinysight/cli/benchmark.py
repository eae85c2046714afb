"""``tinysight benchmark``: how fast our engines are on this machine, and whether they give the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinysight.cli.options import offline_option, say_where_kernels_are_missing, settings
from tinysight.cli.output import check_folder, json_option, left_out, progress_bar
from tinysight.errors import GateError, UsageError, printable
from tinysight.spec import DEFAULT_MODEL

if TYPE_CHECKING:
    from tinysight.checkpoint import Checkpoint

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
EPILOG = """\b
Examples:
  tinysight benchmark
  tinysight benchmark --precision float32,int8 --threads 1,2 --pictures photos/
  tinysight benchmark --min-ratio int8/float32=1.8
  tinysight benchmark --end-to-end photos/ --json
"""


def _on_command_line(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is click.core.ParameterSource.COMMANDLINE


def _several(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _threads(text: str) -> list[int]:
    parts = _several(text)
    if not parts or not all(part.isdecimal() and len(part) < 4 for part in parts):
        raise UsageError(f"--threads must be whole numbers from 1 to 64, commas between, received {printable(text)!r}")
    return [int(part) for part in parts]


@click.command("benchmark", epilog=EPILOG)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    default=[DEFAULT_MODEL],
    show_default=True,
    metavar="MODEL",
    help="Released model or .safetensors file; may be repeated.",
)
@click.option(
    "--precision", metavar="NAMES", help="float32,int16,int8 or some of them. Default: all that the model has."
)
@click.option("--threads", default="1", show_default=True, metavar="NUMBERS", help="For one call, for example 1,2.")
@click.option("--engines", default="auto", show_default=True, metavar="NAMES", help="native,reference,onnx.")
@click.option("--isa", envvar="TINYSIGHT_ISA", help="Instruction set of the native engine (TINYSIGHT_ISA).")
@click.option("--batch-size", type=click.IntRange(1, 1024), default=1, show_default=True, help="Pictures a call.")
@click.option(
    "--rounds", type=click.IntRange(1, 10_000), default=15, show_default=True, help="Turns of each contender."
)
@click.option("--seconds", type=click.FloatRange(0, 3600), default=0.2, show_default=True, help="Length of a turn.")
@click.option("--pictures", type=FOLDER, help="Photographs to compare answers on; labels.csv there gives accuracy.")
@click.option(
    "--end-to-end", type=FOLDER, help="Instead: pictures a second from a folder's files to names, all processors."
)
@click.option("--cold-start", metavar="PICTURE", help="Instead: process start to printed label, and peak memory.")
@click.option(
    "--min-ratio", "gates", multiple=True, metavar="A/B=RATIO", help="Exit 3 unless A is so many times as fast as B."
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the JSON lines here as well.")
@offline_option
@json_option
def command(
    models: tuple[str, ...],
    precision: str | None,
    threads: str,
    engines: str,
    isa: str | None,
    batch_size: int,
    rounds: int,
    seconds: float,
    pictures: Path | None,
    end_to_end: Path | None,
    cold_start: str | None,
    gates: tuple[str, ...],
    output: Path | None,
    offline: bool,
    as_json: bool,
) -> int:
    """Time our engines in turns, A B A B, so that what disturbs the machine disturbs all alike.

    The last line says which machine it was. Rows of a machine that something else kept busy are marked as noisy.
    """
    from tinysight.benchmark import Plan, fingerprint, parse_gate
    from tinysight.benchmark.jobs import Choice, time_calls, time_commands, time_files
    from tinysight.cli import EXIT_SOME_UNREADABLE
    from tinysight.cli.benchmark_rows import Printer

    asked = [parse_gate(gate) for gate in gates]
    if seconds != seconds:
        raise UsageError("--seconds must be from 0 to 3600, received nan")
    if (end_to_end or cold_start) and (threads, batch_size) != ("1", 1):
        raise UsageError("--end-to-end and --cold-start take no --threads and no --batch-size")
    if cold_start and (engines != "auto" or _on_command_line("isa")):
        raise UsageError("--cold-start takes no --engines and no --isa; set TINYSIGHT_ISA")
    if output is not None:
        check_folder(output)
    if (end_to_end is not None) + (cold_start is not None) + bool(pictures or gates) > 1:
        raise UsageError("--end-to-end, --cold-start and timing with --pictures or --min-ratio exclude each other")
    say_where_kernels_are_missing()
    printer, missed, unreadable = Printer(as_json, output), [], 0
    for model in models:
        opened = _opened(model, _several(precision) if precision else None, offline)
        choice = Choice(opened, _several(engines), _threads(threads), isa)
        if cold_start is not None:
            printer.rows("process start to printed label", time_commands(model, list(opened), cold_start, rounds))
        elif end_to_end is not None:
            rows = time_files(choice, end_to_end, rounds)
            printer.rows(f"{model}: files to names", rows)
            unreadable += max(row["unreadable"] for row in rows)
        else:
            rows, short, reasons = time_calls(choice, Plan(rounds, seconds), batch_size, pictures, asked)
            printer.rows(f"{model}, batch {batch_size}", rows)
            missed += short
            unreadable += len(reasons)
            left_out(list(reasons))
    printer.machine(fingerprint())
    if missed:
        raise GateError("; ".join(missed))
    return EXIT_SOME_UNREADABLE if unreadable else 0


def _opened(model: str, wanted: list[str] | None, offline: bool) -> dict[str, Checkpoint]:
    """Open a model in every precision; those that cannot be had and were not asked for are named on stderr."""
    from tinysight.benchmark.own import open_precisions
    from tinysight.models import open_model

    with progress_bar() as progress:
        found = open_precisions(lambda precision: open_model(model, settings(offline), progress, precision), wanted)
    for reason in dict.fromkeys(found.missing):
        click.echo(f"left out: {printable(reason, 500)}", err=True)
    return found.checkpoints
