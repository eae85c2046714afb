"""A mirror: a folder or address of the user's that holds some of the files, asked before all other places."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit
from urllib.request import url2pathname

from tinysight.errors import CheckpointError, MissingExtraError, StoreError, printable
from tinysight.store.limits import BadContentError, NotThereError, SourceError
from tinysight.store.material import Convert, MaterialFile, Request, T, fetch_and_convert, no_h5
from tinysight.store.settings import MIRROR_VARIABLE


def _local(file: MaterialFile, path: Path, convert: Convert[T]) -> T:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise BadContentError(f"{file.name} is not a regular file")
    if status.st_size > file.max_bytes:
        raise BadContentError(f"{file.name} has {status.st_size} bytes, more than the {file.max_bytes} allowed")
    if file.sha256 is not None:
        with path.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:
                raise BadContentError(f"{file.name} does not have the expected sha256")
    return convert(file.material(path))


def _each_file(request: Request, where: str, get: Callable[[MaterialFile], T]) -> T:
    """Return what the first usable file of a mirror gives."""
    failures, missing = [], []
    for file in request.files():
        try:
            if file.kind == "keras_h5" and not request.can_read_h5:
                raise no_h5(file.name)
            return get(file)
        except (NotThereError, FileNotFoundError):
            missing.append(file.name)
        except (BadContentError, CheckpointError, MissingExtraError) as error:
            failures.append(str(error))
        except SourceError as error:
            failures.append(str(error))
            if file.kind != "keras_h5" or request.can_read_h5:  # the server is in trouble, not the file
                break
        except OSError as error:
            failures.append(f"{file.name}: {error.strerror or error}")
    absent = [f"{where} holds none of {', '.join(missing)}"] if missing else []
    raise SourceError("; ".join(failures + absent))


def mirror_folder(mirror: str) -> Path | None:
    """Return the folder that a mirror is; None if it is an http(s) address.

    Raises:
        StoreError: neither a folder nor an http, https or file address.
    """
    scheme, slashes, _ = mirror.partition("://")
    if not slashes:
        return Path(mirror)
    if scheme.lower() in ("http", "https"):
        return None
    parts = urlsplit(mirror)
    if scheme.lower() == "file" and parts.netloc in ("", "localhost"):
        return Path(url2pathname(parts.path))
    raise StoreError(f"{MIRROR_VARIABLE} must be a folder or an http, https or file address, received {scheme}://")


def _from_address(request: Request, mirror: str, convert: Convert[T]) -> T:
    from tinysight.store.transport import shown

    def get(file: MaterialFile) -> T:
        url = f"{mirror.rstrip('/')}/{quote(file.name)}"
        return fetch_and_convert(request, file, url, request.settings.ca_bundle, convert)

    return _each_file(request, shown(mirror), get)


def _from_folder(request: Request, folder: Path, convert: Convert[T]) -> T:
    where = printable(str(folder))
    if not folder.is_dir():
        raise SourceError(f"{where} is no folder")
    return _each_file(request, where, lambda file: _local(file, folder / file.name, convert))


def from_mirror(request: Request, convert: Convert[T]) -> T:
    """Return what ``convert`` makes of the first usable file of the mirror.

    Raises:
        SourceError: the mirror has no usable file; says why.
        StoreError: the mirror is neither a folder nor an address, or the cache cannot be written.
    """
    mirror = request.settings.mirror or ""
    folder = mirror_folder(mirror)
    try:
        if folder is None:
            return _from_address(request, mirror, convert)
        return _from_folder(request, folder, convert)
    except SourceError as error:
        raise SourceError(f"mirror: {error}") from None
