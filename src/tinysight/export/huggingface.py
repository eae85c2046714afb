"""A folder that Hugging Face's ``transformers`` opens as MobileNetV1: config, preprocessor, weights, model card."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tinysight.checkpoint import Card, Checkpoint
from tinysight.checkpoint.card import card_from_json
from tinysight.errors import EngineError, GateError, MissingExtraError, TinysightError, UsageError, printable
from tinysight.export.artefact import Artefact
from tinysight.export.model_card import model_card
from tinysight.export.state_dict import (
    check_has_torch_form,
    metadata_of,
    pictures_runner,
    safetensors_bytes,
    state_dict,
)
from tinysight.importers.exported import CARD_KEY
from tinysight.importers.huggingface import CONFIG, MODEL_TYPE, PREPROCESSOR, RESAMPLES, WEIGHTS
from tinysight.importers.pixel_range import mean_and_std
from tinysight.importers.torch_names import huggingface_name
from tinysight.preprocess.recipe import Recipe
from tinysight.preprocess.scale import scale
from tinysight.spec import Spec, layers


def huggingface_files(checkpoint: Checkpoint) -> dict[str, bytes]:
    """Make the files of the folder.

    Args:
        checkpoint: with a head and float32 numbers.

    Returns:
        Contents by name in the folder.

    Raises:
        UsageError: a model without a head, or with a padding that MobileNetV1 there does not have.
        CheckpointError: a model without float32 numbers.
    """
    what, card = "a Hugging Face model", checkpoint.card
    check_has_torch_form(checkpoint, what)
    config = _config(card)
    weights = safetensors_bytes(
        state_dict(checkpoint, huggingface_name, what), {"format": "pt", CARD_KEY: card.to_json()}
    )
    return {
        CONFIG: _json(config),
        PREPROCESSOR: _json(_preprocessor(card.recipe)),
        WEIGHTS: weights,
        "README.md": model_card(card).encode(),
    }


def _json(fields: Mapping[str, Any]) -> bytes:
    return (json.dumps(fields, indent=2) + "\n").encode()


def _pads_as_tensorflow(spec: Spec) -> bool:
    if [row.pad for row in layers(spec)] == [row.pad for row in layers(replace(spec, padding="same"))]:
        return True
    if spec.padding == "symmetric":
        return False
    raise UsageError(
        f"this model pads as {spec.padding!r}, which at {spec.resolution} px is not what TensorFlow's 'same' does, "
        "the only other padding that Hugging Face's MobileNetV1 has"
    )


def _config(card: Card) -> dict[str, Any]:
    spec = card.spec
    if spec.num_classes == 1:
        raise UsageError("transformers takes a single output for a sigmoid's; at least 2 classes go there, received 1")
    names = [f"LABEL_{number}" for number in range(spec.num_classes)]
    if card.labels is not None:
        names = [label.name for label in card.labels]
    return {
        "architectures": ["MobileNetV1ForImageClassification"],
        "model_type": MODEL_TYPE,
        "num_channels": 3,
        "image_size": spec.resolution,
        "depth_multiplier": float(spec.alpha),
        "min_depth": 1,
        "hidden_act": "relu6",
        "tf_padding": _pads_as_tensorflow(spec),
        "layer_norm_eps": spec.bn_epsilon,
        "classifier_dropout_prob": float(spec.dropout),
        "torch_dtype": "float32",
        "id2label": {str(number): name for number, name in enumerate(names)},
        # The other way round a name stands for one number only; of two equal ones (ImageNet's cranes) the first.
        "label2id": {name: names.index(name) for name in names},
    }


def _preprocessor(recipe: Recipe) -> dict[str, Any]:
    """Return the nearest that the image processor there comes to a recipe: it resizes first and crops then."""
    side, center = recipe.resolution, recipe.crop == "center"
    mean, std = mean_and_std(recipe.value_range)
    square = {"height": side, "width": side}
    return {
        "image_processor_type": "MobileNetV1ImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": round(side / recipe.crop_fraction)} if center else square,
        "resample": next(number for number, name in RESAMPLES.items() if name == recipe.resample),
        "do_center_crop": center,
        "crop_size": square,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": mean,
        "image_std": std,
    }


def open_huggingface(files: Mapping[str, bytes]) -> Artefact:
    """Open what ``huggingface_files`` made in ``transformers``.

    Args:
        files: contents by name in the folder.

    Raises:
        EngineError: transformers does not open the folder, or misses numbers in it.
        GateError: its processor brings pixels into another range.
        MissingExtraError: the extra ``huggingface`` is not installed.
    """
    transformers = _import_transformers()
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _quiet(transformers):
            for name, data in files.items():
                Path(folder, name).write_bytes(data)
            network, seen = transformers.AutoModelForImageClassification.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
            processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        card = card_from_json(metadata_of(files[WEIGHTS])[CARD_KEY])
    except TinysightError:
        raise
    except Exception as error:  # its exceptions have no common base of their own
        raise EngineError(f"transformers does not open the folder: {printable(str(error), 200)}") from error
    others = {kind: names for kind, names in seen.items() if names}
    if others:
        raise EngineError(f"transformers finds other names in the folder: {printable(str(others), 200)}")
    _check_processor(processor, card)
    names = network.config.id2label
    labels = None if card.labels is None else tuple(names[number] for number in range(len(names)))
    run = pictures_runner(lambda values: network(pixel_values=values).logits, card.recipe.value_range, "huggingface")
    network.train(False)
    return Artefact(f"transformers {transformers.__version__}", run, labels, card)


def _check_processor(processor: Any, card: Card) -> None:
    """See that a dark and a light grey become what the recipe says, at the recipe's size.

    Raises:
        GateError: they do not.
    """
    side = card.recipe.resolution
    for level in (51, 204):
        picture = np.full((side + 32, side + 32, 3), level, np.uint8)
        wanted = float(scale(picture[:1, :1], card.recipe.value_range)[0, 0, 0])
        found = np.asarray(processor(images=picture, return_tensors="np")["pixel_values"])
        if found.shape != (1, 3, side, side) or not np.abs(found - wanted).max() <= 1e-4:
            raise GateError(f"{PREPROCESSOR} makes of pixels of {level} what the model's recipe does not: {wanted:g}")


def _import_transformers() -> ModuleType:
    from importlib.util import find_spec

    try:
        import transformers
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "transformers", "huggingface") from error
    if find_spec("torch") is None:  # transformers is imported without it, and its models are then placeholders
        raise MissingExtraError("torch", "huggingface")
    module: ModuleType = transformers
    return module


@contextlib.contextmanager
def _quiet(transformers: ModuleType) -> Iterator[None]:
    """Keep progress bars of loading away: a library does not print."""
    log = transformers.utils.logging
    shown = log.is_progress_bar_enabled()
    log.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            log.enable_progress_bar()
