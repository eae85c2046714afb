"""What ``tinysight doctor`` says to people."""

from __future__ import annotations

import os
import shlex
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinysight.cli.output import NAMED, console, echo_styled
from tinysight.cli.tables import show, table
from tinysight.errors import printable

if TYPE_CHECKING:
    from tinysight.data.doctor import Checkup
    from tinysight.data.findings import Finding

COLOURS = {"error": "bold red", "warning": "bold yellow", "note": "bold"}
# Below this, all layers learn the training pictures by heart before they learn what tells the classes apart.
ENOUGH_FOR_ALL_LAYERS = 1000


def print_checkup(checkup: Checkup, name_all: bool, split_options: str) -> None:
    """Print layout, classes, findings and plan on stdout.

    Args:
        checkup: what was found.
        name_all: name every file of every finding.
        split_options: what ``train`` must be told so that it splits in the same way, with a space in front, or nothing.
    """
    dataset, named = checkup.dataset, len(checkup.dataset.classes)
    pictures = f"{len(dataset.examples):,} pictures of {named:,} class{'es' * (named != 1)}"
    click.echo(f"{printable(dataset.where)}: {dataset.layout}, {pictures}\n")
    _print_classes(checkup)
    for kind, findings in groupby(checkup.findings, key=lambda finding: finding.kind):
        _print_kind(kind, list(findings), dataset.where, name_all)
    if not checkup.findings:
        click.echo("\nNothing to complain of.")
    _print_plan(checkup, split_options)


def _print_classes(checkup: Checkup) -> None:
    from tinysight.data import PARTS

    totals = [f"{sum(column):,}" for column in zip(*checkup.counts, strict=True)]
    rows = table(["class", *(f">{part}" for part in PARTS)], ["all", *totals])
    for name, counts in zip(checkup.dataset.classes, checkup.counts, strict=True):
        rows.add_row(printable(name, 60), *(f"{count:,}" for count in counts))
    show(console(), rows)


def _print_kind(kind: str, findings: list[Finding], where: str, name_all: bool) -> None:
    from tinysight.data.findings import KINDS

    severity, title = KINDS[kind]
    click.echo()
    echo_styled((severity, COLOURS[severity]), (f"  {title}", "bold"), (f"  [{kind}]", "dim"))
    shown = findings if name_all else findings[:NAMED]
    for finding in shown:
        files = finding.files if name_all else finding.files[:NAMED]
        names = ", ".join(_short(name, where) for name in files)
        more = len(finding.files) - len(files)
        names += f" and {more:,} more" if more else ""
        click.echo(f"  {names}: {finding.message}" if names else f"  {finding.message}")
    if len(findings) > len(shown):
        click.echo(f"  and {len(findings) - len(shown):,} more such; --all names them")


def _short(name: str, where: str) -> str:
    """Return a path without the folder that all of them share."""
    folder = where if Path(where).is_dir() else os.path.dirname(where)  # noqa: PTH120 - as the user wrote it
    shared = os.path.join(folder, "")  # noqa: PTH118 - with the slash behind it
    return printable(name.removeprefix(shared) or name)


def _print_plan(checkup: Checkup, split_options: str) -> None:
    from tinysight.data import LEFT_OUT, PARTS

    sizes = {part: len(checkup.split.of(part)) for part in PARTS}
    omitted = int((checkup.split.parts == LEFT_OUT).sum())
    click.echo()
    echo_styled(("Plan", "bold"))
    if len(checkup.dataset.classes) < 2 or not sizes["train"]:
        click.echo("  tinysight train would refuse: it needs two classes or more, and pictures to teach with")
        return
    click.echo(
        f"  teach with {sizes['train']:,}, choose with {sizes['val']:,}, measure with {sizes['test']:,}", nl=False
    )
    click.echo(f"; {omitted:,} left out" if omitted else "")
    line = printable(f"tinysight train {shlex.quote(checkup.dataset.where)}{split_options}", 500)
    click.echo(f"  a new head, in seconds:  {line}")
    if sizes["train"] >= ENOUGH_FOR_ALL_LAYERS:
        click.echo(f"  all layers, in minutes:  {line} --fine-tune")
