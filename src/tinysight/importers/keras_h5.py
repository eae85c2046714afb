"""Read Keras' HDF5 weight files into our arrays.

Three layouts exist. *Legacy* (Keras 1 and 2, and ``.h5`` in Keras 3): an attribute ``layer_names`` lists the layers,
each layer's group has ``weight_names``. *Full model*: the same below the group ``model_weights``, with the
architecture as JSON in ``model_config``. *Numbered* (``.weights.h5``): arrays ``0``, ``1``, ... in groups that are
named by class and count, with the layer's name beside them in Keras 3 and without it before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import CheckpointError, printable
from tinysight.importers.derive import DEFAULT_RESOLUTION, Imported, finish, spec_from_shapes
from tinysight.importers.hdf5 import Hdf5File, Stored, open_hdf5
from tinysight.importers.keras_config import KerasFacts, read_model_config
from tinysight.spec import BN_ARRAYS, Spec, array_shapes

PARTS = {"depthwise_kernel": "kernel"} | {part: part for part in ("kernel", "bias", *BN_ARRAYS)}
# The names of Keras' own files, for example mobilenet_7_5_160_tf_no_top.h5.
FILE_NAME = re.compile(r"mobilenet_\d_\d_(\d{2,4})_tf(_no_top)?\.h5")
RESOLUTION_ATTRIBUTE = "tinysight_resolution"  # our own files state it; Keras does not look at it
CLASS_GROUP = re.compile(r"(conv2d|depthwise_conv2d|batch_normalization)(?:_(\d{1,6}))?")
CONTAINERS = ("layers", "_layer_checkpoint_dependencies")  # the second: Keras 2.12


def _parts_by_layer() -> dict[str, tuple[str, ...]]:
    """Our layers in order, each with the parts of it that may be stored, in Keras' order."""
    parts: dict[str, tuple[str, ...]] = {}
    for name in array_shapes(Spec()):
        layer, part = name.split(".")
        parts[layer] = (*parts.get(layer, ()), part)
    return parts


def _unknown_layer(file: Hdf5File, name: str) -> CheckpointError:
    problem = "holds weights and is not part of MobileNet v1 (conv1, conv1_bn, conv_dw_1, ..., conv_preds)"
    return file.error(f"layer {name}", problem)


def _legacy(file: Hdf5File, group: Any, names: list[str]) -> dict[str, Stored]:
    known = _parts_by_layer()
    found: dict[str, Stored] = {}
    missing = 0
    for layer in names:
        layer_group = file.group(group, layer)
        if layer_group is None:
            missing += 1
            continue
        for weight in file.texts(layer_group, "weight_names") or []:
            if layer not in known:
                raise _unknown_layer(file, layer)
            part = PARTS.get(weight.split("/")[-1].split(":")[0])
            array = f"{layer}.{part}"
            if part not in known[layer] or array in found:
                raise file.error(f"layer {layer}", f"has an unexpected weight {printable(weight, 60)!r}")
            stored = file.dataset(layer_group, weight)
            if stored is None:
                raise file.error(f"array {array}", f"is missing; layer {layer} lists it as {printable(weight, 60)!r}")
            found[array] = stored
    if missing:
        first = next(name for name in names if file.group(group, name) is None)
        raise file.error(f"layer {first}", f"is listed in layer_names but missing (and {missing - 1} more)")
    return found


def _class_of(layer: str) -> str:
    if layer.endswith("_bn"):
        return "batch_normalization"
    return "depthwise_conv2d" if layer.startswith("conv_dw_") else "conv2d"


def _groups_by_class(file: Hdf5File, container: Any) -> dict[str, list[tuple[int, Any]]]:
    """The groups that hold variables: class name -> (count, group of the variables), in the order of the count."""
    groups: dict[str, list[tuple[int, Any]]] = {
        name: [] for name in ("conv2d", "depthwise_conv2d", "batch_normalization")
    }
    for name in file.members(container):
        layer = file.group(container, name)
        if layer is None:
            raise file.error(f"layer {name}", "is listed in its group and cannot be found")
        variables = file.group(layer, "vars")
        if variables is None or not file.members(variables):
            continue  # an activation, for example
        match = CLASS_GROUP.fullmatch(name)
        if match is None:
            raise _unknown_layer(file, name)
        groups[match[1]].append((int(match[2] or 0), variables))
    for entries in groups.values():
        entries.sort(key=lambda entry: entry[0])
    return groups


