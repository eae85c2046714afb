"""The learned numbers: which there must be, and a hash over them that no container changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import CheckpointError, printable
from tinysight.spec import Spec, array_shapes

Array = NDArray[np.float32]
# numpy takes a dtype's name apart anew whenever it is asked, which is noticed where a process lives for 0.1 s
_NAMES = {np.dtype(name): name for name in ("float32", "int16", "int8")}


class Entry(NamedTuple):
    """What an array must be: dtype ``float32``, ``int16`` or ``int8``, and shape."""

    dtype: str
    shape: tuple[int, ...]


def check_names(spec: Spec, names: set[str], where: str, expected: Iterable[str] | None = None) -> None:
    """Refuse a model that lacks an array or has one that the network does not know.

    Args:
        spec: the network.
        names: of the arrays that are there.
        where: file name for the message.
        expected: names that must be there; None for the float32 arrays.

    Raises:
        CheckpointError: names the first missing or unknown array and counts the rest.
    """
    wanted = list(array_shapes(spec) if expected is None else expected)
    missing = [name for name in wanted if name not in names]
    unknown = sorted(names - set(wanted))
    for what, wrong in (("is missing", missing), ("is not part of the network", unknown)):
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            raise CheckpointError(f"{where}: array {printable(wrong[0], 80)} {what}{more}; expected {spec.name}")


def check_arrays(spec: Spec, arrays: Mapping[str, NDArray[np.generic]], where: str) -> dict[str, Array]:
    """Return the network's float32 arrays in its own order, or say what is wrong with them.

    Args:
        spec: the network they are for.
        arrays: by name, as ``spec.array_shapes`` lists them; float32 of either byte order, or float64 whose values
            float32 can hold.
        where: file name for the message.

    Returns:
        The same numbers, C-contiguous native float32.

    Raises:
        CheckpointError: an array is missing, unknown, of another shape or dtype, not finite, or a negative variance.
    """
    check_names(spec, set(arrays), where)
    checked: dict[str, Array] = {}
    for name, shape in array_shapes(spec).items():
        array = arrays[name]
        if array.shape != shape:
            raise CheckpointError(f"{where}: array {name} has shape {array.shape}, expected {shape}")
        if array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
            raise CheckpointError(f"{where}: array {name} has dtype {array.dtype}, expected float32")
        with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite and is refused below
            values = np.require(array, np.float32, ["C", "A"])
        if not np.isfinite(values).all():
            raise CheckpointError(f"{where}: array {name} holds values that are not finite (NaN or infinity)")
        if name.endswith("moving_variance") and (values < 0).any():
            raise CheckpointError(f"{where}: array {name} holds a negative variance ({values.min():g})")
        checked[name] = values
    return checked


def arrays_sha256(arrays: Mapping[str, NDArray[np.generic]]) -> str:
    """Hash the numbers of a model, whatever file they came from.

    Args:
        arrays: float32, int16 or int8, by name, in the network's order.

    Returns:
        64 hexadecimal digits: SHA-256 over, for each array, the line ``<name> <dtype> <shape>`` with the sizes
        separated by ``x``, a newline, and the values in C order, little-endian.
    """
    digest = hashlib.sha256()
    for name, array in arrays.items():
        dtype = _NAMES.get(array.dtype) or array.dtype.name
        digest.update(f"{name} {dtype} {'x'.join(map(str, array.shape))}\n".encode())
        # An array without values has no buffer that could be passed on.
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data if array.size else b"")
    return digest.hexdigest()
