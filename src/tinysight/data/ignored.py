"""What was found beside the labelled pictures, and was left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from tinysight.errors import printable

IgnoredKind = Literal[
    "empty_class",
    "empty_part",
    "folder_unreadable",
    "linked_folder",
    "loose_picture",
    "other_file",
    "other_folder",
    "row_incomplete",
    "row_outside",
]


class Ignored(NamedTuple):
    """One thing that is no labelled picture.

    Args:
        kind: stable, for programs.
        path: of the file or folder; for a row, of the table.
        why: for people, without the path.
    """

    kind: IgnoredKind
    path: Path
    why: str

    @property
    def line(self) -> str:
        """What ``Dataset.ignored`` says of it."""
        return f"{printable(str(self.path))}: {self.why}"
