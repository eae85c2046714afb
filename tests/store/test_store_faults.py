"""Every way in which a server can fail ends in the right file or a clear error, in time, within the disk's limit."""

import hashlib
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import faults as fault
import pytest
from fault_server import LAST_MODIFIED, FaultServer
from store_helpers import MODEL, QUICK, disk_use, names

from tinysight.store.download import download
from tinysight.store.limits import SourceError
from tinysight.store.resume import Origin, Resource
from tinysight.store.transport import shown
from tinysight.store.workspace import ABANDONED_S, Workspace, create

DATA = random.Random(16).randbytes(600_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
PATH = "/model.bin"
RIGHT = "right"
MIB = 1 << 20


def whole(server: FaultServer, pinned: bool, path: str = PATH) -> Resource:
    if pinned:
        return Resource(server.url(path), len(DATA), len(DATA), SHA256)
    return Resource(server.url(path), len(DATA) + 200_000)


def fetch(server: FaultServer, folder, pinned=True, path=PATH, **options) -> bytes:
    """Download, watching the disk, and return the body."""
    peak = [0]

    def watch(_done: int, _total: int | None) -> None:
        peak[0] = max(peak[0], disk_use(folder))

    try:
        workspace = download(whole(server, pinned, path), folder, "model", limits=QUICK, progress=watch, **options)
    finally:
        assert peak[0] <= len(DATA) + MIB
    body = workspace.body.read_bytes()
    workspace.remove()
    return body


# name: (faults, one a request; what comes of it with a checksum; what comes of it without)
HALF = r"ended after 300000 of 600000 bytes|connection broke"
FAULTS = {
    "reset at 50%": ([fault.reset_at_half] * 2, RIGHT, RIGHT),
    "short body": ([fault.short_body] * 2, RIGHT, RIGHT),
    "short body for ever": (fault.short_body, RIGHT, RIGHT),
    "too long body": (fault.too_long_body, RIGHT, RIGHT),
    "another, longer file": (fault.longer_file, "has 700000 bytes, expected 600000", "wrong content"),
    "200 with HTML": (fault.web_page, "has 5037 bytes, expected", "a web page"),
    "404": (fault.status(404), "not there .HTTP 404", "not there .HTTP 404"),
    "403": (fault.status(403), "HTTP 403$", "HTTP 403$"),
    "500 twice, then 200": ([fault.status(500), fault.status(500)], RIGHT, RIGHT),
    "500 for ever": (fault.status(500), r"HTTP 500 \(3 tries\)", r"HTTP 500 \(3 tries\)"),
    "429 with Retry-After": ([fault.status(429, Retry_After="1")], RIGHT, RIGHT),
    "503 with Retry-After": ([fault.status(503, Retry_After="1")], RIGHT, RIGHT),
    "503 with a long Retry-After": (
        fault.status(503, Retry_After="3600"),
        "asks to wait 3600 s",
        "asks to wait 3600 s",
    ),
    "1 byte/s": (fault.one_byte_a_second, "too slow .less than 1000 bytes/s", "too slow"),
    "headers at 10 bytes/s": (fault.slow_headers, "too slow", "too slow"),
    "silence": (fault.silent, "went silent|too slow", "went silent|too slow"),
    "no Content-Length": (fault.no_length, RIGHT, RIGHT),
    "chunked": (fault.chunked, RIGHT, RIGHT),
    "chunked, cut": (fault.chunked_cut, "connection broke", "connection broke"),
    "gzip coding": (fault.gzip_coded, "expected 600000", "content coding 'gzip'"),
    "called gzip, sent as it is": (fault.called_gzip, RIGHT, "content coding 'x-gzip'"),
    "redirect loop": (fault.redirect(PATH), "more than 5 redirects", "more than 5 redirects"),
    "redirect to file:": (fault.redirect("file:///etc/hostname"), "no http or https address", "no http or https"),
    "redirect to ftp:": (fault.redirect("ftp://127.0.0.1/x"), "no http or https address", "no http or https"),
    "redirect to nonsense": (fault.redirect("http://[::1"), "malformed|no http", "malformed|no http"),
    "same-size wrong bytes": (fault.wrong_bytes, "does not have the expected sha256", "wrong content"),
    "endless body": (fault.endless, "longer than the 600000 bytes", "longer than the 800000 bytes"),
}


@pytest.mark.parametrize("pinned", [True, False], ids=["sha256", "no hash"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_ends_right_or_in_a_clear_error(name, pinned, server, tmp_path):
    faults, with_hash, without = FAULTS[name]
    outcome = with_hash if pinned else without
    server.files[PATH] = DATA
    server.faults[PATH] = list(faults) if isinstance(faults, list) else faults
    if name == "short body for ever":  # each try brings the rest nearer, so that only the end is missing
        outcome = HALF
    start = time.monotonic()
    if outcome == RIGHT:
        assert fetch(server, tmp_path, pinned) == DATA
    elif outcome == "wrong content":  # not to be seen without a hash; the reader of the file sees it
        assert fetch(server, tmp_path, pinned) != DATA
    else:
        with pytest.raises(SourceError, match=outcome) as caught:
            fetch(server, tmp_path, pinned)
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 300
        assert message.startswith("http")
    assert time.monotonic() - start < 6
    assert disk_use(tmp_path) <= len(DATA) + MIB
    if "resume" not in name and outcome in (RIGHT, "wrong content"):
        assert names(tmp_path) == []


def test_stated_time_of_a_server_that_sends_one_byte_a_second(server, tmp_path):
    server.files[PATH], server.faults[PATH] = DATA, fault.one_byte_a_second
    start = time.monotonic()
    with pytest.raises(SourceError, match="too slow"):
        fetch(server, tmp_path)
    assert time.monotonic() - start < 2 * QUICK.window_s + 1
    assert len(server.requests) == 1


@pytest.fixture
def half(server, tmp_path):
    """What a killed process leaves: the first half of the file, with its origin."""

    def leave(data: bytes = DATA[:300_000], pinned: bool = True, validator: str | None = '"v1"') -> None:
        workspace: Workspace = create(tmp_path, "model")
        workspace.append(data)
        origin = Origin(shown(server.url(PATH)), SHA256 if pinned else None, validator, len(DATA))
        workspace.source.write_text(origin.to_json())
        workspace.give_up()

    server.files[PATH] = DATA
    return leave


RESUMES = {
    "Range understood": (lambda handler, data: handler.serve(data, '"v1"'), 1),
    "Range ignored": (fault.range_ignored, 1),
    "416": (fault.not_satisfiable, 2),
    "ETag changed, If-Range understood": (lambda handler, data: handler.serve(data, '"v2"'), 1),
    "ETag changed, If-Range ignored": (fault.etag_changed, 2),
}


@pytest.mark.parametrize("pinned", [True, False], ids=["sha256", "no hash"])
@pytest.mark.parametrize("name", RESUMES)
def test_resume(name, pinned, server, tmp_path, half):
    server.faults[PATH], requests = RESUMES[name]
    half(pinned=pinned)
    assert fetch(server, tmp_path, pinned) == DATA
    assert (server.requests[0].range, server.requests[0].if_range) == ("bytes=300000-", '"v1"')
    assert len(server.requests) == requests
    assert names(tmp_path) == []


def test_a_wrong_beginning_is_found_by_the_checksum_and_fetched_anew(server, tmp_path, half):
    server.faults[PATH] = lambda handler, data: handler.serve(data, '"v1"')
    half(data=bytes(300_000))
    assert fetch(server, tmp_path) == DATA
    assert [seen.range for seen in server.requests] == ["bytes=300000-", None]


def test_a_whole_body_with_a_checksum_needs_no_request(server, tmp_path, half):
    half(data=DATA)
    assert fetch(server, tmp_path) == DATA
    assert server.requests == []


def test_a_body_that_is_too_long_is_thrown_away(server, tmp_path, half):
    half(data=DATA + b"more")
    assert fetch(server, tmp_path) == DATA


def test_what_another_source_has_left_makes_room(server, tmp_path, half):
    half(pinned=False)
    server.files["/other"] = DATA
    kept = []
    resource = Resource(server.url("/other"), len(DATA))
    download(resource, tmp_path, "model", limits=QUICK, progress=lambda *_: kept.append(len(names(tmp_path))))
    assert set(kept) == {1}


def test_without_validator_and_checksum_a_download_starts_anew(server, tmp_path, half):
    half(pinned=False, validator=None)
    assert fetch(server, tmp_path, pinned=False) == DATA
    assert [seen.range for seen in server.requests] == [None]


@pytest.mark.parametrize(("pinned", "asked"), [(True, "bytes=300000-"), (False, None)], ids=["sha256", "no hash"])
def test_what_a_crash_of_the_machine_may_have_left_is_resumed_only_with_a_checksum(
    pinned, asked, server, tmp_path, half
):
    server.faults[PATH] = lambda handler, data: handler.serve(data, '"v1"')
    half(pinned=pinned)
    (left,) = tmp_path.iterdir()
    before = left.rename(tmp_path / f".model.{'0' * 12}-5-5.01234567.part")  # the owner of another boot
    old = time.time() - ABANDONED_S - 60
    for path in (*before.iterdir(), before):
        os.utime(path, (old, old))
    assert fetch(server, tmp_path, pinned) == DATA
    assert [seen.range for seen in server.requests] == [asked]


def test_last_modified_is_a_validator_where_there_is_no_etag(server, tmp_path):
    def cut_once(handler, data):
        start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
        headers = {"Last-Modified": LAST_MODIFIED, "Content-Length": str(len(data) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        handler.head(206 if start else 200, headers)
        handler.wfile.write(data[start:] if start else data[:100_000])

    server.files[PATH], server.faults[PATH] = DATA, cut_once
    assert fetch(server, tmp_path, pinned=False) == DATA
    assert server.requests[1].if_range == LAST_MODIFIED


def test_without_hash_and_validator_two_halves_of_different_files_are_never_joined(server, tmp_path):
    def cut_once_then_another_file(handler, data):
        first = len(server.requests) == 1
        start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
        headers = {"Content-Length": str(len(data) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        handler.head(206 if start else 200, headers)
        handler.wfile.write(data[:100_000] if first else bytes(len(data) - start))

    server.files[PATH], server.faults[PATH] = DATA, cut_once_then_another_file
    assert fetch(server, tmp_path, pinned=False) == bytes(len(DATA))
    assert [seen.range for seen in server.requests] == [None, None]


def test_identity_coding_is_asked_for(server, tmp_path):
    server.files[PATH] = DATA
    fetch(server, tmp_path)
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


def test_what_failed_for_good_leaves_nothing_and_what_was_cut_leaves_one_partial(server, tmp_path):
    server.files[PATH] = DATA
    for bad in (fault.wrong_bytes, fault.web_page, fault.endless, fault.status(500)):
        server.faults[PATH] = bad
        with pytest.raises(SourceError):
            fetch(server, tmp_path)
        assert names(tmp_path) == []
    server.faults[PATH] = fault.short_body
    for _ in range(3):
        with pytest.raises(SourceError):
            fetch(server, tmp_path)
    assert len(names(tmp_path)) == 1


def test_a_host_that_refuses_and_a_name_that_is_not_there_are_tried_once(tmp_path):
    gone = FaultServer()
    gone.stop()
    for url, reason in ((gone.url("/x"), "no connection .Connection refused"), ("http://host.invalid/x", "resolved")):
        start = time.monotonic()
        with pytest.raises(SourceError, match=reason):
            download(Resource(url, 100), tmp_path, "model", limits=QUICK)
        assert time.monotonic() - start < 3


@pytest.mark.slow
def test_every_fault_through_the_command_with_the_limits_that_are_stated(server, weights, tmp_path, tinysight):
    """A mirror with each fault, one process each: the right file, or one line within 60 s, and never too much disk."""

    def run(number: int) -> str:
        name = list(FAULTS)[number]
        cache, path = tmp_path / str(number), f"/{number}/{weights.release.checkpoint_file}"
        faults = FAULTS[name][0]
        server.files[path] = weights.mirror_file
        server.faults[path] = list(faults) if isinstance(faults, list) else faults
        start = time.monotonic()
        result = tinysight("models", "fetch", MODEL, cache=cache, TINYSIGHT_MIRROR=server.url(f"/{number}"))
        assert time.monotonic() - start < 60, name
        assert disk_use(cache) <= len(weights.cache_file) + MIB, name
        if result.returncode == 0:
            assert (cache / weights.release.checkpoint_file).read_bytes() == weights.cache_file, name
            assert names(cache) == [weights.release.checkpoint_file], name
            return "right"
        assert (result.returncode, result.stderr.count("\n")) == (1, 1), (name, result.stderr)
        assert result.stderr.startswith(f"Error: cannot get {MODEL}: mirror: http://127.0.0.1"), name
        assert not (cache / weights.release.checkpoint_file).exists(), name
        return "clear error"

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(run, range(len(FAULTS))))
    print(f"{len(outcomes)} faults: {outcomes.count('right')} right, {outcomes.count('clear error')} clear errors")
