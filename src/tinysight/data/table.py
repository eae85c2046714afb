"""A table of pictures and their labels: CSV, TSV, or JSON lines.

Columns: ``file`` (or ``file_name``, as Hugging Face has it) and ``label``, or ``index`` as the ``labels.csv`` of
calibration pictures has; with both, ``index`` gives the order of the classes and ``label`` their names. ``split`` is
optional. Files are named from the table's own folder, and never outside it.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path, PurePath, PureWindowsPath
from typing import NamedTuple

from tinysight.data.dataset import Part
from tinysight.data.ignored import Ignored
from tinysight.data.tree import PART_NAMES
from tinysight.errors import UsageError, printable
from tinysight.regular import open_regular

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl")
MAX_TABLE_BYTES = 256 * 1024 * 1024  # two million rows of a hundred characters, and nothing that fills the memory
_FILE_COLUMNS = ("file", "file_name")


class Row(NamedTuple):
    """One line of a table: ``number``, the class index, is None where the table has no such column."""

    path: Path
    label: str
    number: int | None
    part: Part | None


class Table(NamedTuple):
    """A table's rows in its order; ``is_metadata`` where it names its files as Hugging Face does."""

    rows: list[Row]
    ignored: list[Ignored]
    is_metadata: bool


def read_table(table: Path, part: Part | None = None) -> Table:
    """Read a table of labels.

    Args:
        table: UTF-8, with or without a byte-order mark; line ends of any kind.
        part: what all its rows are for, where the table lies in the folder of a part; it wins over a ``split`` column.

    Raises:
        UsageError: it cannot be read, lacks the columns, or has an index or a split that is none.
    """
    where = printable(str(table))
    columns, lines = _parsed(table, where)
    file_column = next((name for name in _FILE_COLUMNS if name in columns), None)
    if file_column is None or not {"label", "index"} & set(columns):
        received = printable(", ".join(columns), 100) or "none"
        raise UsageError(f"{where} must have the columns file and label (or file and index), received {received}")
    found = Table([], [], file_column == "file_name")
    for number, fields in lines:
        name, label, index = (fields.get(key, "") for key in (file_column, "label", "index"))
        problem = _problem(name, label or index)
        if problem is not None:
            found.ignored.append(problem._replace(path=table, why=f"row {number} {problem.why}"))
            continue
        class_index = _index(index, f"{where}, row {number}") if "index" in columns else None
        row_part = part or _part(fields.get("split", ""), f"{where}, row {number}")
        found.rows.append(Row(table.parent / name, label or index, class_index, row_part))
    return found


def _parsed(table: Path, where: str) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """Return the columns, and (number, fields) of each row, the first after the header being 1."""
    text = _text(table, where)
    try:
        if table.suffix.lower() == ".jsonl":
            objects = [json.loads(line) for line in text.split("\n") if line.strip()]
            if not all(isinstance(fields, dict) for fields in objects):
                raise UsageError(f"{where} must have one JSON object a line")
            rows = [{key: _plain(value) for key, value in fields.items()} for fields in objects]
            return list(dict.fromkeys(key for row in rows for key in row)), iter(enumerate(rows, 1))
        reader = csv.reader(StringIO(text, newline=""), delimiter="\t" if table.suffix.lower() == ".tsv" else ",")
        columns = [name.strip() for name in next(reader, [])]
        return columns, enumerate((dict(zip(columns, row, strict=False)) for row in list(reader) if row), 1)
    except (csv.Error, ValueError, RecursionError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{where} cannot be read as a table: {printable(str(error), 100)}") from None


def _text(table: Path, where: str) -> str:
    try:
        with open_regular(table) as file:
            data = file.read(MAX_TABLE_BYTES + 1)
        if len(data) > MAX_TABLE_BYTES:
            raise UsageError(f"{where} is larger than the {MAX_TABLE_BYTES:,} bytes that a table may have")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{where} cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{where} is not UTF-8 (byte {error.start:,})") from None


def _plain(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _problem(name: str, label: str) -> Ignored | None:
    if not name or not label:
        return Ignored("row_incomplete", Path(), "names no file" if not name else "gives no label")
    outside = any(
        path.is_absolute() or path.drive or ".." in path.parts for path in (PurePath(name), PureWindowsPath(name))
    )
    if outside:
        return Ignored("row_outside", Path(), f"leaves the table's folder: {printable(name, 80)}")
    return None


def _index(text: str, where: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise UsageError(f"{where}: a class index must be a whole number from 0 on, received {printable(text, 40)!r}")
    return int(text)


def _part(text: str, where: str) -> Part | None:
    if not text.strip():
        return None
    part = PART_NAMES.get(text.strip().lower())
    if part is None:
        raise UsageError(f"{where}: a split must be train, val or test, received {printable(text, 40)!r}")
    return part


def class_names(rows: Iterable[Row], where: str) -> tuple[tuple[str, ...], dict[str | int, int]]:
    """Return the classes, and which label belongs to a row's index, or to its name where there is none.

    Raises:
        UsageError: an index with two names.
    """
    names: dict[int, str] = {}
    labels: set[str] = set()
    for row in rows:
        if row.number is None:
            labels.add(row.label)
        elif names.setdefault(row.number, row.label) != row.label:
            both = f"{printable(names[row.number], 40)!r} and {printable(row.label, 40)!r}"
            raise UsageError(f"{where}: class index {row.number} has two names, {both}")
    if names:
        order = sorted(names)
        return tuple(names[index] for index in order), {index: label for label, index in enumerate(order)}
    order_by_name = sorted(labels)
    return tuple(order_by_name), {name: label for label, name in enumerate(order_by_name)}
