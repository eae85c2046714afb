"""What can be wrong with a data set, by name: how grave it is, and what it means in one line."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal, NamedTuple

Severity = Literal["error", "warning", "note"]


class Finding(NamedTuple):
    """One thing that was found.

    Args:
        kind: a key of ``KINDS``; stable, for programs.
        message: one line for people; text from files has gone through ``printable``.
        files: which pictures, files or folders it is about, as they were found.
    """

    kind: str
    message: str
    files: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return KINDS[self.kind][0]


# kind -> (severity, title). Errors lose pictures or spoil what is measured; warnings may; notes are good to know.
KINDS: MappingProxyType[str, tuple[Severity, str]] = MappingProxyType(
    {
        "empty_file": ("error", "Empty files"),
        "truncated": ("error", "Pictures that are cut short"),
        "not_an_image": ("error", "Files that end as a picture's do and hold none"),
        "unreadable": ("error", "Pictures that cannot be read"),
        "missing_file": ("error", "Files that are not there"),
        "folder_unreadable": ("error", "Folders that cannot be searched"),
        "row_outside": ("error", "Rows that name a file outside the table's folder"),
        "row_incomplete": ("error", "Rows without a file or a label"),
        "listed_twice": ("error", "Files that the table lists more than once"),
        "same_bytes_two_labels": ("error", "The same bytes under different labels"),
        "same_bytes_two_parts": ("error", "The same bytes in different parts"),
        "one_class": ("error", "One class only"),
        "class_missing_in_part": ("error", "Classes that are missing in a part"),
        "empty_part": ("error", "Parts without pictures"),
        "same_bytes": ("warning", "The same bytes more than once"),
        "near_copy_two_labels": ("warning", "Nearly the same picture under different labels"),
        "near_copy_two_parts": ("warning", "Nearly the same picture in different parts"),
        "empty_class": ("warning", "Class folders without pictures"),
        "small_class": ("warning", "Classes with few pictures"),
        "imbalance": ("warning", "Classes of very different size"),
        "alike_names": ("warning", "Class names that are nearly the same"),
        "odd_class_name": ("warning", "Class names that are hard to write"),
        "telltale_pixels": ("warning", "A class that its way of storing pixels gives away"),
        "blank": ("warning", "Pictures of one colour"),
        "tiny_picture": ("warning", "Tiny pictures"),
        "long_picture": ("warning", "Pictures of which the network sees less than a quarter"),
        "loose_picture": ("warning", "Pictures in no class folder"),
        "linked_folder": ("warning", "Links to folders, which are not followed"),
        "near_copy": ("note", "Nearly the same picture more than once"),
        "few_pixels": ("note", "Pictures smaller than the network's input"),
        "wrong_suffix": ("note", "Pictures of another format than their name says"),
        "odd_pixels": ("note", "Pictures stored otherwise than the rest of their class"),
        "turned": ("note", "Pictures that EXIF turns"),
        "animated": ("note", "Pictures of which only the first frame is used"),
        "class_order": ("note", "Class numbers in the order of characters"),
        "link": ("note", "Pictures that are links"),
        "other_file": ("note", "Files that are no pictures"),
        "other_folder": ("note", "Folders beside those of the parts"),
    }
)
_ORDER = {kind: number for number, kind in enumerate(KINDS)}


def sorted_findings(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return findings by kind in the order of ``KINDS``, the gravest first, otherwise as they came."""
    return tuple(sorted(findings, key=lambda finding: _ORDER[finding.kind]))
