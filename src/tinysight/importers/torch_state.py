"""State dicts of PyTorch programs: timm's ``mobilenetv1_*`` and Hugging Face's MobileNetV1, as safetensors.

A file is one of theirs by the names of its arrays. What those do not say stands in the ``config.json`` beside the file;
for timm, which needs none, its defaults are padding by one pixel on all sides and a batch-norm epsilon of 1e-5. Files
that tinysight exported carry their card, and are what it says.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.card import Card, unique_keys
from tinysight.errors import CheckpointError, UsageError, printable
from tinysight.importers.derive import DEFAULT_RESOLUTION, Imported, finish, spec_from_shapes
from tinysight.importers.exported import CARD_KEY, read_card
from tinysight.importers.files import display_name, read_bytes
from tinysight.importers.huggingface import (
    CONFIG,
    PREPROCESSOR,
    WEIGHTS,
    HuggingFaceConfig,
    huggingface_config,
    preprocessor_recipe,
)
from tinysight.importers.tensor_file import STEMS, TensorFile, read_tensor_file
from tinysight.importers.timm_config import TimmConfig, timm_config
from tinysight.importers.torch_names import HF_PREFIX, huggingface_name, read_arrays, timm_name
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import layers

MAX_CONFIG_BYTES = 16 << 20
BACKGROUND_OUTPUTS, BACKGROUND = 1001, "background"

Arrays = dict[str, NDArray[np.float32]]


def read_torch_state(path: str | os.PathLike[str], *, resolution: int | None = None) -> Imported:
    """Read a MobileNet v1 of timm or Hugging Face.

    Args:
        path: the safetensors file, or a folder with ``model.safetensors`` and ``config.json``.
        resolution: input side in pixels; by default what the file or the config states, or 224.

    Returns:
        Spec, arrays, and as far as the files hold them labels and recipe; a Hugging Face head with 1001 outputs has
        lost its first where the config calls it "background".

    Raises:
        CheckpointError: damaged, incomplete, another network, a config that is missing or that asks for what no
            MobileNet v1 here does; the message names file and array or key.

    Source: the names are those of ``timm.create_model("mobilenetv1_100")`` and of
    ``transformers.MobileNetV1ForImageClassification``.
    """
    given = Path(path)
    weights = given / WEIGHTS if given.is_dir() else given
    if given.is_dir() and not weights.is_file():
        raise CheckpointError(f"{display_name(path)} is a folder, not a regular file, and holds no {WEIGHTS}")
    file = read_tensor_file(weights)
    beside = weights.name == WEIGHTS  # a config beside a file of another name may be anyone's
    timm, *huggingface = STEMS
    if timm in file.entries:
        config = _json(weights.with_name(CONFIG)) if beside else None
        return _timm(file, timm_config(config, file.where), resolution, printable(given.resolve().name))
    if any(stem in file.entries for stem in huggingface):
        return _huggingface(file, weights, resolution, printable(given.resolve().name))
    names = ", ".join(printable(name, 60) for name in sorted(file.entries)[:3])
    raise CheckpointError(
        f"{file.where} is a safetensors file without the names of timm's mobilenetv1 or Hugging Face's MobileNetV1; "
        f"its arrays begin with: {names or 'none'}"
    )


def _json(path: Path) -> dict[str, Any] | None:
    """Return the object in a JSON file, None where there is no such file."""
    if not os.path.lexists(path):
        return None
    where = display_name(path)
    try:
        fields = json.loads(read_bytes(path, MAX_CONFIG_BYTES), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{where} is no JSON: {printable(str(error), 100)}") from None
    if not isinstance(fields, dict):
        raise CheckpointError(f"{where} holds no JSON object")
    return fields


def _timm(file: TensorFile, config: TimmConfig, resolution: int | None, title: str) -> Imported:
    arrays = read_arrays(file, timm_name)
    card = _card(file, resolution)
    if card is not None:
        return _ours(card, arrays, file.where)
    side = resolution or config.recipe.resolution
    spec = spec_from_shapes(
        _shapes(arrays), file.where, resolution=side, padding=config.padding, bn_epsilon=config.bn_epsilon
    )
    found = finish(spec, arrays, file.where)
    return Imported(spec, found, f"timm state dict {title}", config.licence, recipe=_resized(config.recipe, side))


def _huggingface(file: TensorFile, weights: Path, resolution: int | None, title: str) -> Imported:
    whole = any(name.startswith(HF_PREFIX) for name in file.entries)
    arrays = read_arrays(
        file, huggingface_name if whole else lambda name: huggingface_name(name).removeprefix(HF_PREFIX)
    )
    where_config, card = weights.with_name(CONFIG), _card(file, resolution)
    fields = _json(where_config)
    if fields is None:
        if card is None:
            raise CheckpointError(f"{file.where} needs its {CONFIG} beside it, which says how the network pads")
        return _ours(card, arrays, file.where)
    config = huggingface_config(fields, display_name(where_config))
    if card is not None:
        _check_agreement(card, config, display_name(where_config))
        return _ours(card, arrays, file.where)
    outputs = arrays.get("conv_preds.bias", np.zeros(0)).shape
    # Without names, the 1001 may be somebody's own.
    background = outputs == (BACKGROUND_OUTPUTS,) and config.labels is not None and config.labels[0].name == BACKGROUND
    if background:
        arrays |= {name: arrays[name][..., 1:] for name in ("conv_preds.kernel", "conv_preds.bias")}
    side = resolution or config.resolution or DEFAULT_RESOLUTION
    spec = spec_from_shapes(
        _shapes(arrays), file.where, resolution=side, padding=config.padding, bn_epsilon=config.bn_epsilon
    )
    labels = config.labels if spec.include_top else None
    if labels is not None:
        labels = labels[1:] if background else labels
        if len(labels) != spec.num_classes:
            raise CheckpointError(f"{file.where} has {spec.num_classes} outputs, {CONFIG} names {len(labels)} of them")
    found, recipe = finish(spec, arrays, file.where), _preprocessor(weights.with_name(PREPROCESSOR), side)
    source = f"Hugging Face MobileNetV1 {title}" + f", without output 0, {BACKGROUND}" * background
    return Imported(spec, found, source, labels=labels, recipe=recipe)


def _preprocessor(path: Path, side: int) -> Recipe | None:
    fields = _json(path)
    return None if fields is None else _resized(preprocessor_recipe(fields, display_name(path)), side)


def _card(file: TensorFile, resolution: int | None) -> Card | None:
    text = file.metadata.get(CARD_KEY)
    try:
        return None if text is None else read_card(text.encode(), resolution, file.where)
    except UnicodeEncodeError:  # half a surrogate pair
        raise CheckpointError(f"{file.where}: the model's card is not valid Unicode") from None


def _ours(card: Card, arrays: Arrays, where: str) -> Imported:
    found = finish(card.spec, arrays, where)
    return Imported(card.spec, found, card.source, card.licence, card.labels, card.recipe, card.name, card)


def _check_agreement(card: Card, config: HuggingFaceConfig, where: str) -> None:
    """Refuse an export of ours whose config was changed after it: one of the two is not what the numbers are for."""
    spec = card.spec
    pads = [row.pad for row in layers(spec)] == [row.pad for row in layers(replace(spec, padding=config.padding))]
    names = None if card.labels is None else tuple(label.name for label in card.labels)
    stated = None if config.labels is None else tuple(label.name for label in config.labels)
    for what, agrees in (
        ("tf_padding", pads),
        ("layer_norm_eps", config.bn_epsilon == spec.bn_epsilon),
        ("id2label", names == stated),
    ):
        if not agrees:
            raise CheckpointError(f"{where}: {what} is not what the card in {WEIGHTS} says; it was changed afterwards")


def _shapes(arrays: Arrays) -> dict[str, tuple[int, ...]]:
    return {name: array.shape for name, array in arrays.items()}


def _resized(recipe: Recipe, side: int) -> Recipe:
    try:
        return replace(recipe, resolution=side)
    except UsageError as error:
        raise CheckpointError(str(error)) from None
