"""``.keras`` archives in memory: the model as Keras saves it, always as the same bytes, with our card beside it.

Keras writes the hour of the day and addresses in memory into its archives; both are replaced. Its ``load_model`` reads
the members that it knows by name and lets others be.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint
from tinysight.networks.keras import from_checkpoint, import_keras

CARD_MEMBER = "tinysight.card.json"
CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
SAVED_ON = "1980-01-01@00:00:00"  # as old as a zip archive can be
UNIX = 3


class OpenedModel(NamedTuple):
    """A model that Keras has loaded.

    Args:
        version: of Keras, and its backend.
        run: takes float32 pictures ``(N, R, R, 3)``, returns the scores, float32 ``(N, num_classes)``.
        probabilities: whether the scores have gone through softmax.
        card: what stands in the card's member, as JSON.
    """

    version: str
    run: Callable[[NDArray[np.float32]], NDArray[np.float32]]
    probabilities: bool
    card: str


def archive_bytes(checkpoint: Checkpoint, probabilities: bool) -> bytes:
    """Save a model as a ``.keras`` archive.

    Args:
        checkpoint: the model.
        probabilities: whether it ends with softmax or gives logits.

    Raises:
        UsageError, CheckpointError, MissingExtraError: as ``from_checkpoint``.
    """
    model = from_checkpoint(checkpoint, classifier_activation="softmax" if probabilities else None)
    with tempfile.TemporaryDirectory() as folder:  # Keras asks for a name that ends in .keras
        path = Path(folder) / "model.keras"
        model.save(path)
        with zipfile.ZipFile(path) as archive:
            saved = {name: archive.read(name) for name in (METADATA, CONFIG, WEIGHTS)}
    metadata = json.loads(saved[METADATA]) | {"date_saved": SAVED_ON}
    saved[METADATA] = json.dumps(metadata).encode()
    saved[CONFIG] = json.dumps(_without_addresses(json.loads(saved[CONFIG]))).encode()
    return _zipped({**saved, CARD_MEMBER: checkpoint.card.to_json().encode()})


def _without_addresses(value: Any) -> Any:
    """Leave out the addresses of objects that several layers share; read back, each layer has its own."""
    if isinstance(value, dict):
        return {key: _without_addresses(entry) for key, entry in value.items() if key != "shared_object_id"}
    return [_without_addresses(entry) for entry in value] if isinstance(value, list) else value


def _zipped(members: Mapping[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, data in members.items():
            entry = zipfile.ZipInfo(name)
            entry.create_system, entry.external_attr = UNIX, 0o644 << 16
            archive.writestr(entry, data)
    return memory.getvalue()


def open_archive(data: bytes) -> OpenedModel:
    """Load an archive that ``archive_bytes`` made, as any user of Keras would: nothing of ours, safe mode on.

    Raises:
        MissingExtraError, UsageError: as ``import_keras``.
        Exception: whatever Keras raises for a file that it does not open.
    """
    keras = import_keras()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        card = archive.read(CARD_MEMBER).decode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(data)
        model = keras.models.load_model(path, compile=False, safe_mode=True)

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(model.predict_on_batch(images), dtype=np.float32)

    ends_in = model.layers[-1].activation
    version = f"Keras {keras.__version__} on {keras.config.backend()}"
    return OpenedModel(version, run, ends_in == keras.activations.softmax, card)
