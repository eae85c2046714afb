"""Protobuf wire reading: known bytes, and no surprise on any others."""

import pytest
from graph_writer import block, number, varint
from hypothesis import given
from hypothesis import strategies as st

from tinysight.importers import wire


def test_known_bytes():
    # The two examples of the Protocol Buffers encoding page: field 1 = 150, field 2 = "testing".
    message = wire.parse(memoryview(b"\x08\x96\x01\x12\x07testing"))
    assert wire.integer(message, 1) == 150
    assert wire.text(message, 2) == "testing"


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_numbers_come_back(value):
    assert wire.integer(wire.parse(memoryview(number(3, value))), 3) == value


def test_fixed_sizes_and_absent_fields():
    message = wire.parse(memoryview(varint(1 << 3 | 5) + b"abcd" + varint(2 << 3 | 1) + b"abcdefgh"))
    assert bytes(wire.view(message, 1)) == b"abcd"
    assert bytes(wire.view(message, 2)) == b"abcdefgh"
    assert wire.view(message, 7) == b""
    assert wire.integer(message, 7, 5) == 5


def test_the_last_of_a_repeated_field_counts():
    message = wire.parse(memoryview(number(1, 4) + number(1, 9) + block(2, "a") + block(2, "b")))
    assert wire.integer(message, 1) == 9
    assert wire.text(message, 2) == "b"
    assert [bytes(view) for view in wire.views(message, 2)] == [b"a", b"b"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"\x08", "ends inside a number"),
        (b"\x08" + b"\xff" * 11, "longer than ten bytes"),
        (b"\x0a\x05abc", "says 5 bytes where 3 are left"),
        (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "where 0 are left"),
        (b"\x0d\x01", "says 4 bytes where 1 are left"),
        (b"\x0b", "wire type 3"),
        (b"\x00\x00", "number 0"),
        (b"\x08\x01" * 200, "more than 64 fields"),
    ],
)
def test_damage_is_named(data, problem):
    with pytest.raises(wire.WireError, match=problem):
        wire.parse(memoryview(data))


def test_exactly_the_limit_is_accepted():
    assert len(wire.parse(memoryview(b"\x08\x01" * 64))[1]) == 64


def test_wrong_kinds_of_field():
    message = wire.parse(memoryview(number(1, 4) + block(2, b"\xff")))
    with pytest.raises(wire.WireError, match="field 1 should not be a number"):
        wire.view(message, 1)
    with pytest.raises(wire.WireError, match="field 2 should be a number"):
        wire.integer(message, 2)
    with pytest.raises(wire.WireError, match="UTF-8"):
        wire.text(message, 2)


def test_packed_integers():
    assert wire.packed_integers(memoryview(varint(1) + varint(300) + varint(-1))) == [1, 300, -1]
    with pytest.raises(wire.WireError, match="takes 2000 bytes"):
        wire.packed_integers(memoryview(b"\x01" * 2000))


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(data):
    try:
        message = wire.parse(memoryview(data))
    except wire.WireError:
        return
    assert sum(len(values) for values in message.values()) <= len(data)
