"""Fixtures of the tests that open an exported page: a browser, onnxruntime-web, a small model and its folder."""

import dataclasses
import os

import pytest
from chromium import Chromium
from web_helpers import served, small_model

from tinysight.checkpoint import write_checkpoint
from tinysight.errors import StoreError
from tinysight.export import ExportOptions, export_model
from tinysight.store import Settings, npm_members, npm_packages


@pytest.fixture(scope="session")
def settings(request):
    """Where onnxruntime-web is: in the cache, or fetched where --network allows it."""
    network = request.config.getoption("--network")
    found = dataclasses.replace(Settings.from_environment(os.environ), offline=not network)
    try:
        npm_members(npm_packages()["onnxruntime-web"], found)
    except StoreError as error:
        if network:
            raise
        pytest.skip(f"needs onnxruntime-web; run once with --network ({error})")
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    running = Chromium(tmp_path_factory.mktemp("profile"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def site(model, settings, tmp_path_factory):
    """The small model's page in float32, served; its model file lies beside the folder."""
    target = tmp_path_factory.mktemp("web") / "site"
    export_model(model, "web", target, ExportOptions(settings=settings))
    write_checkpoint(target.parent / "m.safetensors", model)
    with served(target) as server:
        yield server, target.parent / "m.safetensors"
