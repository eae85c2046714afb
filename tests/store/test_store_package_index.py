"""The package-index source: an index and a source distribution made here, served on loopback."""

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from store_helpers import QUICK

from tinysight.store.index_config import IndexConfig
from tinysight.store.limits import BadContentError, SourceError
from tinysight.store.package_index import find_file, read_member
from tinysight.store.released import Package

GRAPH = b"the graph" * 1000
MEMBER = "sample-1.0/sample/files/graph.pb"
FILE = "sample-1.0.tar.gz"
CANARY = "raise SystemExit('code of the package was run')"


def add(tar: tarfile.TarFile, name: str, data: bytes, **fields) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    tar.addfile(member, io.BytesIO(data))


def sdist(**members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        add(tar, "sample-1.0/setup.py", CANARY.encode())
        add(tar, "../../escaped", b"x")
        add(tar, "/tmp/absolute", b"x")
        add(tar, "sample-1.0/link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        for name, data in members.values() if members else [(MEMBER, GRAPH)]:
            add(tar, name, data)
        add(tar, "sample-1.0/PKG-INFO", b"Name: sample")
    return buffer.getvalue()


ARCHIVE = sdist()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


PACKAGE = Package("sample", FILE, len(ARCHIVE), sha256(ARCHIVE), MEMBER, len(GRAPH), sha256(GRAPH))


def json_page(*files: tuple[str, str, str | None]) -> bytes:
    rows = [{"filename": n, "url": u, "hashes": {"sha256": h} if h else {}} for n, u, h in files]
    return json.dumps({"meta": {"api-version": "1.0"}, "name": "sample", "files": rows}).encode()


def serve_page(server, page: bytes, kind: str, path: str = "/simple/sample/") -> None:
    def answer(handler, _):
        handler.head(200, {"Content-Type": kind, "Content-Length": str(len(page))})
        handler.wfile.write(page)

    server.faults[path] = answer


JSON = "application/vnd.pypi.simple.v1+json"
HTML = "text/html; charset=utf-8"


def find(server, path: str = "/simple", package: Package = PACKAGE) -> str:
    return find_file(package, IndexConfig((server.url(path),)), QUICK, None)


def test_a_file_is_found_by_its_name_in_json_and_in_html(server):
    serve_page(server, json_page(("sample-0.9.tar.gz", "/old", None), (FILE, "../../f.tgz", PACKAGE.sha256)), JSON)
    assert find(server) == server.url("/f.tgz")
    html = f'<!DOCTYPE html><a href="/files/{FILE}#sha256={PACKAGE.sha256}">{FILE}</a>'
    serve_page(server, html.encode(), HTML)
    assert find(server, "/simple/").split("#")[0] == server.url(f"/files/{FILE}")


def test_another_checksum_or_no_such_file_is_said(server):
    serve_page(server, json_page((FILE, "/x", "0" * 64)), JSON)
    with pytest.raises(SourceError, match=r"lists sample-1.0.tar.gz with another sha256"):
        find(server)
    serve_page(server, json_page(("sample-2.0.tar.gz", "/x", None)), JSON)
    with pytest.raises(SourceError, match=r"has no sample-1.0.tar.gz"):
        find(server)


@pytest.mark.parametrize("page", [b"", b"{", b"[]", b'{"meta": 5}', b"[" * 100_000, b"\xff\xfe"])
def test_a_page_that_is_nonsense_is_one_line(page, server):
    serve_page(server, page, JSON)
    with pytest.raises(SourceError) as caught:
        find(server)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_indexes_are_asked_in_order_and_each_failure_is_said(server):
    serve_page(server, json_page((FILE, server.url("/f"), PACKAGE.sha256)), JSON, "/b/sample/")
    config = IndexConfig((server.url("/a"), server.url("/b")))
    assert find_file(PACKAGE, config, QUICK, None) == server.url("/f")
    with pytest.raises(SourceError, match=r"/a/sample/: not there .HTTP 404.; http.*/c/sample/: not there"):
        find_file(PACKAGE, IndexConfig((server.url("/a"), server.url("/c"))), QUICK, None)


def test_no_index_and_no_usable_index():
    with pytest.raises(SourceError, match="no index"):
        find_file(PACKAGE, IndexConfig((), disabled=True), QUICK, None)
    with pytest.raises(SourceError, match=r"no index with an http\(s\) address is configured"):
        find_file(PACKAGE, IndexConfig(()), QUICK, None)


def test_the_indexs_password_goes_to_its_files_on_the_same_server_only(server):
    index = server.url("/simple").replace("//", "//me:secret@")
    serve_page(server, json_page((FILE, server.url("/f"), None)), JSON)
    assert find_file(PACKAGE, IndexConfig((index,)), QUICK, None) == server.url("/f").replace("//", "//me:secret@")
    serve_page(server, json_page((FILE, "https://elsewhere.invalid/f", None)), JSON)
    assert "secret" not in find_file(PACKAGE, IndexConfig((index,)), QUICK, None)
    serve_page(server, json_page(), JSON)
    with pytest.raises(SourceError) as caught:
        find_file(PACKAGE, IndexConfig((index,)), QUICK, None)
    assert "secret" not in str(caught.value)


def test_one_member_is_read_and_nothing_is_written_or_run(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    archive = tmp_path / "a" / FILE
    archive.parent.mkdir()
    archive.write_bytes(ARCHIVE)
    assert read_member(archive, PACKAGE) == GRAPH
    assert [path.name for path in tmp_path.rglob("*")] == ["a", FILE]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not an archive", "cannot be read"),
        (b"", "cannot be read"),
        (ARCHIVE[:-40], "cannot be read|is not there"),
        (ARCHIVE[: len(ARCHIVE) // 2], "cannot be read|is not there"),
        (gzip.compress(b"no tar" * 1000), "cannot be read|is not there"),
        (sdist(a=("sample-1.0/other", GRAPH)), "is not there"),
        (sdist(a=(MEMBER, GRAPH[:-1])), "of 9000 bytes is not there"),
        (sdist(a=(MEMBER, GRAPH[:-1] + b"x")), "does not have the expected sha256"),
    ],
)
def test_an_archive_that_is_not_the_right_one_is_refused(content, message, tmp_path):
    path = tmp_path / FILE
    path.write_bytes(content)
    if content == ARCHIVE[:-40]:  # what is missing comes after the member
        assert read_member(path, PACKAGE) == GRAPH
        return
    with pytest.raises(BadContentError, match=message):
        read_member(path, PACKAGE)


def test_a_member_that_is_a_link_is_not_followed(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        add(tar, MEMBER, b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")
    path = tmp_path / FILE
    path.write_bytes(buffer.getvalue())
    with pytest.raises(BadContentError, match="is not there"):
        read_member(path, replace(PACKAGE, member_size_bytes=0))
