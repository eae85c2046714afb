"""``tinysight doctor``: whether labelled pictures are fit to teach with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tinysight.cli.options import start_no_blas_threads
from tinysight.cli.output import echo_json, json_option, progress_bar
from tinysight.spec import MIN_RESOLUTION

if TYPE_CHECKING:
    from tinysight.data.doctor import Checkup

MAX_RESOLUTION = 4096  # of a recipe; said again, because a recipe is only imported when it is needed
EPILOG = """\b
Examples:
  tinysight doctor flowers/
  tinysight doctor labels.csv --resolution 160 --json"""
SHARE = click.FloatRange(0, 1, max_open=True)


@click.command(epilog=EPILOG)
@click.argument("data")
@click.option("--test-share", type=SHARE, default=0.2, show_default=True, help="Of each class, to measure with.")
@click.option("--val-share", type=SHARE, default=0.1, show_default=True, help="Of each class, to choose with.")
@click.option("--split-seed", type=int, default=0, show_default=True, help="Another one cuts elsewhere.")
@click.option(
    "--resolution",
    type=click.IntRange(MIN_RESOLUTION, MAX_RESOLUTION),
    default=224,
    show_default=True,
    help="Side of the network's input in pixels.",
)
@click.option("--all", "name_all", is_flag=True, help="Name every file, not the first few.")
@json_option
def command(
    data: str,
    test_share: float,
    val_share: float,
    split_seed: int,
    resolution: int,
    name_all: bool,
    as_json: bool,
) -> int:
    """Check DATA, a folder of labelled pictures or a table, before it teaches.

    Says what is damaged, labelled twice, nearly the same in training and test, or rare, and what tinysight train would
    do. Nothing is changed. The exit code is 4 where something is worse than a note. docs/data.md tells what each
    finding means.
    """
    # NumPy, when it is imported, would start threads that are only in each other's way: the matrices are small.
    start_no_blas_threads()
    from tinysight.cli import EXIT_SOME_UNREADABLE
    from tinysight.data.doctor import check_dataset

    with progress_bar("Reading pictures", of_bytes=False) as progress:
        checkup = check_dataset(
            data,
            test_share=test_share,
            val_share=val_share,
            seed=split_seed,
            resolution=resolution,
            progress=progress,
        )
    if as_json:
        _print_json(checkup)
    else:
        from tinysight.cli.doctor_text import print_checkup

        print_checkup(checkup, name_all, _changed(test_share, val_share, split_seed))
    return EXIT_SOME_UNREADABLE if checkup.needs_attention else 0


def _changed(test_share: float, val_share: float, split_seed: int) -> str:
    """Return the options of the split that are not the usual ones, as ``train`` takes them."""
    given = (("--test-share", test_share, 0.2), ("--val-share", val_share, 0.1), ("--split-seed", split_seed, 0))
    return "".join(f" {name} {value:g}" for name, value, usual in given if value != usual)


def _print_json(checkup: Checkup) -> None:
    from tinysight.data import LEFT_OUT, PARTS

    dataset = checkup.dataset
    echo_json(
        {
            "data": dataset.where,
            "layout": dataset.layout,
            "classes": [
                {"name": name, **dict(zip(PARTS, counts, strict=True))}
                for name, counts in zip(dataset.classes, checkup.counts, strict=True)
            ],
            "pictures": len(dataset.examples),
            "left_out": int((checkup.split.parts == LEFT_OUT).sum()),
            "findings": [
                {"kind": one.kind, "severity": one.severity, "message": one.message, "files": one.files}
                for one in checkup.findings
            ],
        }
    )
