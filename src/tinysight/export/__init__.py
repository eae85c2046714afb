"""Our models in other programs' formats, opened in those programs before they are accepted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.atomic import write_atomically
from tinysight.checkpoint import Checkpoint
from tinysight.errors import CheckpointError, UsageError, printable
from tinysight.export.artefact import Artefact
from tinysight.export.keras_h5 import keras_h5_bytes, write_keras_h5
from tinysight.export.onnx import onnx_bytes, open_onnx
from tinysight.export.options import ExportOptions
from tinysight.export.parity import Parity, check, compare_with_ours, usual_pictures
from tinysight.export.tflite import open_tflite, tflite_bytes

__all__ = ["FORMATS", "ExportOptions", "Format", "Parity", "export_model", "report_path", "write_keras_h5"]


class Format(NamedTuple):
    """A format.

    Args:
        make: makes the file's bytes for a path.
        open: opens them in the format's own runtime; None where there is none to ask.
        suffix: ending of its files.
        text: what they are.
        precisions: that it holds.
    """

    make: Callable[[Checkpoint, ExportOptions, Path], bytes]
    open: Callable[[bytes], Artefact] | None
    suffix: str
    text: str
    precisions: tuple[str, ...] = ("float32",)


FORMATS = {
    "keras-h5": Format(
        lambda checkpoint, _options, path: keras_h5_bytes(checkpoint, path),
        None,
        ".h5",
        "Keras weights for keras.applications.MobileNet(...).load_weights(FILE)",
    ),
    "onnx": Format(
        lambda checkpoint, options, _path: onnx_bytes(checkpoint, options),
        open_onnx,
        ".onnx",
        "ONNX, checked in ONNX Runtime; labels and all else in its metadata",
        ("float32", "float16", "int8"),
    ),
    "tflite": Format(
        lambda checkpoint, options, _path: tflite_bytes(checkpoint, options),
        open_tflite,
        ".tflite",
        "TensorFlow Lite with metadata and labels, checked in LiteRT",
        ("float32", "float16", "int8"),
    ),
}


def report_path(path: Path) -> Path:
    """Return where the comparison of an export with us is kept: beside it."""
    return path.with_name(f"{path.name}.parity.json")


def export_model(
    checkpoint: Checkpoint,
    format_name: str,
    path: str | os.PathLike[str],
    options: ExportOptions | None = None,
    images: NDArray[np.uint8] | None = None,
    min_agreement: float | None = None,
) -> Parity | None:
    """Write a model in another program's format; the file is whole or absent, and absent where it answers otherwise.

    Args:
        checkpoint: the model.
        format_name: a key of ``FORMATS``.
        path: where to write; an existing file is replaced. The comparison goes beside it, ``report_path``.
        options: how; those that a format does not have are refused.
        images: uint8 ``(N, R, R, 3)``, prepared by the recipe, to compare on; None takes the probes and drawn ones.
        min_agreement: share of first answers that must be float32's; None takes the precision's own limit.

    Returns:
        How the file compares with us; None for a format without a runtime to ask.

    Raises:
        UsageError: an unknown format, or a model, option or file name that the format cannot hold.
        GateError: the file answers otherwise in its own runtime; nothing is written.
        CheckpointError: the file cannot be written.
        MissingExtraError: the package that writes or runs the format is not installed.
    """
    if format_name not in FORMATS:
        raise UsageError(f"unknown export format {format_name!r}; known: {', '.join(FORMATS)}")
    chosen, options, target = FORMATS[format_name], options or ExportOptions(), Path(path)
    if options.precision not in chosen.precisions:
        raise UsageError(f"{format_name} holds {', '.join(chosen.precisions)}, received precision {options.precision}")
    if chosen.open is None and (options != ExportOptions() or images is not None or min_agreement is not None):
        raise UsageError(f"{format_name} has no input, batch or pictures to choose")
    data = chosen.make(checkpoint, options, target)
    parity = None
    if chosen.open is not None:
        pictures = usual_pictures(checkpoint) if images is None else images
        parity = compare_with_ours(checkpoint, chosen.open(data), options.precision, pictures, len(data))
        check(parity, min_agreement)
    _write(target, data)
    if parity is not None:
        record = {"format": format_name, "model": checkpoint.card.name, **parity.to_dict()}
        _write(report_path(target), (json.dumps(record, indent=1) + "\n").encode())
    return parity


def _write(target: Path, data: bytes) -> None:
    try:
        write_atomically(target, data)
    except OSError as error:
        raise CheckpointError(f"cannot write {printable(str(target))}: {error.strerror or error}") from error
