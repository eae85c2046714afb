"""Importing loads nothing, and the public surface is the short list that it says it is."""

import subprocess
import sys

import pytest

import tinysight

HEAVY = (
    "numpy",
    "PIL",
    "keras",
    "torch",
    "tensorflow",
    "jax",
    "h5py",
    "onnx",
    "onnxruntime",
    "requests",
    "rich",
    "safetensors",
    "pypi_simple",
)


def modules_after(code: str) -> set[str]:
    program = f"{code}\nimport sys\nprint('MODULES', *sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.rpartition("MODULES")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import tinysight",
        "import tinysight.cli",
        "from tinysight.cli import run; assert run(['--help']) == 0",
        "from tinysight.cli import run; assert run(['--version']) == 0",
        "from tinysight import Spec; Spec()",
    ],
)
def test_nothing_heavy_is_imported(code):
    assert not {name for name in modules_after(code) if name.split(".")[0] in HEAVY}


def test_predicting_imports_no_framework_and_no_downloader(checkpoint_file):
    loaded = modules_after(f"from tinysight import Classifier; Classifier({str(checkpoint_file)!r})")
    assert "numpy" in loaded
    assert not loaded & {"keras", "torch", "tensorflow", "jax", "h5py", "requests", "pypi_simple", "rich", "click"}


def test_importing_changes_no_variable_and_no_handler():
    code = (
        "import os, logging, signal\n"
        "look = lambda: (dict(os.environ), list(logging.root.handlers), signal.getsignal(signal.SIGINT))\n"
        "before = look()\n"
        "import tinysight\n"
        "[getattr(tinysight, name) for name in tinysight.__all__]\n"
        "assert before == look()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_surface():
    assert set(tinysight.__all__) == set(tinysight._HOMES) | {"__version__"}
    for _ in range(2):  # a module of the same name must not come in between
        kinds = {name: type(getattr(tinysight, name)).__name__ for name in tinysight.__all__}
        assert "module" not in kinds.values()
    assert dir(tinysight) == sorted(tinysight.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Clasifier'"):
        tinysight.Clasifier  # noqa: B018


def test_version_is_that_of_the_package():
    from importlib.metadata import version

    assert tinysight.__version__ == version("tinysight")
