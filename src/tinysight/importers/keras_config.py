"""What a Keras model says about its layers: ``model_config`` in an ``.h5`` file, ``config.json`` in an archive.

It is read as plain JSON and nothing is rebuilt from it: a Lambda layer with bytecode is a dictionary like any other,
and only the numbers of known layers are looked at."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, get_args

from tinysight.errors import CheckpointError, printable
from tinysight.importers.keras_kinds import BATCH_NORMS, check_kinds
from tinysight.spec import Layer, Padding, Spec, layers

DEFAULT_EPSILON = Spec().bn_epsilon


@dataclass(frozen=True, slots=True)
class KerasFacts:
    """What the weights do not say; the defaults are those of ``keras.applications.MobileNet``.

    Args:
        resolution: input side in pixels, None where the file leaves it open.
        padding, bn_epsilon: as in ``Spec``.
    """

    resolution: int | None = None
    padding: Padding = "keras"
    bn_epsilon: float = DEFAULT_EPSILON


def _layer_configs(text: str, where: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (class name, settings) of each layer, in the file's order."""
    try:
        layer_list = json.loads(text)["config"]["layers"]
        return [(str(layer["class_name"]), dict(layer["config"])) for layer in layer_list]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"{where}: model_config does not list the layers of a Keras model") from None


def _resolution(config: dict[str, Any], where: str) -> int | None:
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    if not isinstance(shape, list) or len(shape) != 4:
        raise CheckpointError(
            f"{where}: model_config has an input of shape {printable(str(shape), 60)}, expected 4 axes"
        )
    sides = shape[2:] if shape[1] == 3 else shape[1:3]
    if sides == [None, None]:
        return None
    if not isinstance(sides[0], int) or sides[0] != sides[1]:
        raise CheckpointError(
            f"{where}: model_config has an input of {printable(str(sides), 60)} px, expected a square"
        )
    return sides[0]


def _zero_padding(config: dict[str, Any]) -> tuple[int, int] | None:
    """(before, after) of a ZeroPadding2D layer when both axes have the same, else None."""
    rows = config.get("padding")
    if rows in ([[0, 1], [0, 1]], [[1, 1], [1, 1]]):
        return rows[0][0], rows[0][1]
    return (rows, rows) if isinstance(rows, int) else None


def _stated_padding(class_before: str, before: dict[str, Any], config: dict[str, Any]) -> str | tuple[int, int] | None:
    if config.get("padding") == "same":
        return "same" if class_before != "ZeroPadding2D" else None
    if config.get("padding") == "valid" and class_before == "ZeroPadding2D":
        return _zero_padding(before)
    return None


def _rule(found: dict[str, str | tuple[int, int] | None], resolution: int | None, where: str) -> Padding:
    """Name the padding rule that the stride-2 layers follow."""
    stem = found.pop("conv1", None)
    depthwise = set(found.values())
    if stem == "same" and depthwise <= {(0, 1)}:
        return "keras"
    if stem == "same" and depthwise == {"same"}:
        return "same"
    if stem == (1, 1) and depthwise == {(1, 1)}:
        return "symmetric"
    # Keras 2.1 to 2.2 padded the stem like the others; on even sides that is what "same" does.
    if stem == (0, 1) and depthwise == {(0, 1)} and resolution is not None and resolution % 2 == 0:
        return "keras"
    shown = printable(f"conv1 {stem}, others {sorted(map(str, depthwise))}", 100)
    raise CheckpointError(
        f"{where}: model_config pads in an unknown way ({shown}); known: {', '.join(get_args(Padding))}"
    )


def _check_layer(row: Layer, config: dict[str, Any], where: str) -> None:
    strides = config.get("strides")
    if strides not in (row.stride, [row.stride, row.stride]):
        shown = printable(str(strides), 40)
        raise CheckpointError(f"{where}: layer {row.name} has strides {shown}, expected {row.stride}")
    if config.get("dilation_rate", 1) not in (1, [1, 1]):
        raise CheckpointError(f"{where}: layer {row.name} is dilated")


def _epsilon(class_name: str, config: dict[str, Any], where: str) -> float | None:
    if class_name not in BATCH_NORMS:
        return None
    epsilon = config.get("epsilon")
    # JSON's whole numbers have no largest one, those of a float have.
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float) or not abs(epsilon) <= 1:
        raise CheckpointError(f"{where}: layer {printable(str(config.get('name')), 60)} states no epsilon from 0 to 1")
    return float(epsilon)


def read_model_config(text: str, where: str) -> KerasFacts:
    """Read resolution, padding and epsilon from a Keras model's JSON.

    Args:
        text: the ``model_config`` attribute of a full-model ``.h5`` file, or an archive's ``config.json``.
        where: file name for messages.

    Raises:
        CheckpointError: not a list of layers, or layers that are set up in another way than a MobileNet v1.
    """
    rows = {row.name: row for row in layers(Spec()) if row.kind != "pool"}
    resolution: int | None = None
    paddings: dict[str, str | tuple[int, int] | None] = {}
    epsilons: set[float] = set()
    before: tuple[str, dict[str, Any]] = ("", {})
    listed = _layer_configs(text, where)
    check_kinds(listed, where)
    for class_name, config in listed:
        row = rows.get(str(config.get("name")))
        if row is not None:
            _check_layer(row, config, where)
        if class_name == "InputLayer" and resolution is None:
            resolution = _resolution(config, where)
        elif row is not None and row.kind in ("stem", "depthwise"):
            padding = _stated_padding(*before, config)
            if row.stride == 2:
                paddings[row.name] = padding
            elif padding not in ("same", (1, 1)):
                raise CheckpointError(f"{where}: layer {row.name} is not padded by one pixel on each side")
        epsilon = _epsilon(class_name, config, where)
        if epsilon is not None:
            epsilons.add(epsilon)
        before = (class_name, config)
    if len(epsilons) > 1:
        raise CheckpointError(f"{where}: the batch norms have different epsilons: {sorted(epsilons)[:4]}")
    if not paddings:  # no layer of ours in the list; whether the weights are there is checked elsewhere
        return KerasFacts(resolution)
    epsilon = next(iter(epsilons), DEFAULT_EPSILON)
    return KerasFacts(resolution, _rule(paddings, resolution, where), epsilon)
