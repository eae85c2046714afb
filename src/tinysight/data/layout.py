"""From a folder or a table to a ``Dataset``: which form it has, and what the pictures are called."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tinysight.data.dataset import Dataset, Example, Layout, Part
from tinysight.data.ignored import Ignored
from tinysight.data.table import TABLE_SUFFIXES, Row, class_names, read_table
from tinysight.data.tree import Labelled, Listing, list_folder, part_folders, read_class
from tinysight.errors import UsageError, printable

# In a folder, the first of these that is there tells the labels.
TABLES = ("labels.csv", "metadata.csv", "metadata.jsonl")
EXPECTED = (
    "expected one folder for each class with its pictures inside, or a labels.csv with the columns file and label"
)


class Survey(NamedTuple):
    """A data set, and what was found beside it, by kind."""

    dataset: Dataset
    ignored: tuple[Ignored, ...]


def read_dataset(where: Path | str) -> Dataset:
    """Find labelled pictures without opening them.

    Args:
        where: a folder with one folder for each class; one with the folders ``train``, ``val`` (``valid``,
            ``validation``) and ``test`` of such; one with ``labels.csv``, ``metadata.csv`` or ``metadata.jsonl``,
            or whose part folders have such; or a table itself, ``.csv``, ``.tsv`` or ``.jsonl``.

    Raises:
        UsageError: nothing is there, it cannot be read, or it has none of these forms.
    """
    return survey(where).dataset


def survey(where: Path | str) -> Survey:
    """Find labelled pictures, and keep of what kind everything else is; otherwise as ``read_dataset``."""
    path, shown = Path(where), printable(str(where))
    try:
        if not os.path.lexists(path):
            raise UsageError(f"{shown} does not exist; {EXPECTED}")
        if path.is_dir():
            return _folder(path, str(where))
    except ValueError as error:  # a NUL in the name
        raise error if isinstance(error, UsageError) else UsageError(f"{shown}: no file can have this name") from None
    if path.suffix.lower() in TABLE_SUFFIXES:
        return _tables([(path, None)], str(where))
    raise UsageError(f"{shown} is neither a folder nor a table ({', '.join(TABLE_SUFFIXES)}); {EXPECTED}")


def _folder(folder: Path, where: str) -> Survey:
    table = _table_in(folder)
    if table is not None:
        return _tables([(table, None)], where)
    found = list_folder(folder)
    parts = part_folders(found.folders)
    tables = [(table, part) for inside, part in parts.items() if (table := _table_in(inside)) is not None]
    if tables:
        return _tables(tables, where)
    if parts:
        return _split_folders(found, parts, where)
    return _class_folders(found, [read_class(inside) for inside in found.folders], "class folders", where)


def _table_in(folder: Path) -> Path | None:
    return next((folder / name for name in TABLES if os.path.lexists(folder / name)), None)


def _split_folders(found: Listing, parts: dict[Path, Part], where: str) -> Survey:
    if len(set(parts.values())) < len(parts):
        names = printable(", ".join(folder.name for folder in parts))
        raise UsageError(f"{printable(where)} has two folders for the same part: {names}; keep one of them")
    inside = Listing([], list(found.pictures), list(found.ignored))
    classes: list[Labelled] = []
    for folder, part in parts.items():
        one = list_folder(folder)
        of_part = [read_class(class_folder, part) for class_folder in one.folders]
        inside.pictures.extend(one.pictures)
        inside.ignored.extend(one.ignored)
        if not any(labelled.pictures for labelled in of_part):
            inside.ignored.append(Ignored("empty_part", folder, f"the folder for {part} has no labelled picture"))
        classes += of_part
    beside = (folder for folder in found.folders if folder not in parts)
    inside.ignored.extend(Ignored("other_folder", folder, "a folder beside those of the parts") for folder in beside)
    return _class_folders(inside, classes, "split folders", where)


def _class_folders(found: Listing, folders: list[Labelled], layout: Layout, where: str) -> Survey:
    names = tuple(sorted({one.name for one in folders if one.pictures}))
    loose = [Ignored("loose_picture", path, "a picture in no class folder") for path in found.pictures]
    ignored = [*found.ignored, *loose, *(line for one in folders for line in one.ignored), *_empty(folders, names)]
    if not names:
        raise UsageError(f"{printable(where)} {_nothing(found, folders, ignored)}; {EXPECTED}")
    label = {name: number for number, name in enumerate(names)}
    ordered = sorted(folders, key=lambda one: one.name) if layout == "class folders" else folders
    examples = [Example(path, label[one.name], one.part) for one in ordered for path in one.pictures]
    return _survey(where, layout, names, examples, ignored)


def _empty(folders: list[Labelled], names: tuple[str, ...]) -> list[Ignored]:
    """A class that only some part lacks is not empty; nor is one that could not be searched."""
    return [
        Ignored("empty_class", one.folder, "a class folder without pictures")
        for one in folders
        if one.name not in names and not any(line.kind == "folder_unreadable" for line in one.ignored)
    ]


def _nothing(found: Listing, folders: list[Labelled], ignored: list[Ignored]) -> str:
    unreadable = next((line for line in ignored if line.kind == "folder_unreadable"), None)
    if unreadable is not None:
        return f"holds no labelled picture: {unreadable.line}"
    if found.pictures:
        return f"holds {len(found.pictures):,} pictures, but none in the folder of a class"
    return "holds no picture in any of its folders" if folders else "holds no class folder"


def _tables(tables: Iterable[tuple[Path, Part | None]], where: str) -> Survey:
    read = [read_table(path, part) for path, part in tables]
    rows: list[Row] = [row for one in read for row in one.rows]
    ignored = [line for one in read for line in one.ignored]
    if not rows:
        first = f": {ignored[0].line}" if ignored else ""
        raise UsageError(f"{printable(where)} lists no picture{first}")
    if len({row.number is None for row in rows}) > 1:
        raise UsageError(f"{printable(where)}: the tables of its parts must all have an index, or none of them")
    names, label = class_names(rows, printable(where))
    examples = [Example(row.path, label[row.label if row.number is None else row.number], row.part) for row in rows]
    layout: Layout = "metadata" if all(one.is_metadata for one in read) else "table"
    return _survey(where, layout, names, examples, ignored)


def _survey(
    where: str, layout: Layout, names: tuple[str, ...], examples: list[Example], ignored: list[Ignored]
) -> Survey:
    lines = tuple(one.line for one in ignored)
    return Survey(Dataset(where, layout, names, tuple(examples), lines), tuple(ignored))
