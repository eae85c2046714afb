"""Foreign files: turned into a model of ours, or refused with a hint."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinysight.checkpoint import Card, Checkpoint, Probe, arrays_sha256, read_checkpoint
from tinysight.costs.network import network_cost
from tinysight.errors import CheckpointError, EngineError, UsageError, printable
from tinysight.labels import Label, imagenet_labels, read_labels
from tinysight.models.opening import MODEL_SUFFIX
from tinysight.models.probes import make_probes
from tinysight.preprocess.recipe import Recipe
from tinysight.store import releases

if TYPE_CHECKING:
    from tinysight.importers import Imported

IMAGENET_CLASSES = 1000
# What a file may claim without being asked for: its claim decides how long the answers of the probes take.
LARGEST_STATED = 1024  # px
MOST_MULT_ADDS = 15e9  # 2.5 s here; alpha 1 at 1024 px
# Kinds that are imported, in words.
KINDS = {
    "hdf5": "an HDF5 file",
    "keras": "a Keras archive",
    "graph": "a TensorFlow graph",
    "onnx": "an ONNX or SavedModel file",
    "tflite": "a TensorFlow Lite model",
    "safetensors": "a state dict of timm or Hugging Face",
}


def _kind(path: str | os.PathLike[str]) -> str | None:
    """Return what ``importers.sniff`` says about a file, None for one that cannot be read."""
    from tinysight.importers import HEAD_BYTES, TAIL_BYTES, sniff
    from tinysight.importers.files import read_ends

    try:
        return sniff(*read_ends(path, HEAD_BYTES, TAIL_BYTES))
    except CheckpointError:
        return None


def foreign_hint(path: Path) -> str | None:
    """Say what kind of file this is and what to do with it; None for a file that is one of ours or cannot be read."""
    from tinysight.importers import REFUSED
    from tinysight.importers.huggingface import WEIGHTS
    from tinysight.importers.tensor_file import safetensors_kind

    file = path / WEIGHTS if path.is_dir() else path
    kind, where = _kind(file), printable(str(path))
    if kind is None or (kind == "safetensors" and safetensors_kind(file) != "torch"):
        return None
    if kind in REFUSED:
        return f"{where} {REFUSED[kind]}; expected a tinysight model file"
    what = KINDS[kind]
    output = printable(title_of(path), 60) + ("-tinysight" if kind == "safetensors" else "") + MODEL_SUFFIX
    command = f"tinysight models import {shlex.quote(where)} --output {shlex.quote(output)}"
    return f"{where} is {what}, not a tinysight model file; run: {command}"


def import_model(
    path: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    name: str | None = None,
    resolution: int | None = None,
    imagenet: bool = True,
) -> Checkpoint:
    """Read a MobileNet v1 from a foreign file; ``importers.import_file`` lists the kinds.

    Args:
        path: the file, or a folder with ``config.json`` and ``model.safetensors``; its kind is found by its content.
        labels: text file with one class name a line; by default those that the file itself holds.
        name: for the card; by default what the file itself holds, the released model whose numbers these are, or the
            file's name.
        resolution: input side in pixels, where the file does not state it or another is wanted.
        imagenet: whether 1000 classes that neither ``labels`` nor the file names are ImageNet's, in Keras' order. They
            are in every file that Keras or TF-slim published; say False for 1000 classes of your own.

    Returns:
        A model with the file's own recipe, or else the default one, and probes: an export's own, or two new ones.

    Raises:
        CheckpointError: damaged, incomplete, another network, labels that do not fit, or an export of ours that does
            not give the answers that its card says.
        MissingExtraError: a Keras file, and h5py is not installed.
        UsageError: labels for a network without a head, or an option out of range.
    """
    from tinysight.importers import import_file
    from tinysight.importers.tensor_file import safetensors_kind

    if _kind(path) == "safetensors" and safetensors_kind(path) == "ours":
        read_checkpoint(path)  # says what is wrong with it, if so
        raise UsageError(f"{printable(os.fspath(path))} is a tinysight model file already; give it to --model as it is")
    imported = import_file(path, resolution=resolution)
    spec, own = imported.spec, imported.card
    if resolution is None and (spec.resolution > LARGEST_STATED or network_cost(spec).mult_adds > MOST_MULT_ADDS):
        raise CheckpointError(
            f"{printable(os.fspath(path))} says that its pictures have {spec.resolution} px, which is much work for "
            f"such a network; pass --resolution {spec.resolution} if that is meant"
        )
    digest = arrays_sha256(imported.arrays)
    known = next((release for release in releases().values() if release.arrays_sha256 == digest), None)
    title = known.name if known is not None and known.spec.resolution == spec.resolution else title_of(Path(path))
    card = Card(
        name=printable(name or imported.name or title),
        spec=spec,
        recipe=imported.recipe or Recipe(spec.resolution),
        labels=_labels(imported, labels, imagenet, path),
        licence=imported.licence if known is None else known.licence,
        source=imported.source,
        seen=b"" if own is None else own.seen,
    )
    return Checkpoint(replace(card, probes=_probes(card, imported, path)), imported.arrays)


def title_of(path: Path) -> str:
    """Return what a model is called after its file or folder: ``.`` after the folder that it is."""
    return path.resolve().name if path.is_dir() else path.stem  # a folder's name may hold a dot


def _labels(
    imported: Imported, file: str | os.PathLike[str] | None, imagenet: bool, path: str | os.PathLike[str]
) -> tuple[Label, ...] | None:
    spec = imported.spec
    if file is not None:
        if not spec.include_top:
            raise UsageError(f"{printable(os.fspath(path))} has no head, so there are no classes to label")
        return read_labels(file, spec.num_classes)
    if imported.labels is not None or imported.card is not None:  # a card without labels means that there are none
        return imported.labels
    return imagenet_labels() if imagenet and spec.include_top and spec.num_classes == IMAGENET_CLASSES else None


def _probes(card: Card, imported: Imported, path: str | os.PathLike[str]) -> tuple[Probe, ...]:
    """Return an export's own probes, after asking the numbers for their answers, or new ones where it has none."""
    if imported.card is None or not imported.card.probes:
        return make_probes(card, imported.arrays)
    from tinysight.engines import check_probes
    from tinysight.engines.reference import ReferenceEngine

    probes = imported.card.probes
    model = Checkpoint(replace(card, probes=probes), imported.arrays)
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # scores that are not finite are refused as well
            check_probes(ReferenceEngine(model), model)
    except EngineError:
        raise CheckpointError(
            f"{printable(os.fspath(path))} does not give the answers that its own card says; "
            "it was changed after tinysight wrote it"
        ) from None
    return probes
