"""The FlatBuffers format, as much of it as reading needs.

Source: "FlatBuffer Internals" of the FlatBuffers documentation. A table begins with the distance to its vtable, a list
of where its fields are; what has no fixed size is reached by an offset that points forward. No schema is needed, only
the numbers of its fields. Every place is compared with the file's size before a byte is taken, offsets that do not lead
forward are refused, and nothing here recurses.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

WIDTHS = {"b": 1, "B": 1, "h": 2, "H": 2, "i": 4, "I": 4}
MAX_TABLES = 5_000  # in one vector; our files have some 100
MAX_TEXT_BYTES = 1024  # names of tensors; many tensors may share one long name
MAX_NUMBERS = 8  # of a shape


class FlatbufferError(ValueError):
    """Bytes that are not a flatbuffer of the expected form."""


def _number(data: memoryview, place: int, code: str) -> int:
    if not 0 <= place <= len(data) - WIDTHS[code]:
        raise FlatbufferError(f"an offset leads to byte {place} of {len(data)}")
    return int(struct.unpack_from(f"<{code}", data, place)[0])


def _follow(data: memoryview, place: int) -> int:
    offset = _number(data, place, "I")
    if offset == 0:
        raise FlatbufferError(f"the offset at byte {place} leads to itself")
    return place + offset


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Args:
        data: the whole file.
        start: where it begins, in bytes.

    Every method takes the number of a field in the schema, gives nothing (0, empty) for one that is not set, and raises
    ``FlatbufferError`` for one that leads out of the file.
    """

    data: memoryview
    start: int

    def _place(self, field: int) -> int | None:
        """Return where a field is, None where it is not set."""
        vtable = self.start - _number(self.data, self.start, "i")
        entry = 4 + 2 * field
        if entry + 2 > _number(self.data, vtable, "H"):
            return None
        offset = _number(self.data, vtable + entry, "H")
        return self.start + offset if offset else None

    def integer(self, field: int, code: str) -> int:
        """Return a whole number; ``code`` is ``struct``'s for its width and sign."""
        place = self._place(field)
        return 0 if place is None else _number(self.data, place, code)

    def _vector(self, field: int, width: int, limit: int) -> tuple[int, int]:
        """Return where the items of a vector begin and how many there are, each of ``width`` bytes."""
        place = self._place(field)
        if place is None:
            return 0, 0
        start = _follow(self.data, place)
        count, left = _number(self.data, start, "I"), len(self.data) - start - 4
        if count * width > left:
            raise FlatbufferError(f"a list says {count} items of {width} bytes where {left} bytes are left")
        if count > limit:
            raise FlatbufferError(f"a list has {count} items, at most {limit} are expected")
        return start + 4, count

    def content(self, field: int) -> memoryview:
        """Return a vector of bytes."""
        start, count = self._vector(field, 1, len(self.data))
        return self.data[start : start + count]

    def numbers(self, field: int) -> tuple[int, ...]:
        """Return a short vector of int32."""
        start, count = self._vector(field, 4, MAX_NUMBERS)
        return struct.unpack_from(f"<{count}i", self.data, start)

    def text(self, field: int) -> str:
        """Return a short text."""
        start, count = self._vector(field, 1, MAX_TEXT_BYTES)
        try:
            return bytes(self.data[start : start + count]).decode()
        except UnicodeDecodeError:
            raise FlatbufferError("a name should be UTF-8 text") from None

    def tables(self, field: int) -> list[Table]:
        """Return a vector of tables."""
        start, count = self._vector(field, 4, MAX_TABLES)
        return [Table(self.data, _follow(self.data, start + 4 * item)) for item in range(count)]


def root(data: bytes, identifier: bytes) -> Table:
    """Return a file's first table.

    Raises:
        FlatbufferError: too short, or of another kind than ``identifier``, its bytes 4 to 7, says.
    """
    if data[4:8] != identifier:
        raise FlatbufferError(f"it does not begin with {identifier.decode()}")
    view = memoryview(data)
    return Table(view, _follow(view, 0))
