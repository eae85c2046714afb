"""Our models in other programs' formats, opened in those programs before they are accepted."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinysight.atomic import write_atomically, write_folder_atomically
from tinysight.checkpoint import Checkpoint
from tinysight.errors import CheckpointError, UsageError, printable
from tinysight.export.formats import FORMATS, Format, Made
from tinysight.export.keras_h5 import write_keras_h5
from tinysight.export.options import ExportOptions
from tinysight.export.parity import Parity, check, compare_with_ours, usual_pictures

__all__ = ["FORMATS", "ExportOptions", "Format", "Parity", "export_model", "report_path", "write_keras_h5"]

# What the command line calls the fields of ``ExportOptions``.
FLAGS = {"pixels": "--input (pixels)", "batch": "--batch (batch)", "probabilities": "--scores (probabilities)"}


def report_path(path: str | os.PathLike[str]) -> Path:
    """Return where the comparison of an export with us is kept: beside it."""
    return Path(path).with_name(f"{Path(path).name}.parity.json")


def export_model(
    checkpoint: Checkpoint,
    format_name: str,
    path: str | os.PathLike[str],
    options: ExportOptions | None = None,
    images: NDArray[np.uint8] | None = None,
    min_agreement: float | None = None,
) -> Parity | None:
    """Write a model in another program's format; it is whole or absent, and absent where it answers otherwise.

    Args:
        checkpoint: the model.
        format_name: a key of ``FORMATS``.
        path: where to write; an existing file is replaced, and so is a folder that holds such an export and nothing
            else. The comparison goes beside it, ``report_path``.
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
    _check_choices(format_name, chosen, options)
    if chosen.open is None and (images is not None or min_agreement is not None):
        raise UsageError(f"{format_name} has no runtime to compare pictures in")
    _check_pictures(checkpoint, images, min_agreement)
    made = chosen.make(checkpoint, options, target)
    parity = None
    if chosen.open is not None:
        pictures = usual_pictures(checkpoint) if images is None else images
        parity = compare_with_ours(checkpoint, chosen.open(made), options.precision, pictures, _size(made))
        check(parity, min_agreement)
    report_path(target).unlink(missing_ok=True)  # a report never stands beside another file than its own
    _write(target, made)
    if parity is not None:
        record = {"format": format_name, "model": checkpoint.card.name, **parity.to_dict()}
        _write(report_path(target), (json.dumps(record, indent=1) + "\n").encode())
    return parity


def _check_pictures(checkpoint: Checkpoint, images: NDArray[np.uint8] | None, min_agreement: float | None) -> None:
    if min_agreement is not None:
        if not 0 <= min_agreement <= 1:
            raise UsageError(f"min_agreement must be from 0 to 1, received {min_agreement!r}")
        if not checkpoint.arrays:
            raise UsageError("min_agreement is of float32's first answers, and the model holds no float32 numbers")
    side = checkpoint.card.spec.resolution
    if images is not None and (images.dtype != np.uint8 or not len(images) or images.shape[1:] != (side, side, 3)):
        raise UsageError(
            f"images must be uint8 (N, {side}, {side}, 3) with N at least 1, received {images.dtype} {images.shape}"
        )


def _check_choices(format_name: str, chosen: Format, options: ExportOptions) -> None:
    for name in FLAGS:
        if name not in chosen.choices and getattr(options, name) != getattr(ExportOptions(), name):
            raise UsageError(f"{format_name} has no {FLAGS[name]} to choose")


def _size(made: Made) -> int:
    return len(made) if isinstance(made, bytes) else sum(map(len, made.values()))


def _write(target: Path, made: Made) -> None:
    try:
        if isinstance(made, bytes):
            write_atomically(target, made)
        else:
            write_folder_atomically(target, made)
    except OSError as error:
        raise CheckpointError(f"cannot write {printable(str(target))}: {error.strerror or error}") from error
