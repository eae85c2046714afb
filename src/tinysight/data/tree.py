"""Pictures in folders: one folder a class, in one set or in one for each part.

Hidden names are skipped, links to folders are not followed: a link may lead round in a circle or out of the data.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tinysight.data.dataset import PARTS, Part
from tinysight.data.ignored import Ignored
from tinysight.pictures import PICTURE_SUFFIXES

# Spellings of the parts' folders and of a table's split column; upper and lower case are the same.
PART_NAMES: dict[str, Part] = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


class Listing(NamedTuple):
    """What lies directly in a folder, hidden names left out, each sorted by code point."""

    folders: list[Path]
    pictures: list[Path]
    ignored: list[Ignored]


class Labelled(NamedTuple):
    """Pictures of a class folder, and what else was in it."""

    folder: Path
    pictures: list[Path]
    ignored: list[Ignored]
    part: Part | None = None

    @property
    def name(self) -> str:
        """The class: the folder's name, byte for byte."""
        return self.folder.name


def is_picture_name(name: str) -> bool:
    """Whether a file's name ends as a picture's does."""
    return os.path.splitext(name)[1].lower() in PICTURE_SUFFIXES  # noqa: PTH122 - as pictures.py, also for ".jpg"


def list_folder(folder: Path) -> Listing:
    """Look into one folder, not into those inside it. A folder that cannot be searched is ignored, not an error."""
    found = Listing([], [], [])
    try:
        with os.scandir(folder) as entries:
            visible = sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda one: one.name)
    except OSError as error:
        found.ignored.append(Ignored("folder_unreadable", folder, f"this folder cannot be read: {error.strerror}"))
        return found
    for entry in visible:
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            found.folders.append(path)
        elif entry.is_symlink() and path.is_dir():
            found.ignored.append(Ignored("linked_folder", path, "a link to a folder, not followed"))
        elif is_picture_name(entry.name):
            found.pictures.append(path)
        else:
            found.ignored.append(Ignored("other_file", path, "its name does not end as a picture's does"))
    return found


def read_class(folder: Path, part: Part | None = None) -> Labelled:
    """Return the pictures of a class folder and of all folders inside it: each folder's own first, then the next."""
    pictures: list[Path] = []
    ignored: list[Ignored] = []
    waiting = [folder]
    while waiting:
        found = list_folder(waiting.pop())
        pictures += found.pictures
        ignored += found.ignored
        waiting += reversed(found.folders)
    return Labelled(folder, pictures, ignored, part)


def part_folders(folders: Iterable[Path]) -> dict[Path, Part]:
    """Return which folders are a split's: where ``train`` and another part are there, or parts and nothing else.

    They come in the order of ``PARTS``. A class that happens to be called ``train``, beside others, stays a class.
    """
    every = list(folders)
    parts = {folder: PART_NAMES[folder.name.lower()] for folder in every if folder.name.lower() in PART_NAMES}
    is_split = len(parts) == len(every) or ("train" in parts.values() and len(parts) > 1)
    in_order = sorted(parts, key=lambda folder: PARTS.index(parts[folder]))
    return {folder: parts[folder] for folder in in_order} if is_split else {}
