"""The int8 network as stored arrays: which there must be, what they may hold, and the way there and back."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.arrays import Entry
from tinysight.checkpoint.integers import IntegerLayer, Integers, kernel_dtype
from tinysight.errors import CheckpointError
from tinysight.spec import Layer, Spec, layers

PREFIX = "int8."
PROBE_OUTPUTS = f"{PREFIX}probe_outputs"
LARGEST_SUM = np.float32(2**31)

Arrays = dict[str, NDArray[np.generic]]


def _convolutions(spec: Spec) -> list[Layer]:
    return [layer for layer in layers(spec) if layer.kind != "pool"]


@lru_cache(maxsize=16)
def integer_entries(spec: Spec, probes: int) -> dict[str, Entry]:
    """Name, dtype and shape of every int8 array, in the order in which they are hashed.

    Do not change the returned dictionary; it is shared.

    Args:
        spec: the network.
        probes: how many the card has.
    """
    entries: dict[str, Entry] = {}
    for layer in _convolutions(spec):
        channels = (layer.output_shape[2],)
        dtype = np.dtype(kernel_dtype("int8", layer)).name
        entries[f"{PREFIX}{layer.name}.kernel"] = Entry(dtype, layer.weight_shape)
        for field in ("scale", "bias") if layer.kind == "head" else ("scale", "bias", "step"):
            entries[f"{PREFIX}{layer.name}.{field}"] = Entry("float32", channels)
    entries[PROBE_OUTPUTS] = Entry("float32", (probes, layers(spec)[-1].output_shape[2]))
    return entries


def integer_arrays(integers: Integers) -> Arrays:
    """Return the arrays of a network in integers by their names in a file."""
    arrays: Arrays = {}
    for name, layer in integers.layers.items():
        for field in ("kernel", "scale", "bias", "step"):
            value = getattr(layer, field)
            if value is not None:
                arrays[f"{PREFIX}{name}.{field}"] = value
    if integers.probe_outputs is not None:
        arrays[PROBE_OUTPUTS] = integers.probe_outputs
    return arrays


def integers_from_arrays(spec: Spec, arrays: Mapping[str, NDArray[np.generic]]) -> Integers:
    """Read back ``integer_arrays``; the arrays must have passed ``check_integer_arrays``."""

    def layer_of(layer: Layer) -> IntegerLayer:
        fields = {field: arrays.get(f"{PREFIX}{layer.name}.{field}") for field in ("kernel", "scale", "bias", "step")}
        return IntegerLayer(**fields)  # type: ignore[arg-type]

    found = {layer.name: layer_of(layer) for layer in _convolutions(spec)}
    return Integers("int8", found, arrays[PROBE_OUTPUTS])  # type: ignore[arg-type]


def _check_values(name: str, array: NDArray[np.generic], where: str) -> None:
    if array.dtype.kind == "i":
        lowest = -(2 ** (8 * array.dtype.itemsize - 1))
        if array.min() == lowest:
            raise CheckpointError(f"{where}: array {name} holds {lowest}, which has no negative in {array.dtype}")
        return
    if not np.isfinite(array).all():
        raise CheckpointError(f"{where}: array {name} holds values that are not finite (NaN or infinity)")
    if name.endswith((".scale", ".step")) and not (array > 0).all():  # type: ignore[operator]
        raise CheckpointError(f"{where}: array {name} holds {array.min():g}; each must be above 0")


def _check_range(name: str, layer: IntegerLayer, where: str) -> None:
    """Refuse scales under which some sum would become infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        largest = LARGEST_SUM * layer.multiplier + np.abs(layer.addend)
    if not np.isfinite(largest).all():
        raise CheckpointError(f"{where}: array {PREFIX}{name}.scale, .bias or .step leads beyond float32")


def check_integer_arrays(spec: Spec, probes: int, arrays: Mapping[str, NDArray[np.generic]], where: str) -> Arrays:
    """Return the int8 network's arrays in its own order, or say what is wrong with them.

    Whether the sums can overflow is for whoever runs them to check: it depends on how they are added up.

    Args:
        spec: the network they are for.
        probes: how many the card has.
        arrays: by name, as ``integer_entries`` lists them, in either byte order; others are not looked at.
        where: file name for the message.

    Returns:
        The same numbers, C-contiguous and in native byte order.

    Raises:
        CheckpointError: an array is missing, of another shape or dtype, not finite, a scale or step is not above 0, or
            a weight is the one number that has no negative.
    """
    checked: Arrays = {}
    for name, entry in integer_entries(spec, probes).items():
        array = arrays.get(name)
        if array is None:
            raise CheckpointError(f"{where}: array {name} is missing; expected {spec.name} in int8")
        if array.shape != entry.shape:
            raise CheckpointError(f"{where}: array {name} has shape {array.shape}, expected {entry.shape}")
        if array.dtype.newbyteorder("=") != np.dtype(entry.dtype):
            raise CheckpointError(f"{where}: array {name} has dtype {array.dtype}, expected {entry.dtype}")
        values = np.require(array, entry.dtype, ["C", "A"])
        _check_values(name, values, where)
        checked[name] = values
    for name, layer in integers_from_arrays(spec, checked).layers.items():
        _check_range(name, layer, where)
    return checked
