"""Keras: a ``.keras`` archive that ``keras.models.load_model`` opens by itself, with the card as a further member."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint
from tinysight.checkpoint.card import card_from_json
from tinysight.errors import EngineError, MissingExtraError, UsageError, printable
from tinysight.export.artefact import Artefact
from tinysight.export.options import ExportOptions
from tinysight.networks.keras_archive import archive_bytes, open_archive
from tinysight.preprocess.scale import scale


def keras_bytes(checkpoint: Checkpoint, options: ExportOptions) -> bytes:
    """Write a model as a ``.keras`` archive.

    Args:
        checkpoint: with a head and float32 numbers, for pixels of -1..1.
        options: how; any number of pictures fits into a batch of Keras'.

    Raises:
        UsageError: a model without a head, or for pixels of another range, which Keras' MobileNet does not state.
        CheckpointError: a model without float32 weights.
        MissingExtraError: the extra ``keras`` is not installed.
    """
    card = checkpoint.card
    if not card.spec.include_top:
        raise UsageError(f"model {printable(card.name)} has no head, and a .keras file of a classifier needs one")
    return archive_bytes(checkpoint, options.probabilities)


def open_keras(data: bytes) -> Artefact:
    """Open a file that ``keras_bytes`` wrote in Keras; it takes as many threads as its backend does.

    Args:
        data: the file.

    Raises:
        EngineError: Keras does not open it, or it is none of ours.
        MissingExtraError: the extra ``keras`` is not installed.
    """
    try:
        opened = open_archive(data)
        card = card_from_json(opened.card)
    except (MissingExtraError, UsageError):
        raise
    except Exception as error:  # its exceptions have no common base of their own
        raise EngineError(f"Keras does not open the file: {printable(str(error), 200)}") from error

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return opened.run(scale(images, card.recipe.value_range))

    return Artefact(opened.version, run, card.names, card, probabilities=opened.probabilities)
