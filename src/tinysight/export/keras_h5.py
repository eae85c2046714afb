"""Write Keras' legacy HDF5 weight layout.

``layer_names`` at the root lists the layers with weights in the model's order, ``weight_names`` of each layer's group
lists its arrays; Keras matches both by position. Keras 2 and Keras 3 read it from a name that ends in ``.h5``.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinysight.atomic import write_atomically
from tinysight.checkpoint import Card, Checkpoint, check_arrays
from tinysight.errors import CheckpointError, MissingExtraError, UsageError, printable
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Spec, layers

KERAS_EPSILON = Spec().bn_epsilon
KERAS_VERSION = "2.15.0"  # the last whose load_weights and save_weights use this layout by default


def _check_fits(card: Card, path: Path) -> None:
    """Refuse what Keras would read wrongly: the layout has no room for padding, epsilon and the range of pixels."""
    spec, (low, high) = card.spec, card.recipe.value_range
    if (low, high) != Recipe().value_range:
        raise UsageError(
            f"this model takes pixels of {low:g}..{high:g}; preprocess_input of Keras' MobileNet gives -1..1, "
            "and only a model for that is exported"
        )
    if spec.bn_epsilon != KERAS_EPSILON:
        raise UsageError(f"Keras' MobileNet has a batch-norm epsilon of {KERAS_EPSILON}, this model {spec.bn_epsilon}")
    if [row.pad for row in layers(spec)] != [row.pad for row in layers(replace(spec, padding="keras"))]:
        raise UsageError(
            f"this model pads as {spec.padding!r}, which at {spec.resolution} px is not what Keras' MobileNet does"
        )
    if path.name.endswith(".weights.h5") or path.suffix not in (".h5", ".hdf5"):
        raise UsageError(
            f"{printable(path.name)!r} should end in .h5 and not in .weights.h5, by which Keras tells another layout"
        )


def _weights_of(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Layer -> Keras' weight name -> our array name, all in the network's order."""
    weights: dict[str, dict[str, str]] = {}
    for name in names:
        layer, part = name.split(".")
        keras_part = "depthwise_kernel" if layer.startswith("conv_dw_") and part == "kernel" else part
        weights.setdefault(layer, {})[f"{layer}/{keras_part}:0"] = name
    return weights


def _fill(root: Any, checkpoint: Checkpoint, where: str) -> None:
    spec = checkpoint.card.spec
    arrays = check_arrays(spec, checkpoint.float_arrays("a Keras file"), where)
    weights = _weights_of(arrays)
    root.attrs["layer_names"] = np.array([layer.encode() for layer in weights])
    root.attrs["backend"] = np.bytes_("tensorflow")
    root.attrs["keras_version"] = np.bytes_(KERAS_VERSION)
    root.attrs["tinysight_resolution"] = spec.resolution  # for our own importer; Keras does not look at it
    for layer, names in weights.items():
        group = root.create_group(layer)
        group.attrs["weight_names"] = np.array([name.encode() for name in names])
        for weight_name, name in names.items():
            group.create_dataset(weight_name, data=arrays[name].astype("<f4"))


def keras_h5_bytes(checkpoint: Checkpoint, target: Path) -> bytes:
    """Make what ``write_keras_h5`` writes to ``target``; errors as there."""
    _check_fits(checkpoint.card, target)
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("h5py", "h5") from None
    # Made in memory: a full disk must not leave the library half-way through a file.
    memory = io.BytesIO()
    with h5py.File(memory, "w") as root:
        _fill(root, checkpoint, printable(str(target)))
    return memory.getvalue()


def write_keras_h5(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Write the weights so that ``keras.applications.MobileNet(...).load_weights(path)`` reads them.

    Labels, recipe and probes have no place in the layout. The file is whole or absent, and the same model gives the
    same bytes.

    Args:
        path: a name that ends in ``.h5`` or ``.hdf5``; an existing file is replaced.
        checkpoint: the model.

    Raises:
        UsageError: padding, epsilon or a range of pixels that Keras' MobileNet does not have, or a name that Keras
            would misread.
        CheckpointError: arrays that do not fit the card, or a file that cannot be written.
        MissingExtraError: h5py is not installed.
    """
    target = Path(path)
    data = keras_h5_bytes(checkpoint, target)
    try:
        write_atomically(target, data)
    except OSError as error:
        raise CheckpointError(f"cannot write {printable(str(target))}: {error.strerror or error}") from error
