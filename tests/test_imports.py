"""Importing loads nothing, and the public surface is the short list that it says it is."""

import subprocess
import sys
from pathlib import Path

import pytest
from integer_models import in_int8

import tinysight
from tinysight import costs, models, store
from tinysight.checkpoint import write_checkpoint
from tinysight.engines.native import is_built

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
    "openvino",
    "timm",
    "transformers",
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


def test_a_cold_start_imports_what_one_picture_needs(tmp_path, make_checkpoint):
    """From the start of the process to the label, imports are most of the time; each of these was there once."""
    path = tmp_path / "int8.safetensors"
    write_checkpoint(path, in_int8(make_checkpoint(alpha=0.25, resolution=32, num_classes=3)))
    picture = Path(__file__).parent.parent / "examples" / "analog_clock.jpg"
    loaded = modules_after(
        f"from tinysight.cli import run; assert run(['predict', '-m', {str(path)!r}, {str(picture)!r}]) == 0"
    )
    assert {"numpy", "PIL.JpegImagePlugin", "tinysight.classify"} <= loaded
    unneeded = {
        "rich",
        "safetensors",
        "ssl",
        "http.client",
        "urllib.request",
        "email",
        "tomllib",
        "importlib.resources",
    }
    unneeded |= {"PIL.TiffImagePlugin", "PIL.PngImagePlugin", "PIL.GifImagePlugin", "csv", "fractions"}
    unneeded |= {f"tinysight.{name}" for name in ("costs.network", "costs.convolution", "store.sources", "importers")}
    if is_built():
        unneeded |= {"tinysight.fold", "tinysight.quantize", "tinysight.engines.reference", "onnxruntime"}
    assert not loaded & unneeded


def test_lazy_packages_resolve_every_name():
    for package in (costs, models, store):
        assert sorted(package._HOMES) == sorted(package.__all__)
        for name in package.__all__:
            assert getattr(package, name).__module__.startswith(f"{package.__name__}.") or name == "Progress"
            assert not (Path(package.__file__).parent / f"{name}.py").exists()  # it would hide the name once imported
        with pytest.raises(AttributeError, match=rf"module '{package.__name__}' has no attribute 'nothing'"):
            package.nothing  # noqa: B018


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