def _numbered(file: Hdf5File, container: Any) -> dict[str, Stored]:
    """Arrays of a ``.weights.h5`` file: by the layer's stored name, or by class and count where there is none."""
    known = _parts_by_layer()
    found: dict[str, Stored] = {}
    for class_name, entries in _groups_by_class(file, container).items():
        in_order = [name for name in known if _class_of(name) == class_name]
        for index, (_, variables) in enumerate(entries):
            stored_name = file.texts(variables, "name")
            layer = stored_name[0] if stored_name else "".join(in_order[index : index + 1])
            if layer not in in_order:
                raise _unknown_layer(file, layer or f"{class_name}_{index}")
            for number in file.members(variables):
                part = dict(zip("0123", known[layer], strict=False)).get(number)
                stored = file.dataset(variables, number)
                if part is None or stored is None or f"{layer}.{part}" in found:
                    raise file.error(f"layer {layer}", f"has an unexpected weight {printable(number, 60)!r}")
                found[f"{layer}.{part}"] = stored
    return found


def find_weights(file: Hdf5File) -> tuple[dict[str, Stored], KerasFacts, str]:
    """Recognise the layout.

    Returns:
        The arrays by our names, the facts that the file states, and the layout's name.

    Raises:
        CheckpointError: no layout of Keras', or weights that no MobileNet v1 has.
    """
    group, layout = file.root, "legacy weights"
    facts = KerasFacts()
    weights = file.group(file.root, "model_weights")
    if weights is not None:
        group, layout = weights, "full model"
        config = file.texts(file.root, "model_config")
        if config:
            facts = read_model_config(config[0], file.where)
    names = file.texts(group, "layer_names")
    if names is not None:
        return _legacy(file, group, names), facts, layout
    for name in CONTAINERS:
        container = file.group(file.root, name)
        if container is not None:
            return _numbered(file, container), facts, "weights"
    members = ", ".join(printable(name, 30) for name in file.members(file.root)[:3]) or "nothing"
    raise CheckpointError(f"{file.where} is an HDF5 file without Keras weights (it holds {members})")


def _resolution(file: Hdf5File, facts: KerasFacts, path: str | os.PathLike[str]) -> int:
    stated = file.integer(file.root, RESOLUTION_ATTRIBUTE)
    if stated is not None:
        return stated
    match = FILE_NAME.fullmatch(Path(path).name)
    return facts.resolution or (int(match[1]) if match else DEFAULT_RESOLUTION)


def read_weights(
    file: Hdf5File, stored: Mapping[str, Stored], facts: KerasFacts, resolution: int
) -> tuple[Spec, dict[str, NDArray[np.float32]]]:
    """Read the arrays that were found.

    Args:
        file: that holds them.
        stored: by our names.
        facts: padding and epsilon.
        resolution: input side in pixels.

    Returns:
        The network that has these shapes, and its arrays in its order.

    Raises:
        CheckpointError: another network, or numbers that are not finite.
    """
    spec = spec_from_shapes(
        {name: array.shape for name, array in stored.items()},
        file.where,
        resolution=resolution,
        padding=facts.padding,
        bn_epsilon=facts.bn_epsilon,
    )
    return spec, finish(spec, file.read(stored), file.where)


def read_keras_h5(path: str | os.PathLike[str], *, resolution: int | None = None) -> Imported:
    """Read the weights of a MobileNet v1 that Keras saved.

    Width and depth multiplier, number of classes and whether there is a head come from the shapes. Padding and epsilon
    come from ``model_config`` where the file has it, otherwise they are those of ``keras.applications.MobileNet``.

    Args:
        path: the ``.h5`` or ``.weights.h5`` file.
        resolution: input side in pixels. Weights do not tell it; by default it is what ``model_config`` or the file
            name (``mobilenet_5_0_192_tf.h5``) states, else 224.

    Raises:
        CheckpointError: damaged, incomplete, another network, or numbers that lie outside the file; the message names
            file and array.
        MissingExtraError: h5py is not installed.
    """
    with open_hdf5(path) as file:
        stored, facts, layout = find_weights(file)
        side = resolution if resolution is not None else _resolution(file, facts, path)
        spec, arrays = read_weights(file, stored, facts, side)
    return Imported(spec, arrays, f"Keras {layout} file {Path(file.where).name}")
