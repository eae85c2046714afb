"""Fixtures of the preprocessing tests."""

from __future__ import annotations

import pytest


@pytest.fixture
def silent_stderr(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture):
    """Fail when anything, in Python or in C, writes to standard output or error, or logs a warning."""
    yield
    assert capfd.readouterr() == ("", "")
    assert [record for record in caplog.get_records("call") if record.levelname != "DEBUG"] == []
