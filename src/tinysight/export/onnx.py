"""ONNX: the graph of ``onnx_graph``, with the card in its metadata, opened in ONNX Runtime.

Metadata are strings by key. ``tinysight.card`` is the whole card; those that begin with ``model_info`` are what
OpenVINO's Model API looks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card, Checkpoint
from tinysight.checkpoint.card import card_from_json
from tinysight.engines.onnx import import_onnxruntime, open_session
from tinysight.errors import EngineError, GateError, UsageError, printable
from tinysight.export.artefact import Artefact, in_batches
from tinysight.export.options import ExportOptions
from tinysight.importers.exported import CARD_KEY
from tinysight.onnx_graph import onnx_int8_model, onnx_model
from tinysight.preprocess.scale import scale

MODEL_API = "model_info"
PRECISION_KEY = "tinysight.precision"


def onnx_bytes(checkpoint: Checkpoint, options: ExportOptions, features: bool = False) -> bytes:
    """Write a model as an ONNX file.

    Args:
        checkpoint: with a head, and the numbers that the precision needs.
        options: how.
        features: whether ``features`` is a second output, as ``onnx_model`` and ``onnx_int8_model`` describe it.

    Raises:
        UsageError: a model without a head, or more than 2 GiB.
        CheckpointError: a model without float32 weights for float32 or float16.
        MissingExtraError: the extra ``onnx`` is not installed.
    """
    card = checkpoint.card
    spec, value_range = card.spec, card.recipe.value_range
    if not spec.include_top:
        raise UsageError(f"model {printable(card.name)} has no head, and an ONNX file of a classifier needs one")
    common: dict[str, Any] = {
        "pixels": options.pixels,
        "features": features,
        "batch": options.batch,
        "probabilities": options.probabilities,
    }
    if options.precision == "int8":
        if checkpoint.integers is None or checkpoint.integers.precision != "int8":
            raise UsageError(f"model {printable(card.name)} holds no int8 numbers; tinysight quantize adds them")
        model = onnx_int8_model(spec, checkpoint.integers, value_range, **common)
    else:
        arrays = checkpoint.float_arrays("an ONNX file in float32")
        model = onnx_model(spec, arrays, value_range, half=options.precision == "float16", **common)
    _describe(model, card, options)
    return bytes(model.SerializeToString(deterministic=True))


def _describe(model: Any, card: Card, options: ExportOptions) -> None:
    properties = {CARD_KEY: card.to_json(), PRECISION_KEY: options.precision, **model_api(card, options.pixels)}
    for key, value in sorted(properties.items()):
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    model.doc_string = f"{card.name}: MobileNet v1, {card.source}; licence of the weights: {card.licence}"


def model_api(card: Card, pixels: bool) -> dict[str, str]:
    """Return what OpenVINO's Model API reads; its pictures come from OpenCV, which has blue first."""
    low, high = card.recipe.value_range
    found = {
        "model_type": "Classification",
        "output_raw_scores": "True",
        "resize_type": "crop",
        "reverse_input_channels": "True",
    }
    if not pixels:
        per_unit = 255 / (high - low)
        found["scale_values"] = " ".join([repr(per_unit)] * 3)
        found["mean_values"] = " ".join([repr(-low * per_unit)] * 3)
    if card.labels is not None:
        found["labels"] = " ".join("_".join(label.name.split()) or "_" for label in card.labels)
    return {f"{MODEL_API} {key}": value for key, value in found.items()}


def check_model_api(card: Card, pixels: bool, found: Mapping[str, str]) -> None:
    """Refuse a file that tells OpenVINO's Model API anything but what its card says.

    Raises:
        GateError: names the key.
    """
    wanted = model_api(card, pixels)
    for key in sorted(wanted.keys() | found.keys()):
        if wanted.get(key) != found.get(key):
            raise GateError(f"the file's {printable(key, 80)} does not say what its card says")


def open_onnx(data: bytes, threads: int = 1) -> Artefact:
    """Open an ONNX file that ``onnx_bytes`` wrote in ONNX Runtime.

    Args:
        data: the file.
        threads: for one picture.

    Raises:
        EngineError: ONNX Runtime does not open it, or it is none of ours.
        GateError: what it tells Model API is not what its card says.
        MissingExtraError: the extra ``onnx`` is not installed.
    """
    onnxruntime = import_onnxruntime()
    try:
        session = open_session(onnxruntime, data, threads)
        metadata = session.get_modelmeta().custom_metadata_map
        card = card_from_json(metadata[CARD_KEY])
    except Exception as error:  # its exceptions have no common base of their own
        raise EngineError(f"ONNX Runtime does not open the file: {printable(str(error), 200)}") from error
    pixels = session.get_inputs()[0].type == "tensor(uint8)"
    check_model_api(card, pixels, {key: text for key, text in metadata.items() if key.startswith(MODEL_API)})
    batch = session.get_inputs()[0].shape[0]
    size = batch if isinstance(batch, int) else 1

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = images if pixels else scale(images, card.recipe.value_range)
        return in_batches(lambda batch: session.run(None, {"images": batch})[0], values, size)

    return Artefact(
        f"ONNX Runtime {onnxruntime.__version__}",
        run,
        card.names,
        card,
        size,
        probabilities=session.get_outputs()[0].name == "probabilities",
    )
