"""What a download has on disk, and what an answer of the server means for it: decisions only, no network, no disk."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Literal

from tinysight.store.limits import SourceError

_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Resource:
    """A file to download.

    Args:
        url: its address.
        max_bytes: more than this is never written to disk.
        size_bytes, sha256: of the whole file, where they are known.
    """

    url: str
    max_bytes: int
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the bytes on disk come from; kept beside them as JSON.

    Args:
        url: address without user and password.
        sha256: of the whole file, where it is known.
        validator: a strong ETag or a Last-Modified date, to be sent as If-Range.
        total_bytes: what the server said that the whole has.
    """

    url: str
    sha256: str | None = None
    validator: str | None = None
    total_bytes: int | None = None

    @property
    def can_resume(self) -> bool:
        """Whether the beginning of a file is worth keeping."""
        return self.sha256 is not None or self.validator is not None

    def to_json(self) -> str:
        """Return the origin as JSON."""
        return json.dumps(asdict(self))

    def fits(self, other: Origin, same_boot: bool) -> bool:
        """Whether bytes of this origin may be the beginning of a file of the other.

        With a checksum over the whole a mistake is found in the end. Without one, it must be the same address with a
        validator, and the machine must not have crashed in between, after which a file may have holes.
        """
        if other.sha256 is not None:
            return self.sha256 == other.sha256
        return same_boot and self.url == other.url and self.validator is not None


def origin_from_json(text: str) -> Origin | None:
    """Read back ``Origin.to_json``; None for anything else."""
    try:
        fields = json.loads(text)
        origin = Origin(**fields)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = all(value is None or isinstance(value, str) for value in (origin.sha256, origin.validator))
    sized = origin.total_bytes is None or isinstance(origin.total_bytes, int)
    return origin if isinstance(origin.url, str) and texts and sized else None


def validator(headers: Mapping[str, str]) -> str | None:
    """Return what If-Range may hold: a strong ETag, else a Last-Modified that is older than the answer (RFC 9110)."""
    etag = headers.get("ETag", "")
    if etag:
        strong = len(etag) > 2 and etag[0] == etag[-1] == '"' and etag.isprintable()
        return etag if strong else None
    modified = headers.get("Last-Modified", "")
    try:
        parsed = parsedate_to_datetime(modified)
        # A file that changed twice within the second of its date has one date for two contents.
        same_second = "Date" in headers and parsedate_to_datetime(headers["Date"]) <= parsed
    except (ValueError, TypeError):
        return None
    return None if same_second else modified


def request_headers(origin: Origin, have_bytes: int) -> dict[str, str]:
    """Return the headers that ask for the rest of a file of which this many bytes are there.

    Without a hash and without a validator nothing would show that the file has changed meanwhile: ask for all of it.
    """
    if have_bytes == 0 or not origin.can_resume:
        return {}
    headers = {"Range": f"bytes={have_bytes}-"}
    if origin.validator is not None:
        headers["If-Range"] = origin.validator
    return headers


@dataclass(frozen=True, slots=True)
class Step:
    """What to do with an answer.

    Args:
        action: ``append`` the body to what is there; ``replace`` all by the body; ``again``: throw away what is there
            and ask anew for the whole; ``done``: everything is there.
        origin: of the bytes from now on.
    """

    action: Literal["append", "replace", "again", "done"]
    origin: Origin


def _length(headers: Mapping[str, str]) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def decide(status: int, headers: Mapping[str, str], have_bytes: int, origin: Origin, where: str) -> Step:
    """Compare an answer with what is on disk.

    Args:
        status: 200, 206 or 416.
        headers: of the answer; names are found whatever their case.
        have_bytes: how many bytes are on disk, and were asked to be left out.
        origin: of these bytes.
        where: the address, for messages.

    Raises:
        SourceError: a part, or no part, although the whole was asked for.
    """
    known = validator(headers)
    if status == 200:
        return Step("replace", replace(origin, validator=known, total_bytes=_length(headers)))
    if have_bytes == 0 or not origin.can_resume:
        raise SourceError(f"{where}: HTTP {status} although the whole file was asked for")
    match = _CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    total = int(match[3]) if match and match[3] != "*" else None
    if status == 416:
        return Step("done" if total == have_bytes and origin.sha256 else "again", origin)
    starts_here = match is not None and match[1] is not None and int(match[1]) == have_bytes
    same_total = origin.total_bytes is None or total is None or total == origin.total_bytes
    # A server that does not know If-Range sends the part of whatever it has now; the ETag tells.
    changed = origin.validator is not None and known is not None and known != origin.validator
    if not starts_here or not same_total or changed:
        return Step("again", origin)
    return Step("append", replace(origin, total_bytes=total if total is not None else origin.total_bytes))
