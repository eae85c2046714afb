"""Download one file into the cache: resume, retries, bounds in time and size, checksum.

The answer to a fault is either the right file or a ``SourceError`` of one line within the time that ``Limits`` states.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tinysight.errors import printable
from tinysight.store import workspace as workspaces
from tinysight.store.disk import check_free, no_space
from tinysight.store.limits import DEFAULT_LIMITS, BadContentError, Limits, Progress, SourceError, with_retries
from tinysight.store.resume import Origin, Resource, Step, decide, origin_from_json, request_headers
from tinysight.store.transport import check_status, opened, plain_failures, shown
from tinysight.store.watchdog import Watchdog
from tinysight.store.workspace import Workspace

T = TypeVar("T")
CHUNK_BYTES = 1 << 16


def _read(response: Any, url: str, watchdog: Watchdog, limits: Limits) -> bytes:
    """Return the next bytes as they were sent, without decoding; b"" at the end."""
    with plain_failures(url, watchdog, limits):
        read = getattr(response.raw, "read1", response.raw.read)  # urllib3 before 2.1 has no read1
        data = read(CHUNK_BYTES, decode_content=False) or b""
        if not data and watchdog.too_slow:
            raise OSError("the watchdog has closed the connection")
    watchdog.received(len(data))
    return bytes(data)


def _check_coding(response: Any, resource: Resource) -> None:
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    # Some servers call a .tar.gz gzip-coded. With a checksum it does not matter what they call it.
    if coding not in ("", "identity") and resource.sha256 is None:
        name = printable(coding, 40)
        raise BadContentError(f"{shown(resource.url)}: sent with content coding {name!r}, which was not asked for")


def _check_begin(data: bytes, url: str) -> None:
    if data[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise BadContentError(f"{shown(url)}: the server sent a web page (HTML) instead of the file")


def _origin(resource: Resource) -> Origin:
    return Origin(shown(resource.url), resource.sha256)


def _read_origin(workspace: Workspace) -> Origin | None:
    try:
        return origin_from_json(workspace.source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


class _Download:
    """One file on its way: ``have_bytes`` of it, from ``origin``, are in ``workspace.body``."""

    def __init__(self, resource: Resource, workspace: Workspace, limits: Limits, progress: Progress | None) -> None:
        self.resource, self.workspace, self.limits, self.progress = resource, workspace, limits, progress
        self.shown = shown(resource.url)
        self.origin = _read_origin(workspace) or _origin(resource)
        if self.origin.url != self.shown:  # the same checksum at another place: its validator means nothing there
            self.origin = _origin(resource)
        self.have_bytes = workspace.body.stat().st_size if workspace.body.exists() else 0
        self.resumed = self.have_bytes > 0

    @property
    def max_bytes(self) -> int:
        return self.resource.max_bytes if self.resource.size_bytes is None else self.resource.size_bytes

    @property
    def expected_bytes(self) -> int | None:
        return self.resource.size_bytes or self.origin.total_bytes

    def start_over(self) -> None:
        self.workspace.body.unlink(missing_ok=True)
        self.origin, self.have_bytes, self.resumed = _origin(self.resource), 0, False

    def attempt(self, ca_bundle: str | None) -> None:
        """Ask for what is missing and write it."""
        while self.expected_bytes is None or self.have_bytes != self.expected_bytes:
            headers = request_headers(self.origin, self.have_bytes)
            with opened(self.resource.url, headers, self.limits, ca_bundle) as (response, watchdog):
                check_status(response, self.resource.url, time.time())
                step = decide(response.status_code, response.headers, self.have_bytes, self.origin, self.shown)
                if step.action in ("append", "replace"):
                    self._write(step, response, watchdog)
                if step.action != "again":
                    return
                self.start_over()

    def _check_sizes(self, step: Step) -> None:
        total, expected = step.origin.total_bytes, self.resource.size_bytes
        if total is not None and expected is not None and total != expected:
            raise BadContentError(f"{self.shown}: has {total} bytes, expected {expected}")
        if total is not None and total > self.max_bytes:
            raise BadContentError(f"{self.shown}: has {total} bytes, more than the {self.max_bytes} allowed")
        check_free(self.workspace.path.parent, (total or self.max_bytes) - self.have_bytes)

    def _write(self, step: Step, response: Any, watchdog: Watchdog) -> None:
        _check_coding(response, self.resource)
        self._check_sizes(step)
        if step.action == "replace":
            workspaces.sweep(self.workspace.path.parent, self.workspace.model)  # one file's worth of disk, not two
            self.start_over()
        self.origin = step.origin
        self._on_disk(self.workspace.source.write_text, self.origin.to_json())
        while data := _read(response, self.resource.url, watchdog, self.limits):
            if self.have_bytes == 0:
                _check_begin(data, self.resource.url)
            if self.have_bytes + len(data) > self.max_bytes:
                raise BadContentError(f"{self.shown}: longer than the {self.max_bytes} bytes allowed")
            self._on_disk(self.workspace.append, data)
            self.have_bytes += len(data)
            if self.progress is not None:
                self.progress(self.have_bytes, self.expected_bytes)
        if self.expected_bytes is not None and self.have_bytes < self.expected_bytes:
            message = f"{self.shown}: ended after {self.have_bytes} of {self.expected_bytes} bytes"
            raise SourceError(message, retry=True)

    def _on_disk(self, action: Callable[[T], object], value: T) -> None:
        try:
            action(value)
        except OSError as error:
            self.workspace.remove()  # a full disk is not kept full
            raise no_space(self.workspace.path.parent, self.max_bytes, error.strerror or str(error)) from None

    def is_right(self) -> bool:
        """Whether the body has the expected checksum, or none is known."""
        if self.resource.sha256 is None:
            return True
        with self.workspace.body.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.resource.sha256


def _begin(resource: Resource, folder: Path, model: str) -> Workspace:
    """Take over what a killed process has left of this file, or begin anew."""
    wanted = _origin(resource)
    for path in workspaces.abandoned(folder, model):
        workspace = workspaces.take_over(path)
        if workspace is None:
            continue
        origin = _read_origin(workspace)
        if origin is not None and origin.fits(wanted, workspace.same_boot):
            return workspace
        workspace.give_up()  # it may fit the next source
    return workspaces.create(folder, model)


def download(
    resource: Resource,
    folder: Path,
    model: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    ca_bundle: str | None = None,
    progress: Progress | None = None,
) -> Workspace:
    """Download a file into a temporary folder of the cache, from where a killed download stopped.

    Args:
        resource: what to download.
        folder: the cache folder; made if need be.
        model: name of the model, for the temporary folder's name.
        limits: bounds in time.
        ca_bundle: file or folder of trusted certificates.
        progress: called with bytes done and bytes in all (None where not known).

    Returns:
        The folder; its ``body`` is the whole file. The caller removes the folder.

    Raises:
        SourceError: this source does not give the file.
        StoreError: the cache cannot be written.
    """
    workspace = _begin(resource, folder, model)
    job = _Download(resource, workspace, limits, progress)
    try:
        with_retries(lambda: job.attempt(ca_bundle), limits)
        if not job.is_right() and job.resumed:
            job.start_over()
            with_retries(lambda: job.attempt(ca_bundle), limits)
        if not job.is_right():
            raise BadContentError(f"{shown(resource.url)}: the content does not have the expected sha256")
    except BaseException as error:
        if isinstance(error, BadContentError) or not job.origin.can_resume:
            workspace.remove()
        else:
            workspace.give_up()
        raise
    return workspace


def fetch_bytes(
    url: str, max_bytes: int, headers: Mapping[str, str], limits: Limits, ca_bundle: str | None
) -> tuple[bytes, str, str]:
    """Return a small file: its bytes, its Content-Type, and the address it came from after redirects.

    Raises:
        SourceError: no answer, or more than ``max_bytes``.
    """

    def attempt() -> tuple[bytes, str, str]:
        with opened(url, headers, limits, ca_bundle) as (response, watchdog):
            check_status(response, url, time.time())
            _check_coding(response, Resource(url, max_bytes))
            body = bytearray()
            while data := _read(response, url, watchdog, limits):
                body += data
                if len(body) > max_bytes:
                    raise BadContentError(f"{shown(url)}: longer than the {max_bytes} bytes allowed")
            return bytes(body), response.headers.get("Content-Type", ""), response.url

    return with_retries(attempt, limits)
