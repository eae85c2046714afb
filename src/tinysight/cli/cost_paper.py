"""``tinysight cost --paper``: the paper's tables, printed numbers beside recomputed ones."""

from __future__ import annotations

import textwrap
from itertools import groupby
from typing import Any

from tinysight.cli.output import console, echo_json
from tinysight.cli.tables import show, table
from tinysight.costs.paper import TITLES, Cell, Row, paper_rows

WIDTH = 80
SOURCE = """Howard et al., MobileNets, arXiv 1704.04861: printed and recomputed numbers.
Mult-adds and params are in millions; params are kernels alone, as the paper
counts, "stored" adds batch norm and bias. ! marks a misprint, * a remark."""
HEADINGS = {
    "type": "type / stride",
    "filter": "filter",
    "input": "input",
    "accuracy_percent": "top-1",
    "mult_adds_percent": "mult-adds",
    "params_percent": "params",
    "mult_adds_millions": "mult-adds",
    "params_millions": "params",
}


def echo_paper(as_json: bool) -> None:
    """Print Tables 1 to 7, as tables or as one JSON object for each row."""
    rows = paper_rows()
    if as_json:
        for row in rows:
            echo_json(_fields(row))
        return
    out = console()
    out.print(SOURCE)
    for number, members in groupby(rows, key=lambda row: row.table):
        _print(number, list(members))


def _fields(row: Row) -> dict[str, Any]:
    printed = {
        cell.column: cell.printed if isinstance(cell.computed, str) else float(cell.printed) for cell in row.cells
    }
    return {
        "table": row.table,
        "title": TITLES[row.table],
        "row": row.name,
        "printed": printed,
        "computed": {cell.column: cell.computed for cell in row.cells if cell.computed is not None},
        "stored_params": row.stored_params,
        "agrees": row.agrees,
        "note": row.note,
    }


def _print(number: int, members: list[Row]) -> None:
    out = console()
    out.print(f"\nTable {number}. {TITLES[number]}", style="bold")
    rows = table(_titles(members[0]))
    for row in members:
        values = [value for cell in row.cells for value in _values(cell)]
        name = [] if number == 1 else [row.name]
        stored = [] if row.stored_params is None else [f"{row.stored_params:,}"]
        rows.add_row(*name, *values, *stored, _mark(row), style=None if row.agrees else "yellow")
    show(out, rows)
    for row in members:
        if row.note:
            out.print(textwrap.fill(f"{_mark(row)} {row.name}: {row.note}", WIDTH, subsequent_indent="  "))


def _titles(row: Row) -> list[str]:
    titles = [] if row.table == 1 else ["row"]
    for cell in row.cells:
        heading = HEADINGS[cell.column]
        if isinstance(cell.computed, str):
            titles.append(heading)
        else:
            titles += [f">{heading}"] if cell.computed is None else [f">{heading}", ">computed"]
    return [*titles, *([] if row.stored_params is None else [">stored"]), ""]


def _values(cell: Cell) -> list[str]:
    if cell.computed is None:
        return [cell.printed]
    if isinstance(cell.computed, str):
        return [cell.printed if cell.agrees else f"{cell.printed} (is {cell.computed.rpartition(' ')[2]})"]
    digits = len(cell.printed.partition(".")[2])
    return [cell.printed, f"{cell.computed:.{max(digits, 2)}f}"]


def _mark(row: Row) -> str:
    return "!" if not row.agrees else "*" if row.note else ""
