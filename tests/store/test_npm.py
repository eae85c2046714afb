"""Packages of the npm registry: pinned by sha512, fetched once, read in memory."""

import base64
import hashlib
import io
import tarfile
from dataclasses import replace

import pytest
from store_helpers import QUICK, names

from tinysight.errors import StoreError
from tinysight.store import Settings, npm_packages
from tinysight.store.npm import NpmPackage, _registry_of_npm, npm_members

WANTED = {"package/dist/a.mjs": b"export const a = 1;\n", "package/dist/b.wasm": bytes(range(256)) * 40}


def archive(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def package(data: bytes, members: dict[str, bytes] = WANTED) -> NpmPackage:
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    sizes = {name: len(content) for name, content in members.items()}
    digest = hashlib.sha256(data).hexdigest()
    return NpmPackage("thing", "1.2.3", len(data), digest, integrity, sizes)


DATA = archive({"package/package.json": b"{}", **WANTED, "../../evil": b"x"})
PACKAGE = package(DATA)
ON_REGISTRY = "/thing/-/thing-1.2.3.tgz"
SHORT = {"a.mjs": WANTED["package/dist/a.mjs"], "b.wasm": WANTED["package/dist/b.wasm"]}


def at(server, tmp_path, **fields) -> Settings:
    return Settings(tmp_path / "cache", npm_registry=server.url("/"), **fields)


def test_the_list_pins_what_a_browser_needs():
    found = npm_packages()["onnxruntime-web"]
    assert found.integrity.startswith("sha512-")
    assert [name.rsplit(".", 1)[-1] for name in found.members] == ["mjs", "mjs", "wasm"]


def test_the_registry_is_asked_once_and_nothing_else_is_written(server, tmp_path):
    server.files[ON_REGISTRY] = DATA
    settings = at(server, tmp_path)
    assert npm_members(PACKAGE, settings, limits=QUICK) == SHORT
    assert npm_members(PACKAGE, replace(settings, offline=True), limits=QUICK) == SHORT
    assert len(server.requests) == 1
    assert names(tmp_path / "cache") == ["thing-1.2.3.tgz"]
    assert names(tmp_path) == ["cache"]


def test_a_damaged_file_in_the_cache_is_fetched_again(server, tmp_path):
    server.files[ON_REGISTRY] = DATA
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/thing-1.2.3.tgz").write_bytes(DATA[:-1] + b"?")
    assert npm_members(PACKAGE, at(server, tmp_path), limits=QUICK) == SHORT
    assert (tmp_path / "cache/thing-1.2.3.tgz").read_bytes() == DATA


def test_other_bytes_are_refused_and_not_kept(server, tmp_path):
    server.files[ON_REGISTRY] = DATA[:-1] + b"?"
    with pytest.raises(StoreError, match=r"cannot get thing-1\.2\.3\.tgz: .*does not have the expected sha256"):
        npm_members(PACKAGE, at(server, tmp_path), limits=QUICK)
    assert names(tmp_path / "cache") == []


def test_the_digest_of_the_registry_counts_as_well(server, tmp_path):
    server.files[ON_REGISTRY] = DATA
    wrong = replace(PACKAGE, integrity=package(b"other").integrity)
    with pytest.raises(StoreError, match="does not have the expected sha512"):
        npm_members(wrong, at(server, tmp_path), limits=QUICK)
    assert names(tmp_path / "cache") == []


def test_a_mirror_comes_first_be_it_a_folder_or_an_address(server, tmp_path):
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "thing-1.2.3.tgz").write_bytes(DATA)
    assert npm_members(PACKAGE, at(server, tmp_path, mirror=str(folder), offline=True), limits=QUICK) == SHORT
    server.files["/m/thing-1.2.3.tgz"] = DATA
    assert npm_members(PACKAGE, at(server, tmp_path, mirror=server.url("/m/")), limits=QUICK) == SHORT
    assert [seen.path for seen in server.requests] == ["/m/thing-1.2.3.tgz"]


def test_a_folder_is_read_where_the_cache_cannot_be_written(server, tmp_path):
    (tmp_path / "cache").write_bytes(b"no folder can be made here")
    (tmp_path / "thing-1.2.3.tgz").write_bytes(DATA)
    assert npm_members(PACKAGE, at(server, tmp_path, mirror=str(tmp_path)), limits=QUICK) == SHORT
    assert server.requests == []


def test_offline_says_in_one_line_what_is_missing(server, tmp_path):
    with pytest.raises(StoreError) as caught:
        npm_members(PACKAGE, at(server, tmp_path, offline=True, mirror=str(tmp_path)), limits=QUICK)
    message = str(caught.value)
    assert "thing-1.2.3.tgz is not in the cache and offline mode is on" in message
    assert "\n" not in message
    assert server.requests == [] and not (tmp_path / "cache").exists()


def test_nowhere_to_be_had_names_each_place(server, tmp_path):
    with pytest.raises(StoreError, match=r"mirror: .* holds no .*not there .HTTP 404.*; set npm_config_registry to"):
        npm_members(PACKAGE, at(server, tmp_path, mirror=str(tmp_path)), limits=QUICK)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"package/dist/a.mjs": b"export"}, r"holds no package/dist/a\.mjs of 20 bytes"),
        ({}, r"holds no package/dist/a\.mjs"),
    ],
)
def test_an_archive_without_a_member_is_refused(members, message, server, tmp_path):
    data = archive(members)
    server.files[ON_REGISTRY] = data
    with pytest.raises(StoreError, match=message):
        npm_members(package(data), at(server, tmp_path), limits=QUICK)


def test_npm_tells_its_registry_by_a_variable():
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        assert Settings.from_environment({name: "https://npm.example/"}).npm_registry == "https://npm.example/"
    assert Settings.from_environment({}).npm_registry is None


@pytest.mark.parametrize("says", ["https://npm.example/", "undefined", ""])
def test_npm_itself_is_asked_where_no_variable_says(says, tmp_path, monkeypatch):
    program = tmp_path / "npm"
    program.write_text(f"#!/bin/sh\necho 'npm warn about something' >&2\necho {says}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert _registry_of_npm() == (says if says.startswith("https") else None)


def test_without_npm_and_variable_both_ways_out_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError, match=r"npm, which knows its registry, is not installed.*TINYSIGHT_MIRROR"):
        npm_members(PACKAGE, Settings(tmp_path / "cache"), limits=QUICK)
