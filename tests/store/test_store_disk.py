"""Cache folders that are full, small, read-only or not there."""

import errno
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from store_helpers import MODEL, names, no_index

from tinysight.errors import StoreError
from tinysight.models import open_model

ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def test_without_any_cache_folder_a_file_opens_and_a_name_says_what_to_set(tmp_path, weights):
    nowhere = no_index(None)
    path = tmp_path / "model.safetensors"
    path.write_bytes(weights.cache_file)
    assert open_model(path, nowhere).card.name == MODEL
    with pytest.raises(StoreError, match=r"no home folder is known.*; set TINYSIGHT_CACHE"):
        open_model(MODEL, nowhere)


def test_a_full_disk_is_said_before_anything_is_written(settings, cache, monkeypatch, mirror):
    monkeypatch.setattr("shutil.disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(
        StoreError, match=rf"cannot write in {cache}: not enough space: \d+ bytes are needed, 1000 bytes"
    ):
        open_model(MODEL, settings)
    assert names(cache) == []
    monkeypatch.undo()
    assert open_model(MODEL, settings).card.name == MODEL


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG, errno.EDQUOT])
def test_a_disk_that_fills_up_leaves_nothing(number, settings, cache, monkeypatch):
    from tinysight.store.workspace import Workspace

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Workspace, "append", fail)
    with pytest.raises(
        StoreError, match=rf"cannot write in {cache}: {os.strerror(number)}: \d+ bytes are needed, \d+ "
    ):
        open_model(MODEL, settings)
    assert names(cache) == []


def test_a_limit_on_file_sizes_is_said(cache, mirror, tinysight, weights):
    limit = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (500_000,) * 2)"
    prefix = (sys.executable, "-c", f"{limit}; os.execv(sys.argv[1], sys.argv[1:])")
    result = tinysight("models", "fetch", MODEL, cache=cache, TINYSIGHT_MIRROR=mirror.url(), prefix=prefix)
    assert result.returncode == 1
    assert "File too large" in result.stderr
    assert "bytes are needed" in result.stderr
    assert str(cache) in result.stderr
    assert names(cache) == []


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = ROOT and shutil.which("mount") and shutil.which("umount")
    if not mounted or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "x", folder], check=False).returncode:
        pytest.skip("root is needed to mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_of_one_mebibyte(small_disk, mirror, weights):
    settings = no_index(small_disk, mirror=mirror.url())
    with pytest.raises(
        StoreError, match=rf"cannot write in {small_disk}: .*{len(weights.mirror_file)} bytes are needed, \d+ "
    ):
        open_model(MODEL, settings)
    assert names(small_disk) == []
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    assert open_model(MODEL, settings).card.name == MODEL
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    start = time.monotonic()
    assert open_model(MODEL, replace(settings, offline=True)).card.name == MODEL
    with pytest.raises(
        StoreError, match=r"cannot write in the cache folder .*Read-only file system; set TINYSIGHT_CACHE"
    ):
        open_model("mobilenet_v1_0.25_160", settings)
    assert time.monotonic() - start < 5
