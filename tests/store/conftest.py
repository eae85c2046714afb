"""Fixtures of the store's tests: servers, a released model with random numbers, the command in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fault_server import FaultServer
from store_helpers import CERTIFICATES, MODEL, Weights, environment, no_index, random_model

from tinysight.checkpoint import write_checkpoint
from tinysight.models.released import convert, released
from tinysight.store import Material, Settings

# Nothing of the user's own configuration may reach a test: no proxy, no index, no cache.
OURS = ("TINYSIGHT_", "PIP_", "UV_", "XDG_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_")
CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(OURS) or name in CA_BUNDLES:
            monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    running = FaultServer()
    yield running
    running.stop()


@pytest.fixture
def tls_server() -> Iterator[FaultServer]:
    running = FaultServer(str(CERTIFICATES / "server.pem"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Weights:
    folder = tmp_path_factory.mktemp("weights")
    release = released(MODEL)
    mirrored = folder / release.checkpoint_file
    write_checkpoint(mirrored, random_model(release.spec))
    checkpoint = convert(release, Material("checkpoint", mirrored, ""))
    write_checkpoint(folder / "cache", checkpoint)
    return Weights(release, checkpoint, mirrored.read_bytes(), (folder / "cache").read_bytes())


@pytest.fixture
def mirror(server: FaultServer, weights: Weights) -> FaultServer:
    """A server that holds the model."""
    server.files[weights.path] = weights.mirror_file
    return server


@pytest.fixture
def tinysight() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the command in a process of its own: ``tinysight("models", "list", cache=folder, TINYSIGHT_OFFLINE="1")``."""

    def run(*arguments, cache: Path | None = None, prefix: tuple[str, ...] = (), options=None, **variables: str):
        command = [*prefix, sys.executable, "-m", "tinysight", *map(str, arguments)]
        return subprocess.run(
            command, env=environment(cache, **variables), capture_output=True, text=True, timeout=100, **(options or {})
        )

    return run


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache folder that is not there yet."""
    return tmp_path / "cache"


@pytest.fixture
def settings(cache: Path, mirror: FaultServer) -> Settings:
    """An empty cache, a mirror that holds the model, no package index."""
    return no_index(cache, mirror=mirror.url())


@pytest.fixture
def graph_file(tmp_path, monkeypatch):
    """Write a frozen graph: ``graph_file(checkpoint)``; with 1000 classes, 1001 outputs as TF-slim has them."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "importers")
    from graph_writer import slim_graph

    def write(checkpoint, name="graph.pb") -> Path:
        spec = checkpoint.card.spec
        extra = np.full(checkpoint.arrays["conv_preds.kernel"].shape[2] + 1, 9, np.float32)
        background = extra if spec.num_classes == 1000 else None
        (tmp_path / name).write_bytes(slim_graph(spec, checkpoint.arrays, background=background))
        return tmp_path / name

    return write
