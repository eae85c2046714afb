"""How ``tinysight benchmark`` prints its rows: JSON lines, or one table a measurement."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinysight.cli.output import console, echo_json
from tinysight.cli.tables import show, table
from tinysight.errors import TinysightError, printable

Row = dict[str, Any]
Cell = tuple[str, Callable[[Row], str]]


def _number(key: str, form: str = "{:,.2f}", none: str = "") -> Callable[[Row], str]:
    return lambda row: none if row[key] is None else form.format(row[key])


TIMES: list[Cell] = [
    ("engine", lambda row: f"{row['engine']} {row['details']}".strip()),
    ("precision", _number("precision", "{}")),
    (">threads", _number("threads", "{}", "-")),
    (">min ms", _number("min_ms")),
    (">median", _number("median_ms")),
    (">p95", _number("p95_ms")),
    (">p99", _number("p99_ms")),
    (">pictures/s", _number("pictures_per_second", "{:,.1f}")),
    (">times as fast", lambda row: f"{row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"),
    (">same answers", _number("agreement", "{:.1%}")),
    (">top-1", _number("top1", "{:.1%}")),
]
FILES: list[Cell] = [
    ("engine", _number("engine", "{}")),
    ("precision", _number("precision", "{}")),
    (">workers", _number("workers", "{}")),
    (">files", _number("files", "{:,}")),
    (">unreadable", _number("unreadable", "{:,}")),
    (">pictures/s", _number("best_per_second", "{:,.1f}")),
    (">median", _number("median_per_second", "{:,.1f}")),
    (">top-1", _number("top1", "{:.1%}")),
]
COMMANDS: list[Cell] = [
    ("command", _number("command", "{}")),
    (">min ms", _number("min_ms", "{:,.0f}")),
    (">median", _number("median_ms", "{:,.0f}")),
    (">peak MB", lambda row: f"{row['peak_bytes'] / 1e6:,.1f}"),
]


def _cells(row: Row) -> list[Cell]:
    if "command" in row:
        return COMMANDS
    cells = TIMES if "min_ms" in row else FILES
    empty = {">same answers"} if row.get("agreement") is None else set()
    return [cell for cell in cells if cell[0] not in empty and (cell[0] != ">top-1" or row["top1"] is not None)]


class Printer:
    """Prints rows as they come in JSON, a measurement at a time for people, and can store them.

    Args:
        as_json: one object a line.
        output: file for the JSON lines, or None.
    """

    def __init__(self, as_json: bool, output: Path | None) -> None:
        self._as_json, self._output = as_json, output
        self._lines: list[str] = []

    def rows(self, title: str, rows: list[Row]) -> None:
        """Print one measurement."""
        for row in rows:
            self._keep(row)
        if self._as_json or not rows:
            return
        cells, out = _cells(rows[0]), console()
        printed = table([name for name, _ in cells])
        for row in rows:
            printed.add_row(*(text(row) for _, text in cells))
        out.print(title, style="bold")
        show(out, printed)
        for reason in rows[0].get("noise", {}).get("reasons", []):
            out.print(f"noisy: {reason}", style="yellow")

    def machine(self, fields: Row) -> None:
        """Print the machine, last, and write the file."""
        self._keep({"machine": fields})
        if not self._as_json:
            commit = f", commit {fields['commit']}" if fields["commit"] else ""
            versions = ", ".join(f"{name} {version}" for name, version in fields["packages"].items())
            console().print(f"{fields['processor']}, {fields['processors']} processors, {fields['system']}")
            console().print(f"{' '.join(fields['flags'])}\n{fields['python']}, {versions}{commit}")
        if self._output is not None:
            from tinysight.atomic import write_atomically

            try:
                write_atomically(self._output, "".join(self._lines).encode("ascii"))
            except OSError as error:
                where = printable(str(self._output))
                raise TinysightError(f"cannot write {where}: {error.strerror or error}") from error

    def _keep(self, row: Row) -> None:
        self._lines.append(json.dumps(row, allow_nan=False) + "\n")
        if self._as_json:
            echo_json(row)
