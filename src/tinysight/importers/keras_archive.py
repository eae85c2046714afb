"""Read ``.keras`` archives, ours and others': the network from ``config.json``, its numbers from ``model.weights.h5``.

No layer is rebuilt, so that no code in an archive runs. Ours bring their card along.
"""

from __future__ import annotations

import os
from pathlib import Path

from tinysight.checkpoint.card import Card
from tinysight.checkpoint.header import MAX_HEADER_BYTES
from tinysight.errors import CheckpointError
from tinysight.importers.archive import Archive
from tinysight.importers.derive import DEFAULT_RESOLUTION, Imported
from tinysight.importers.exported import read_card
from tinysight.importers.files import display_name, read_bytes
from tinysight.importers.hdf5 import MAX_FILE_BYTES, open_hdf5_bytes
from tinysight.importers.keras_config import KerasFacts, read_model_config
from tinysight.importers.keras_h5 import find_weights, read_weights
from tinysight.spec import Spec, array_shapes, layers

CONFIG, WEIGHTS, CARD = "config.json", "model.weights.h5", "tinysight.card.json"
MAX_CONFIG_BYTES = 8 << 20  # Keras' own MobileNet has 90 kB
TEXT_EXPANSION = 200  # JSON of many equal layers packs well
NUMBERS_EXPANSION = 4  # numbers hardly pack at all


def read_keras_archive(path: str | os.PathLike[str], *, resolution: int | None = None) -> Imported:
    """Read a MobileNet v1 that Keras saved whole.

    Args:
        path: the ``.keras`` file.
        resolution: input side in pixels instead of the archive's own; needed where that is open and not 224.

    Returns:
        The network; of one of our exports its card as well, without probes at another resolution.

    Raises:
        CheckpointError: damaged, incomplete, another network, layers that no MobileNet v1 has, or a card that is not
            this network's.
        MissingExtraError: h5py is not installed.
    """
    where = display_name(path)
    archive = Archive(read_bytes(path, MAX_FILE_BYTES), where)
    facts = _facts(archive)
    with open_hdf5_bytes(archive.read(WEIGHTS, MAX_FILE_BYTES, NUMBERS_EXPANSION), f"{where}: {WEIGHTS}") as file:
        stored, _, _ = find_weights(file)
        side = resolution or facts.resolution or DEFAULT_RESOLUTION
        spec, arrays = read_weights(file, stored, facts, side)
    if CARD not in archive.names():
        return Imported(spec, arrays, f"Keras archive {Path(where).name}")
    card = read_card(archive.read(CARD, MAX_HEADER_BYTES, TEXT_EXPANSION), resolution, where)
    _check_card(card, spec, where)
    return Imported(card.spec, arrays, card.source, card.licence, card.labels, card.recipe, card.name, card)


def _facts(archive: Archive) -> KerasFacts:
    try:
        text = archive.read(CONFIG, MAX_CONFIG_BYTES, TEXT_EXPANSION).decode()
    except UnicodeDecodeError:
        raise CheckpointError(f"{archive.where}: {CONFIG} is not UTF-8 text") from None
    return read_model_config(text, archive.where)


def _check_card(card: Card, spec: Spec, where: str) -> None:
    """Refuse a card beside another network: other shapes, sizes, paddings or epsilon."""
    same = card.spec.bn_epsilon == spec.bn_epsilon and array_shapes(card.spec) == array_shapes(spec)
    if not same or layers(card.spec) != layers(spec):
        raise CheckpointError(f"{where}: {CARD} describes another network than the archive holds")
