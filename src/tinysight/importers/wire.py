"""The protobuf wire format, as much of it as reading needs.

Source: the "Encoding" page of the Protocol Buffers documentation. A message is a run of fields; each starts with a
varint that holds field number and wire type. No schema is needed to split a message, only to understand its fields.
Every length is compared with what is left before a byte is taken, and nothing here recurses.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
MAX_FIELDS = 64  # in one message, unless the reader says otherwise
MAX_PACKED_BYTES = 1024  # lists of integers here are strides and the like
MAX_VARINT_BYTES = 10

Value = int | memoryview
Message = dict[int, list[Value]]


class WireError(ValueError):
    """Bytes that are not a protobuf message of the expected form."""


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for index in range(MAX_VARINT_BYTES):
        if position >= len(data):
            raise WireError("the file ends inside a number")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
    raise WireError("a number is longer than ten bytes")


def fields(data: memoryview, limit: int = MAX_FIELDS) -> Iterator[tuple[int, Value]]:
    """Split a message into its fields.

    Args:
        data: the bytes of one message.
        limit: most fields; it keeps the time for a hostile file within bounds.

    Yields:
        Field number and value: an unsigned 64-bit integer for a varint, otherwise a view of the value's bytes.

    Raises:
        WireError: a length that runs past the end, an unknown wire type, or more than ``limit`` fields.
    """
    position = 0
    for _ in range(limit):
        if position == len(data):
            return
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise WireError("a field has the number 0")
        if wire_type == VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire_type == LENGTH:
            size, position = _varint(data, position)
        elif wire_type in (FIXED32, FIXED64):
            size = 4 if wire_type == FIXED32 else 8
        else:
            raise WireError(f"a field has the wire type {wire_type}, expected 0, 1, 2 or 5")
        if size > len(data) - position:
            raise WireError(f"a field says {size} bytes where {len(data) - position} are left")
        yield number, data[position : position + size]
        position += size
    if position != len(data):
        raise WireError(f"a message has more than {limit} fields")


def parse(data: memoryview, limit: int = MAX_FIELDS) -> Message:
    """Return the fields of one message by number, repeated ones in order.

    Raises:
        WireError: as ``fields``.
    """
    message: Message = {}
    for number, value in fields(data, limit):
        message.setdefault(number, []).append(value)
    return message


def integer(message: Message, number: int, default: int = 0) -> int:
    """Return a signed 64-bit field; the last one counts, as protobuf says.

    Raises:
        WireError: the field is not a varint.
    """
    value = message.get(number, [default])[-1]
    if not isinstance(value, int):
        raise WireError(f"field {number} should be a number")
    return value - (1 << 64) if value >= 1 << 63 else value


def views(message: Message, number: int) -> list[memoryview]:
    """Return all values of a field of bytes, text, messages or packed numbers; an empty list when it is absent.

    Raises:
        WireError: one of them is a varint.
    """
    values = message.get(number, [])
    found = [value for value in values if isinstance(value, memoryview)]
    if len(found) != len(values):
        raise WireError(f"field {number} should not be a number")
    return found


def view(message: Message, number: int) -> memoryview:
    """Return the last value of such a field, empty when it is absent.

    Raises:
        WireError: as ``views``.
    """
    return (views(message, number) or [memoryview(b"")])[-1]


def text(message: Message, number: int) -> str:
    """Return a text field, empty when it is absent.

    Raises:
        WireError: not UTF-8.
    """
    try:
        return bytes(view(message, number)).decode()
    except UnicodeDecodeError:
        raise WireError(f"field {number} should be UTF-8 text") from None


def packed_integers(data: memoryview) -> list[int]:
    """Return the signed 64-bit numbers of a packed field.

    Raises:
        WireError: cut in the middle of a number, or longer than ``MAX_PACKED_BYTES``.
    """
    if len(data) > MAX_PACKED_BYTES:
        raise WireError(f"a list of integers takes {len(data)} bytes, at most {MAX_PACKED_BYTES} are expected")
    numbers = []
    position = 0
    while position < len(data):
        value, position = _varint(data, position)
        numbers.append(value - (1 << 64) if value >= 1 << 63 else value)
    return numbers
