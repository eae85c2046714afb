"""TensorFlow Lite: the file of ``tflite_graph`` with metadata and labels, opened in LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint
from tinysight.checkpoint.card import Card, card_from_json
from tinysight.errors import EngineError, MissingExtraError, UsageError, printable
from tinysight.export.artefact import Artefact, in_batches
from tinysight.export.options import ExportOptions
from tinysight.importers.exported import CARD_KEY
from tinysight.preprocess.scale import scale
from tinysight.tflite_graph import (
    METADATA_NAME,
    metadata_bytes,
    read_labels,
    read_metadata,
    tflite_int8_model,
    tflite_model,
    with_labels,
)

CARD_NAME = CARD_KEY
LEAST_DB = 18.0  # depthwise kernels are rounded a second time: 26 dB at alpha 1 and 224 px, 20 at 0.25 and 128


def tflite_bytes(checkpoint: Checkpoint, options: ExportOptions) -> bytes:
    """Write a model as a TensorFlow Lite file.

    Args:
        checkpoint: with a head, and the numbers that the precision needs.
        options: how.

    Raises:
        UsageError: a model without a head, a batch that is left open, a label of several lines, or more than 2 GiB.
        CheckpointError: a model without float32 weights.
        MissingExtraError: the extra ``tflite`` is not installed.
    """
    card = checkpoint.card
    if not card.spec.include_top:
        raise UsageError(f"model {printable(card.name)} has no head, and a TensorFlow Lite classifier needs one")
    if options.batch is None:
        raise UsageError("a TensorFlow Lite file has a fixed batch, which its runtime can change; received any")
    value_range = card.recipe.value_range
    common: dict[str, Any] = {
        "pixels": options.pixels,
        "batch": options.batch,
        "probabilities": options.probabilities,
        "metadata": [(METADATA_NAME, _describe(card, options)), (CARD_NAME, card.to_json().encode())],
    }
    if options.precision == "int8":
        if checkpoint.integers is None or checkpoint.integers.precision != "int8":
            raise UsageError(f"model {printable(card.name)} holds no int8 numbers; tinysight quantize adds them")
        model = tflite_int8_model(card.spec, checkpoint.integers, value_range, **common)
    else:
        arrays = checkpoint.float_arrays("a TensorFlow Lite file in float32")
        model = tflite_model(card.spec, arrays, value_range, half=options.precision == "float16", **common)
    return model if card.labels is None else with_labels(model, _lines(card))


def _describe(card: Card, options: ExportOptions) -> bytes:
    low, high = card.recipe.value_range
    per_unit = 255 / (high - low)
    mean, deviation = (0.0, 1.0) if options.pixels else (-low * per_unit, per_unit)
    about = f"MobileNet v1, {card.source}"
    return metadata_bytes(card.name, about, card.licence, mean, deviation, card.labels is not None)


def _lines(card: Card) -> list[str]:
    names = [label.name for label in card.labels or ()]
    broken = [name for name in names if len(name.splitlines()) != 1]
    if broken:
        raise UsageError(f"labels go into a file with a line each, received {printable(broken[0], 60)!r}")
    return names


def open_tflite(data: bytes, threads: int = 1) -> Artefact:
    """Open a TensorFlow Lite file that ``tflite_bytes`` wrote in LiteRT.

    Args:
        data: the file.
        threads: for one picture.

    Raises:
        EngineError: LiteRT does not open it, or it is none of ours.
        MissingExtraError: the extra ``tflite`` is not installed.
    """
    try:
        import ai_edge_litert
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise MissingExtraError("ai-edge-litert", "tflite") from None
    try:
        interpreter = Interpreter(model_content=data, num_threads=threads)
        interpreter.allocate_tensors()
        images, logits = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
        card = card_from_json((read_metadata(data, CARD_NAME) or b"").decode())
    except Exception as error:  # its exceptions have no common base of their own
        raise EngineError(f"LiteRT does not open the file: {printable(str(error), 200)}") from error
    size, pixels = int(images["shape"][0]), images["dtype"] == np.uint8

    def answer(batch: NDArray[Any]) -> NDArray[np.float32]:
        interpreter.set_tensor(images["index"], batch)
        interpreter.invoke()
        given: NDArray[np.float32] = interpreter.get_tensor(logits["index"])
        return given

    def run(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = pictures if pixels else scale(pictures, card.recipe.value_range)
        return in_batches(answer, values, size)

    name = f"LiteRT {getattr(ai_edge_litert, '__version__', '')}".strip()
    return Artefact(name, run, read_labels(data), card, size, LEAST_DB, logits["name"] == "probabilities")
