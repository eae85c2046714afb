"""FlatBuffers reading: known bytes, and no surprise on any others."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinysight.importers.flatbuffer import MAX_TABLES, MAX_TEXT_BYTES, FlatbufferError, root

# A table at 20 whose vtable at 8 has four fields: an int32 at 24, nothing, a text at 28, a vector of tables at 32.
HEAD = struct.pack("<I4sHHHHHH", 20, b"TEST", 12, 16, 4, 0, 8, 12)
FIELDS = struct.pack("<iiII", 12, -7, 8, 12)
TEXT = struct.pack("<I4s", 3, b"abc\0")


def file(fields=FIELDS, rest=TEXT):
    return HEAD + fields + rest


def test_known_bytes():
    table = root(file(), b"TEST")
    assert table.integer(0, "i") == -7
    assert table.integer(1, "i") == 0
    assert table.text(2) == "abc"
    assert bytes(table.content(2)) == b"abc"
    assert table.integer(9, "B") == 0
    assert table.text(1) == "" and table.tables(1) == [] and table.numbers(1) == ()


def test_a_vector_of_tables_and_a_vector_of_numbers():
    # The vector at 44 holds one offset, to 52, where a table begins whose vtable is the first one's.
    inner = struct.pack("<iiII", 52 - 8, 99, 0, 0)
    rest = TEXT + struct.pack("<II", 1, 4) + inner
    (table,) = root(HEAD + FIELDS + rest, b"TEST").tables(3)
    assert table.integer(0, "i") == 99
    numbers = HEAD + FIELDS + TEXT + struct.pack("<I2i", 2, 5, -5)
    assert root(numbers, b"TEST").numbers(3) == (5, -5)


@pytest.mark.parametrize(
    ("data", "ask", "problem"),
    [
        (b"\4\0\0\0OTHE", None, "does not begin with TEST"),
        (b"\0\0\0\0TEST", None, "leads to itself"),
        (b"\xff\xff\xff\xffTEST", lambda one: one.integer(0, "i"), "leads to byte 4294967295 of 8"),
        (file(struct.pack("<iiII", -1 << 31, 0, 0, 0)), lambda one: one.integer(0, "i"), "leads to byte 2147483668"),
        (file(struct.pack("<iiII", 12, 0, 0, 0)), lambda one: one.text(2), "leads to itself"),
        (file(struct.pack("<iiII", 12, 0, 1 << 31, 0)), lambda one: one.text(2), "leads to byte"),
        (file(rest=struct.pack("<I4s", 5, b"abc\0")), lambda one: one.content(2), "says 5 items of 1 bytes where 4"),
        (file(rest=struct.pack("<I4s", 0xFFFF_FFFF, b"")), lambda one: one.tables(2), "says 4294967295 items of 4"),
        (file(rest=struct.pack("<I4s", 3, b"\xffbc")), lambda one: one.text(2), "UTF-8"),
        (file(rest=struct.pack("<I", 9) + bytes(36)), lambda one: one.numbers(2), "has 9 items, at most 8"),
        (
            file(rest=struct.pack("<I", MAX_TEXT_BYTES + 1) + bytes(2 * MAX_TEXT_BYTES)),
            lambda one: one.text(2),
            "at most 1024",
        ),
        (
            file(rest=struct.pack("<I", MAX_TABLES + 1) + bytes(5 * MAX_TABLES)),
            lambda one: one.tables(2),
            "at most 5000",
        ),
        (HEAD[:-2], lambda one: one.integer(0, "i"), "leads to byte"),
    ],
)
def test_damage_is_named(data, ask, problem):
    with pytest.raises(FlatbufferError, match=problem):
        table = root(data, b"TEST")
        ask(table)


@given(st.binary(max_size=80), st.integers(0, 4))
def test_any_bytes_are_read_or_refused(data, field):
    with contextlib.suppress(FlatbufferError):
        table = root(data[:4] + b"TEST" + data[4:], b"TEST")
        for ask in (table.text, table.content, table.numbers, table.tables, lambda one: table.integer(one, "I")):
            ask(field)
