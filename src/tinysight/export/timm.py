"""A state dict for timm's ``mobilenetv1_100``, in safetensors, opened in timm.

The metadata say how: ``timm.create_model`` holds the arguments under which that function builds the network of these
numbers, with their padding and epsilon, ``timm.data.create_transform`` those of the pictures. Both are JSON. The
networks that ``create_model`` has are of width 1 and 1.25; for others timm has the function that builds those two.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from tinysight.checkpoint import Card, Checkpoint
from tinysight.checkpoint.card import card_from_json
from tinysight.errors import EngineError, MissingExtraError, TinysightError, UsageError, printable
from tinysight.export.artefact import Artefact
from tinysight.export.state_dict import (
    check_has_torch_form,
    metadata_of,
    pictures_runner,
    safetensors_bytes,
    state_dict,
)
from tinysight.importers.exported import CARD_KEY
from tinysight.importers.pixel_range import mean_and_std
from tinysight.importers.torch_names import timm_name
from tinysight.spec import BLOCKS, STEM_FILTERS, Spec, layers

MODELS = {1.0: "mobilenetv1_100", 1.25: "mobilenetv1_125"}
CREATE = "timm.create_model"
GENERATE = "timm.models.efficientnet._gen_mobilenet_v1"  # what both of the models are made by
TRANSFORM = "timm.data.create_transform"
MULTIPLE = 8  # timm rounds numbers of channels to multiples of it
LEAST_KEPT = 0.9  # and upwards where rounding would take more than a tenth


def timm_bytes(checkpoint: Checkpoint) -> bytes:
    """Write a model's numbers under timm's names.

    Args:
        checkpoint: with a head and float32 numbers.

    Raises:
        UsageError: a model without a head, or with widths or a padding that timm does not have.
        CheckpointError: a model without float32 numbers.
    """
    what, card = "a timm state dict", checkpoint.card
    check_has_torch_form(checkpoint, what)
    function, arguments = _network(card.spec)
    metadata = {
        "format": "pt",
        function: json.dumps(arguments),
        TRANSFORM: json.dumps(_transform(card)),
        CARD_KEY: card.to_json(),
    }
    return safetensors_bytes(state_dict(checkpoint, timm_name, what), metadata)


def _rounded(channels: float) -> int:
    found = max(MULTIPLE, int(channels + MULTIPLE / 2) // MULTIPLE * MULTIPLE)
    return found + MULTIPLE if found < LEAST_KEPT * channels else found


def _network(spec: Spec) -> tuple[str, dict[str, Any]]:
    """Return the function that builds the network in timm, and its arguments."""
    for filters in (STEM_FILTERS, *(count for count, _ in BLOCKS)):
        ours, theirs = max(1, int(filters * spec.alpha)), _rounded(filters * spec.alpha)
        if ours != theirs:
            raise UsageError(
                f"timm rounds channels to multiples of {MULTIPLE}: at alpha {spec.alpha} it has {theirs} "
                f"where this model has {ours}"
            )
    arguments: dict[str, Any] = {"num_classes": spec.num_classes, "bn_eps": spec.bn_epsilon}
    pads = [row.pad for row in layers(spec)]
    if pads == [row.pad for row in layers(replace(spec, padding="same"))]:
        arguments["pad_type"] = "same"
    elif spec.padding != "symmetric":
        raise UsageError(
            f"this model pads as {spec.padding!r}, which at {spec.resolution} px is not what TensorFlow's 'same' does, "
            "the only other padding that timm has"
        )
    if spec.alpha in MODELS:
        return CREATE, {"model_name": MODELS[spec.alpha], **arguments}
    return GENERATE, {"variant": MODELS[1.0], "channel_multiplier": spec.alpha, **arguments}


def _transform(card: Card) -> dict[str, Any]:
    recipe = card.recipe
    mean, std = mean_and_std(recipe.value_range)
    return {
        "input_size": [3, recipe.resolution, recipe.resolution],
        "interpolation": recipe.resample,
        "mean": mean,
        "std": std,
        "crop_pct": recipe.crop_fraction,
        "crop_mode": recipe.crop,
    }


def open_timm(data: bytes) -> Artefact:
    """Open a file that ``timm_bytes`` wrote in timm, by the arguments in its metadata.

    Args:
        data: the file.

    Raises:
        EngineError: timm does not build the network, or the names do not fit it.
        MissingExtraError: the extra ``timm`` is not installed.
    """
    try:
        import safetensors.torch
        import timm
        import timm.models.efficientnet
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "timm", "timm") from error
    except Exception as error:  # a torchvision that does not fit its torch, for example
        raise EngineError(f"timm cannot be loaded: {printable(str(error), 200)}") from error
    metadata = metadata_of(data)
    try:
        if CREATE in metadata:
            network = timm.create_model(**json.loads(metadata[CREATE]))
        else:
            network = timm.models.efficientnet._gen_mobilenet_v1(**json.loads(metadata[GENERATE]))
        network.load_state_dict(safetensors.torch.load(data), strict=True)
        card = card_from_json(metadata[CARD_KEY])
    except TinysightError:
        raise
    except Exception as error:  # its exceptions have no common base of their own
        raise EngineError(f"timm does not open the file: {printable(str(error), 200)}") from error
    run = pictures_runner(network.train(False), card.recipe.value_range, "timm")
    return Artefact(f"timm {timm.__version__}", run, card.names, card)
