"""Every example in a docstring runs, in the package as it is installed."""

import doctest
import importlib
import pkgutil

import pytest

import tinysight

MODULES = sorted(
    m.name for m in pkgutil.walk_packages(tinysight.__path__, "tinysight.") if m.name != "tinysight.__main__"
)


@pytest.mark.parametrize("name", ["tinysight", *MODULES])
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_examples():
    attempted = sum(doctest.testmod(importlib.import_module(name)).attempted for name in MODULES)
    assert attempted >= 10
