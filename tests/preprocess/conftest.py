"""Fixtures of the preprocessing tests."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def silent_stderr():
    """Fail when anything, in Python or in C, writes to file descriptor 2 during the test."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    kept = os.dup(2)
    os.dup2(write_end, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(write_end)
        try:
            written = os.read(read_end, 10_000)
        except BlockingIOError:
            written = b""
        os.close(read_end)
    assert written == b""
