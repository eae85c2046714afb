"""The folder of one run: what was asked for, what happened, what came out."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tinysight.atomic import write_atomically
from tinysight.errors import TinysightError, UsageError, printable

FORMAT = "tinysight-run 1"
RECORD, METRICS, MODEL, REPORT, CURVES = "run.json", "metrics.csv", "model.safetensors", "report.html", "curves.svg"
SNAPSHOTS = "snapshots"
_RUN = re.compile(r"train-(\d{1,9})")


def new_folder(runs: Path) -> Path:
    """Make ``runs/train-N`` with the first free number above all others.

    Raises:
        TinysightError: it cannot be made.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
        while True:
            taken = [int(match[1]) for path in runs.iterdir() if (match := _RUN.fullmatch(path.name))]
            folder = runs / f"train-{max(taken, default=0) + 1}"
            try:
                folder.mkdir()
            except FileExistsError:  # another run was quicker
                continue
            return folder
    except OSError as error:
        raise TinysightError(f"cannot make a run in {printable(str(runs))}: {error.strerror or error}") from error


def write(folder: Path, name: str, text: str) -> None:
    """Write one of the run's files so that it is whole or absent.

    Raises:
        TinysightError: it cannot be written; says where.
    """
    try:
        write_atomically(folder / name, text.encode())
    except OSError as error:
        where = printable(str(folder / name))
        raise TinysightError(f"cannot write {where}: {error.strerror or error}") from error


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Write ``run.json``."""
    write(folder, RECORD, json.dumps({"format": FORMAT, **record}, indent=1) + "\n")


def read_record(folder: Path) -> dict[str, Any]:
    """Read ``run.json``.

    Raises:
        UsageError: not a run's folder, or a damaged record.
    """
    where = printable(str(folder))
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{where} is not a run: it has no {RECORD}") from None
    except (OSError, ValueError) as error:
        raise UsageError(f"{where}: {RECORD} cannot be read: {printable(str(error), 100)}") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise UsageError(f"{where}: {RECORD} is not a record of the format {FORMAT!r}")
    return record


def write_metrics(folder: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write ``metrics.csv``; numbers with all their digits."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    write(folder, METRICS, text.getvalue())
