"""Options and fixtures that all tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tinysight.checkpoint import Card, Checkpoint, read_checkpoint
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Spec, array_shapes

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
REAL_MODEL = "mobilenet_v1_1.0_224"
# With --nothing-skipped these are still allowed: what a machine without the photographs or another system cannot have.
ALLOWED_SKIPS = ("needs ../shared", "root ", "platform: ")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--network", action="store_true", help="allow tests to fetch the real weights")
    parser.addoption("--slow", action="store_true", help="also run tests that take longer than ten seconds")
    parser.addoption("--nothing-skipped", action="store_true", help="a skipped test fails, but for a known few reasons")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow: runs with --slow"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if item.config.getoption("--nothing-skipped") and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(call.excinfo.value) if call.excinfo else ""
        if not reason.removeprefix("Skipped: ").startswith(ALLOWED_SKIPS):
            report.outcome = "failed"
            report.longrepr = f"skipped, which --nothing-skipped forbids: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    report = yield
    if collector.config.getoption("--nothing-skipped") and report.skipped:
        report.outcome, report.longrepr = "failed", f"skipped whole, which --nothing-skipped forbids: {report.longrepr}"
    return report


def random_arrays(spec: Spec, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights with batch-norm statistics that matter: activations spread over 0..6 and logits over several units."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in array_shapes(spec).items():
        if name.endswith("kernel"):
            fan_in = np.prod(shape[:2]) if "_dw_" in name else np.prod(shape[:3])
            values = rng.normal(0, np.sqrt(2 / fan_in), shape)
        elif name.endswith(("gamma", "moving_variance")):
            values = rng.uniform(0.5, 1.5, shape)
        else:
            values = rng.normal(0, 0.3, shape)
        arrays[name] = values.astype(np.float32)
    return arrays


@pytest.fixture
def make_checkpoint() -> Callable[..., Checkpoint]:
    """Build a model with random weights: ``make_checkpoint(alpha=0.25, resolution=32, num_classes=7)``."""

    def make(seed: int = 0, labels=None, **fields) -> Checkpoint:
        spec = Spec(**fields)
        card = Card(spec.name, spec, Recipe(resolution=spec.resolution), labels, "none", "random numbers for a test")
        return Checkpoint(card, random_arrays(spec, seed))

    return make


@pytest.fixture
def both(make_checkpoint) -> Checkpoint:
    """A small model with probes, in float32 and in int8."""
    from integer_models import in_both

    return in_both(make_checkpoint(alpha=0.25, resolution=32, num_classes=4))


@pytest.fixture
def int8_only(both) -> Checkpoint:
    """The same model in int8 alone."""
    return Checkpoint(both.card, {}, both.integers)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photographs and hostile files beside the repository."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared")
    return SHARED


@pytest.fixture(scope="session")
def real_checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    """The real weights of 1.0-224, from the cache, or fetched where --network allows it."""
    from tinysight.errors import StoreError
    from tinysight.models import open_model
    from tinysight.store import Settings

    environment = dict(os.environ)
    if not request.config.getoption("--network"):
        environment["TINYSIGHT_OFFLINE"] = "1"
    try:
        return open_model(REAL_MODEL, Settings.from_environment(environment), precision="float32")
    except StoreError as error:
        if request.config.getoption("--network"):
            raise
        pytest.skip(f"needs the real weights; run once with --network ({error})")


@pytest.fixture
def checkpoint_file(tmp_path: Path, make_checkpoint) -> Path:
    """A small model file on disk: alpha 0.25, 32 px, 7 classes."""
    from tinysight.checkpoint import write_checkpoint

    path = tmp_path / "small.safetensors"
    write_checkpoint(path, make_checkpoint(alpha=0.25, resolution=32, num_classes=7))
    assert read_checkpoint(path).card.spec.num_classes == 7
    return path


@pytest.fixture
def keras(monkeypatch: pytest.MonkeyPatch):
    """Keras on the backend that KERAS_BACKEND names, ready to build many models quickly.

    Kernels start from NumPy's random numbers: JAX compiles Keras' initialiser for every new shape, which takes seconds.
    """
    package = pytest.importorskip(
        "keras", reason="needs keras and the backend that KERAS_BACKEND names", exc_type=ImportError
    )
    package.utils.clear_session()  # automatic layer names count from one again
    rng = np.random.default_rng(0)

    def glorot(_, shape, dtype=None):
        return rng.normal(0, np.sqrt(2 / sum(shape[-2:])), shape).astype(dtype or "float32")

    monkeypatch.setattr(package.initializers.GlorotUniform, "__call__", glorot)
    return package
