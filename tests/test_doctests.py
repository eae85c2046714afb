"""Every example in a docstring runs, in the package as it is installed."""

import doctest
import importlib
import pkgutil

import pytest

import tinysight
from tinysight.errors import MissingExtraError

MODULES = sorted(
    m.name for m in pkgutil.walk_packages(tinysight.__path__, "tinysight.") if m.name != "tinysight.__main__"
)


@pytest.mark.parametrize("name", ["tinysight", *MODULES])
def test_examples_in_docstrings(name):
    try:
        module = importlib.import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    assert doctest.testmod(module).failed == 0


def test_there_are_examples():
    without_extras = [name for name in MODULES if not name.startswith(("tinysight.networks", "tinysight.train"))]
    attempted = sum(doctest.testmod(importlib.import_module(name)).attempted for name in without_extras)
    assert attempted >= 10
