"""Our models in other programs' formats."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from tinysight.checkpoint import Checkpoint
from tinysight.errors import UsageError
from tinysight.export.keras_h5 import write_keras_h5

__all__ = ["FORMATS", "Format", "export_model", "write_keras_h5"]


class Format(NamedTuple):
    """A format: the function that writes it, the ending of its files, what they are."""

    write: Callable[[str | os.PathLike[str], Checkpoint], None]
    suffix: str
    text: str


FORMATS = {
    "keras-h5": Format(write_keras_h5, ".h5", "Keras weights for keras.applications.MobileNet(...).load_weights(FILE)"),
}


def export_model(checkpoint: Checkpoint, format_name: str, path: str | os.PathLike[str]) -> None:
    """Write a model in another program's format; the file is whole or absent.

    Args:
        checkpoint: the model.
        format_name: a key of ``FORMATS``.
        path: where to write; an existing file is replaced.

    Raises:
        UsageError: an unknown format, or a model or file name that the format cannot hold.
        CheckpointError: the file cannot be written.
        MissingExtraError: the package that writes the format is not installed.
    """
    if format_name not in FORMATS:
        raise UsageError(f"unknown export format {format_name!r}; known: {', '.join(FORMATS)}")
    FORMATS[format_name].write(path, checkpoint)
