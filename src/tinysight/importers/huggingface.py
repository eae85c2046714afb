"""What ``config.json`` and ``preprocessor_config.json`` of a Hugging Face MobileNetV1 say beyond its numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from tinysight.errors import CheckpointError, UsageError, printable
from tinysight.importers.pixel_range import value_range
from tinysight.labels import Label
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Padding

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
WEIGHTS = "model.safetensors"
MAX_SIZE = 1 << 20  # of a side that a file may name
MODEL_TYPE = "mobilenet_v1"
# Pillow's numbers of its filters, by which the files name them.
RESAMPLES = {0: "nearest", 2: "bilinear", 3: "bicubic"}
DEFAULTS: dict[str, Any] = {"tf_padding": True, "layer_norm_eps": 1e-3, "image_size": 224}
ALWAYS = {"model_type": MODEL_TYPE, "hidden_act": "relu6", "num_channels": 3}


class HuggingFaceConfig(NamedTuple):
    """The facts.

    Args:
        padding: ``same`` for ``tf_padding``, else ``symmetric``.
        bn_epsilon: of all batch norms.
        resolution: input side in pixels, None where the sides differ.
        labels: of all outputs, None where they are only numbered.
    """

    padding: Padding
    bn_epsilon: float
    resolution: int | None
    labels: tuple[Label, ...] | None


def huggingface_config(fields: Mapping[str, Any], where: str) -> HuggingFaceConfig:
    """Read ``config.json``; a key that is missing has the value that ``transformers`` gives it.

    Raises:
        CheckpointError: another network, or a value of another kind.
    """
    for key, wanted in ALWAYS.items():
        found = fields.get(key, None if key == "model_type" else wanted)
        if found != wanted:
            raise CheckpointError(f"{where}: {key} is {printable(str(found), 60)}, expected {wanted}")
    padding, epsilon, size = (fields.get(key, default) for key, default in DEFAULTS.items())
    if not isinstance(padding, bool):
        raise CheckpointError(f"{where}: tf_padding is {printable(str(padding), 40)}, expected true or false")
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float):
        raise CheckpointError(f"{where}: layer_norm_eps is {printable(str(epsilon), 40)}, expected a number")
    return HuggingFaceConfig("same" if padding else "symmetric", epsilon, _side(size), _labels(fields, where))


def _side(size: Any) -> int | None:
    """Return the one side of a size: a number, two equal ones, or an object of two; None for anything else."""
    if isinstance(size, dict):
        size = [size.get("height"), size.get("width")]
    if isinstance(size, list) and len(size) == 2 and size[0] == size[1]:
        size = size[0]
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None


def _labels(fields: Mapping[str, Any], where: str) -> tuple[Label, ...] | None:
    names = fields.get("id2label")
    if names is None:
        return None
    keys = [str(number) for number in range(len(names))] if isinstance(names, dict) else []
    if not keys or set(names) != set(keys) or not all(isinstance(name, str) for name in names.values()):
        raise CheckpointError(f"{where}: id2label must name the outputs 0, 1 and so on")
    if all(names[key] == f"LABEL_{key}" for key in keys):
        return None
    return tuple(Label(None, names[key]) for key in keys)


def preprocessor_recipe(fields: Mapping[str, Any], where: str) -> Recipe:
    """Read ``preprocessor_config.json`` as a recipe.

    Raises:
        CheckpointError: steps that no recipe has.
    """
    for key in ("do_resize", "do_rescale", "do_normalize"):
        if fields.get(key, True) is not True:
            raise CheckpointError(f"{where}: {key} is {printable(str(fields[key]), 40)}, expected true")
    factor = fields.get("rescale_factor", 1 / 255)
    if not isinstance(factor, float) or not math.isclose(factor, 1 / 255):
        raise CheckpointError(f"{where}: rescale_factor is {printable(str(factor), 40)}, expected 1/255")
    resample = fields.get("resample", 2)
    if not isinstance(resample, int) or resample not in RESAMPLES:
        shown = printable(str(resample), 40)
        raise CheckpointError(f"{where}: resample is {shown}, expected 0, 2 or 3 (nearest, bilinear, bicubic)")
    limits = value_range(fields.get("image_mean", 0.5), fields.get("image_std", 0.5), where)
    resized, cropped = fields.get("size", {"shortest_edge": 256}), fields.get("crop_size", 224)
    try:
        if fields.get("do_center_crop", True) is True:
            shortest = resized.get("shortest_edge") if isinstance(resized, dict) else resized
            side = _side(cropped)
            # A number of 400 digits becomes no float.
            if side is None or side > MAX_SIZE or not isinstance(shortest, int) or not 0 < shortest <= MAX_SIZE:
                raise CheckpointError(f"{where}: {_sizes(resized, cropped)} are not a shortest edge and a square in it")
            return Recipe(side, "center", side / shortest, RESAMPLES[resample], limits)  # type: ignore[arg-type]
        side = _side(resized) if isinstance(resized, dict) else None
        if side is None:
            raise CheckpointError(f"{where}: {_sizes(resized, cropped)} without a crop make no square")
        return Recipe(side, "squash", 1.0, RESAMPLES[resample], limits)  # type: ignore[arg-type]
    except UsageError as error:
        raise CheckpointError(f"{where}: {printable(str(error), 300)}") from None


def _sizes(resized: Any, cropped: Any) -> str:
    return f"size {printable(str(resized), 60)} and crop_size {printable(str(cropped), 60)}"
