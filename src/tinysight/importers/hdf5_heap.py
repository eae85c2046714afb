"""Look over the part of an HDF5 file in which the library can get lost.

Texts of any length lie in "global heap collections". In HDF5 1.14 and 2.0 the library walks a collection by adding the
size of each object to its position, and one object of size 0 makes it walk in place for ever; a single flipped bit does
that. So the walk is done here first. A collection may also pretend to lie inside another one, thousands deep, and each
would be walked to the same end: all walks together have a limit.

Source: HDF5 File Format Specification, sections II.A (superblock) and III.E (global heap).
"""

from __future__ import annotations

SIGNATURE = b"GCOL\x01\0\0\0"
HEADER_BYTES = 16  # of a collection, and of each object in it
MAX_OBJECTS = 100_000  # in all collections; a full model that Keras saved with its optimizer has about 400


def _sizes_are_eight_bytes(data: bytes) -> bool:
    """Whether the superblock says that addresses and lengths take eight bytes, as every writer of today does."""
    start = 13 if data[8:9] in (b"\0", b"\1") else 9
    return data[start : start + 2] == b"\x08\x08"


def _walk(data: bytes, start: int, limit: int) -> tuple[str | None, int]:
    """Say what is wrong with a collection, None when nothing is, and how many headers were looked at, its own first."""
    end = start + int.from_bytes(data[start + 8 : start + HEADER_BYTES], "little")
    if end > len(data):
        return "runs past the end of the file", 1
    position, count = start + HEADER_BYTES, 1
    while end - position >= HEADER_BYTES and count <= limit:
        index = int.from_bytes(data[position : position + 2], "little")
        size = int.from_bytes(data[position + 8 : position + HEADER_BYTES], "little")
        # Index 0 is the free space at the end, whose size counts its own header; data is padded to eight bytes.
        step = size if index == 0 else HEADER_BYTES + (size + 7) // 8 * 8
        if step < HEADER_BYTES or step > end - position:
            return f"holds an object of {size} bytes where {end - position} are left", count
        position += step
        count += 1
    return None, count


def heap_problem(data: bytes) -> str | None:
    """Say what is wrong with an HDF5 file's global heaps, None when they can be walked.

    Args:
        data: the whole file.
    """
    if not _sizes_are_eight_bytes(data):
        return "has a superblock with addresses or lengths that are not eight bytes"
    left = MAX_OBJECTS
    start = data.find(SIGNATURE)
    while start >= 0:
        problem, count = _walk(data, start, left)
        left -= count
        if problem is not None:
            return f"has a damaged text heap: the collection at byte {start} {problem}"
        if left < 0:
            return f"has more than {MAX_OBJECTS} objects in its text heaps"
        start = data.find(SIGNATURE, start + 1)
    return None
