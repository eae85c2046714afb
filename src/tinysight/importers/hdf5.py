"""HDF5, as little of it as weights need: hard links, plain float arrays, short attributes.

An HDF5 file can point out of itself (external and soft links, external and virtual datasets), declare terabytes that
it does not hold, and ask for filter plug-ins. Each is looked at before the library follows it, and refused.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import CheckpointError, MissingExtraError, printable
from tinysight.importers.files import display_name, read_bytes
from tinysight.importers.hdf5_heap import heap_problem

MAX_FILE_BYTES = 512 << 20  # a full model of alpha 1.0 with its optimizer has about 55 MB
MAX_MEMBERS = 1000  # of one group; the whole network has about 90 layers
MAX_ATTRIBUTE_BYTES = 4 << 20
MAX_ATTRIBUTE_ITEMS = 10_000
# What h5py raises for damaged or hostile files, depending on the call.
DAMAGE = (OSError, RuntimeError, ValueError, TypeError, KeyError, OverflowError, MemoryError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class Stored:
    """An array that was found and looked at, but not read: where it lies in the file, and its shape."""

    path: str
    shape: tuple[int, ...]
    dataset: Any


class Hdf5File:
    """A file opened for reading; use ``open_hdf5``.

    Groups are h5py's, passed back and forth but used only here.
    """

    def __init__(self, root: Any, where: str, size_bytes: int) -> None:
        self.root = root
        self.where = where
        self.size_bytes = size_bytes

    @contextlib.contextmanager
    def guard(self, what: str) -> Iterator[None]:
        """Turn whatever h5py raises inside the block into a ``CheckpointError`` that names file and object."""
        try:
            yield
        except DAMAGE as error:
            reason = printable(str(error) or type(error).__name__, 100)
            raise CheckpointError(f"{self.where}: {printable(what, 120)} cannot be read: {reason}") from None

    def error(self, what: str, problem: str) -> CheckpointError:
        """Make the exception that names file and object."""
        return CheckpointError(f"{self.where}: {printable(what, 120)} {problem}")

    def _open(self, group: Any, name: str) -> Any:
        """Open one member of a group; None when there is none; a link of any other kind than hard is refused."""
        import h5py

        what = f"{group.name}/{name}".replace("//", "/")
        if "/" in name or name in ("", "."):
            raise self.error(what, "is not a name")
        with self.guard(what):
            key = name.encode("utf-8", "surrogateescape")
            if not group.id.links.exists(key):
                return None
            kind = group.id.links.get_info(key).type
            if kind == h5py.h5l.TYPE_HARD:
                return group[name]
        raise self.error(what, "is a link to another place; only a file that holds its own numbers is read")

    def group(self, parent: Any, name: str) -> Any:
        """Return a subgroup, or None when there is no such member.

        Raises:
            CheckpointError: a link, not a group, or damaged.
        """
        import h5py

        found = self._open(parent, name)
        if found is not None and not isinstance(found, h5py.Group):
            raise self.error(f"{parent.name}/{name}", "should be a group")
        return found

    def members(self, group: Any) -> list[str]:
        """Return the names in a group.

        Raises:
            CheckpointError: more than ``MAX_MEMBERS``, or a name that is not UTF-8.
        """
        with self.guard(group.name):
            count = len(group)
            names = list(group) if count <= MAX_MEMBERS else []
        if count > MAX_MEMBERS:
            raise self.error(group.name, f"has {count} members; a MobileNet v1 has fewer than {MAX_MEMBERS}")
        if not all(isinstance(name, str) for name in names):  # h5py gives bytes where it cannot decode
            raise self.error(group.name, "has a member whose name is not UTF-8")
        return names

    def texts(self, obj: Any, name: str) -> list[str] | None:
        """Return an attribute that is one text or a list of texts, or None when it is absent.

        Raises:
            CheckpointError: too large, or not text.
        """
        import h5py

        what = f"attribute {name} of {obj.name}"
        with self.guard(what):
            if name not in obj.attrs:
                return None
            attribute = obj.attrs.get_id(name)
            shape, dtype = attribute.shape, attribute.dtype
            if shape == (0,):
                return []  # of numbers, as Keras writes an empty list
            # The type comes first: HDF5 2.0 crashes when it reads lists of a variable length of an unknown kind.
            if shape is None or len(shape) > 1 or h5py.check_string_dtype(dtype) is None:
                raise self.error(what, "is not text")
            items = math.prod(shape)
            if items > MAX_ATTRIBUTE_ITEMS or items * dtype.itemsize > MAX_ATTRIBUTE_BYTES:
                raise self.error(what, "is too large")
            return [_text(value) for value in np.atleast_1d(np.asarray(obj.attrs[name], dtype=object)).tolist()]

    def integer(self, obj: Any, name: str) -> int | None:
        """Return an attribute that is one whole number, or None when it is absent.

        Raises:
            CheckpointError: not a whole number.
        """
        what = f"attribute {name} of {obj.name}"
        with self.guard(what):
            if name not in obj.attrs:
                return None
            attribute = obj.attrs.get_id(name)
            if attribute.shape == () and attribute.dtype.kind in "iu":
                return int(obj.attrs[name])
        raise self.error(what, "is not a whole number")

    def dataset(self, group: Any, path: str) -> Stored | None:
        """Find an array below a group by its path, check how it is stored, and read nothing.

        Raises:
            CheckpointError: a link on the way, values outside the file, compressed values, not floating point.
        """
        import h5py

        *parents, name = path.split("/")
        for parent in parents:
            group = self.group(group, parent)
            if group is None:
                return None
        found = self._open(group, name)
        if found is None:
            return None
        what = f"{group.name}/{name}"
        if not isinstance(found, h5py.Dataset):
            raise self.error(what, "should be an array")
        with self.guard(what):
            problem = _storage_problem(found)
            if problem is None:
                return Stored(what, tuple(int(size) for size in found.shape), found)
        raise self.error(what, problem)

    def read(self, arrays: Mapping[str, Stored]) -> dict[str, NDArray[np.generic]]:
        """Read arrays whose names and shapes were accepted.

        Raises:
            CheckpointError: declared larger than the file, or float64 values that float32 cannot hold exactly.
        """
        needed = sum(math.prod(stored.shape) * stored.dataset.dtype.itemsize for stored in arrays.values())
        if needed > self.size_bytes:
            raise CheckpointError(f"{self.where} declares arrays of {needed} bytes and has {self.size_bytes}")
        return {name: self._values(f"array {name}", stored.dataset) for name, stored in arrays.items()}

    def _values(self, what: str, dataset: Any) -> NDArray[np.generic]:
        with self.guard(what):
            values: NDArray[np.generic] = dataset[()]
        if values.dtype.itemsize == 8:
            with np.errstate(over="ignore"):
                exact = values.astype(np.float32).astype(np.float64)
            if not np.array_equal(exact, values, equal_nan=True):
                raise self.error(what, "is float64 with digits that float32 cannot hold; save it as float32")
        return values


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where text is expected")
    return value


def _storage_problem(dataset: Any) -> str | None:
    """Say why an array is not read; the creation properties come first, for asking the shape may open other files."""
    import h5py

    properties = dataset.id.get_create_plist()
    layout = properties.get_layout()
    if layout == h5py.h5d.VIRTUAL:
        return "is a virtual dataset: its numbers lie in another file"
    if properties.get_external_count():
        return "is an external dataset: its numbers lie in another file"
    if properties.get_nfilters():
        return "is compressed; save it without compression"
    if layout == h5py.h5d.CHUNKED and any(c > s for c, s in zip(properties.get_chunk(), dataset.shape, strict=True)):
        return "is stored in chunks larger than itself"
    dtype = dataset.dtype
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        return f"has dtype {printable(str(dtype), 40)}, expected float32"
    if dataset.shape is None:
        return "holds no values"
    if dataset.id.get_storage_size() < dataset.nbytes:
        stored = dataset.id.get_storage_size()
        return f"declares shape {printable(str(dataset.shape), 80)} and stores {stored} of {dataset.nbytes} bytes"
    return None


@contextlib.contextmanager
def open_hdf5(path: str | os.PathLike[str]) -> Iterator[Hdf5File]:
    """Open an HDF5 file for reading, and close it.

    Raises:
        CheckpointError: damaged, cut short, or larger than ``MAX_FILE_BYTES``.
        MissingExtraError: h5py is not installed.
    """
    _check_h5py()
    where = display_name(path)
    data = read_bytes(path, MAX_FILE_BYTES)
    problem, size = heap_problem(data), len(data)
    del data
    with _opened(os.fspath(path), where, size, problem) as file:
        yield file


@contextlib.contextmanager
def open_hdf5_bytes(data: bytes, where: str) -> Iterator[Hdf5File]:
    """Open the content of an HDF5 file for reading, and close it.

    Args:
        data: the file.
        where: what it is, for messages.

    Raises:
        CheckpointError, MissingExtraError: as ``open_hdf5``.
    """
    _check_h5py()
    with _opened(io.BytesIO(data), where, len(data), heap_problem(data)) as file:
        yield file


def _check_h5py() -> None:
    try:
        import h5py  # noqa: F401
    except ImportError:
        raise MissingExtraError("h5py", "h5") from None


@contextlib.contextmanager
def _opened(source: str | io.BytesIO, where: str, size: int, problem: str | None) -> Iterator[Hdf5File]:
    import h5py

    try:
        root = h5py.File(source, "r")
    except DAMAGE as error:
        raise CheckpointError(f"{where}: HDF5 file is damaged or cut short: {printable(str(error), 100)}") from None
    with root:
        if problem is not None:
            raise CheckpointError(f"{where}: HDF5 file {problem}")
        yield Hdf5File(root, where, size)
