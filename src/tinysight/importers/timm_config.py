"""What the ``config.json`` of a timm model says beyond its numbers: padding, epsilon, and how pictures are prepared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tinysight.errors import CheckpointError, UsageError, printable
from tinysight.importers.pixel_range import value_range
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Padding

FAMILY = "mobilenetv1_"
EPSILON = 1e-5  # PyTorch's, which timm keeps
RESAMPLES = ("nearest", "bilinear", "bicubic")
# What timm takes where pretrained_cfg leaves something out; this mean is none that a recipe has.
PRETRAINED = {
    "input_size": [3, 224, 224],
    "interpolation": "bicubic",
    "crop_mode": "center",
    "crop_pct": 0.875,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


class TimmConfig(NamedTuple):
    """The facts; the defaults are timm's own where a file stands alone.

    Args:
        padding: ``symmetric``, or ``same`` for ``pad_type="same"``.
        bn_epsilon: of all batch norms.
        recipe: how pictures are prepared.
        licence: of the weights.
    """

    padding: Padding = "symmetric"
    bn_epsilon: float = EPSILON
    recipe: Recipe = Recipe()
    licence: str = "unknown"


def timm_config(fields: Mapping[str, Any] | None, where: str) -> TimmConfig:
    """Read a timm model's ``config.json``.

    Args:
        fields: its content; None where there is none.
        where: of the weights, for messages.

    Raises:
        CheckpointError: another architecture, or a setting that this network cannot have.
    """
    if fields is None:
        return TimmConfig()
    architecture = fields.get("architecture")
    if not isinstance(architecture, str) or not architecture.startswith(FAMILY):
        shown = printable(str(architecture), 60)
        raise CheckpointError(f"{where}: config.json says architecture {shown}, expected {FAMILY}*")
    padding, epsilon = _arguments(fields.get("model_args") or {}, where)
    pretrained = fields.get("pretrained_cfg") or {}
    if not isinstance(pretrained, dict):
        raise CheckpointError(f"{where}: config.json's pretrained_cfg must be an object")
    licence = pretrained.get("license")
    return TimmConfig(padding, epsilon, _recipe(pretrained, where), licence if isinstance(licence, str) else "unknown")


def _arguments(arguments: Any, where: str) -> tuple[Padding, float]:
    known = {"num_classes", "pad_type", "bn_eps", "drop_rate", "drop_path_rate", "bn_momentum"}
    if not isinstance(arguments, dict) or set(arguments) - known:
        shown = printable(str(arguments), 80)
        raise CheckpointError(f"{where}: config.json's model_args are {shown}; {', '.join(sorted(known))} are read")
    pad_type, epsilon = arguments.get("pad_type", ""), arguments.get("bn_eps", EPSILON)
    if pad_type not in ("", "same"):
        shown = printable(str(pad_type), 40)
        raise CheckpointError(f"{where}: config.json says pad_type {shown}, expected same or an empty one")
    if isinstance(epsilon, bool) or not isinstance(epsilon, int | float):
        raise CheckpointError(f"{where}: config.json says bn_eps {printable(str(epsilon), 40)}, expected a number")
    return "same" if pad_type else "symmetric", epsilon


def _recipe(stated: Mapping[str, Any], where: str) -> Recipe:
    if not stated:
        return Recipe()
    fields: dict[str, Any] = {**PRETRAINED, **stated}
    size = fields["input_size"]
    if not isinstance(size, list) or len(size) != 3 or size[0] != 3 or size[1] != size[2]:
        raise CheckpointError(f"{where}: config.json says input_size {printable(str(size), 60)}, expected [3, R, R]")
    resample, crop = fields["interpolation"], fields["crop_mode"]
    if resample not in RESAMPLES or crop not in ("center", "squash"):
        shown = printable(f"{resample}, {crop}", 60)
        raise CheckpointError(f"{where}: config.json prepares pictures by {shown}; a recipe here has no such thing")
    limits = value_range(fields["mean"], fields["std"], f"{where}: config.json")
    try:
        return Recipe(size[1], crop, fields["crop_pct"], resample, limits)
    except UsageError as error:
        raise CheckpointError(f"{where}: config.json: {printable(str(error), 300)}") from None
