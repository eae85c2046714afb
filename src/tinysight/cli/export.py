"""``tinysight export``: a model in another program's format."""

from __future__ import annotations

import click

from tinysight.cli.options import model_option, offline_option, settings
from tinysight.cli.output import echo_json, json_option, output_path, progress_bar
from tinysight.errors import printable
from tinysight.export import FORMATS

EPILOG = "\b\nFormats:\n" + "\n".join(f"  {name}  {kind.text}" for name, kind in FORMATS.items())
EPILOG += "\n\n\b\nExample:\n  tinysight export --model mobilenet_v1_1.0_224 --format keras-h5 --output mobilenet.h5"


@click.command(epilog=EPILOG)
@model_option
@click.option("-f", "--format", "format_name", type=click.Choice(list(FORMATS)), required=True, help="What to write.")
@click.option("-o", "--output", metavar="FILE", required=True, help="Where the file goes.")
@click.option("--force", is_flag=True, help="Replace an output that is already there.")
@offline_option
@json_option
def command(model: str, format_name: str, output: str, force: bool, offline: bool, as_json: bool) -> None:
    """Write a model in another program's format.

    The file is whole or absent. Options that the other format cannot express (padding, epsilon) are checked, and a
    model that would answer differently there is refused.
    """
    from tinysight.export import export_model
    from tinysight.models import open_model

    target = output_path(output, FORMATS[format_name].suffix, force)
    with progress_bar() as progress:
        checkpoint = open_model(model, settings(offline), progress, precision="float32")
    export_model(checkpoint, format_name, target)
    size = target.stat().st_size
    if as_json:
        echo_json({"model": checkpoint.card.name, "format": format_name, "output": output, "bytes": size})
    else:
        click.echo(f"wrote {printable(output)} ({size:,} bytes)")
