"""Foreign files: turned into a model of ours, or refused with a hint."""

from __future__ import annotations

import os
import shlex
from dataclasses import replace
from pathlib import Path

from tinysight.checkpoint import Card, Checkpoint, arrays_sha256, read_checkpoint
from tinysight.errors import CheckpointError, UsageError, printable
from tinysight.labels import Label, imagenet_labels, read_labels
from tinysight.models.opening import MODEL_SUFFIX
from tinysight.models.probes import make_probes
from tinysight.preprocess.recipe import Recipe
from tinysight.store import releases

IMAGENET_CLASSES = 1000


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

    kind, where = _kind(path), printable(str(path))
    if kind in (None, "safetensors"):
        return None
    if kind in REFUSED:
        return f"{where} {REFUSED[kind]}; expected a tinysight model file"
    what = "an HDF5 file" if kind == "hdf5" else "a TensorFlow graph"
    output = printable(path.stem, 60) + MODEL_SUFFIX
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
    """Read a MobileNet v1 from a foreign file: Keras' ``.h5`` or ``.weights.h5``, or a frozen TF-slim graph.

    Args:
        path: the file; its kind is found by its content.
        labels: text file with one class name a line.
        name: for the card; by default the released model whose numbers these are, else the file's name.
        resolution: input side in pixels, where the file does not state it or another is wanted.
        imagenet: whether 1000 classes without a file of labels are ImageNet's, in Keras' order. They are in every
            file that Keras or TF-slim published; say False for 1000 classes of your own.

    Returns:
        A model with the default recipe and two probes.

    Raises:
        CheckpointError: damaged, incomplete, another network, or labels that do not fit.
        MissingExtraError: a Keras file, and h5py is not installed.
        UsageError: labels for a network without a head, or an option out of range.
    """
    from tinysight.importers import import_file

    if _kind(path) == "safetensors":
        read_checkpoint(path)  # says what is wrong with it, if so
        raise UsageError(f"{printable(os.fspath(path))} is a tinysight model file already; give it to --model as it is")
    imported = import_file(path, resolution=resolution)
    spec = imported.spec
    names: tuple[Label, ...] | None = None
    if labels is not None:
        if not spec.include_top:
            raise UsageError(f"{printable(os.fspath(path))} has no head, so there are no classes to label")
        names = read_labels(labels, spec.num_classes)
    elif imagenet and spec.include_top and spec.num_classes == IMAGENET_CLASSES:
        names = imagenet_labels()
    digest = arrays_sha256(imported.arrays)
    known = next((release for release in releases().values() if release.arrays_sha256 == digest), None)
    title = known.name if known is not None and known.spec.resolution == spec.resolution else Path(path).stem
    card = Card(
        name=printable(name or title),
        spec=spec,
        recipe=Recipe(spec.resolution),
        labels=names,
        licence=imported.licence if known is None else known.licence,
        source=imported.source,
    )
    return Checkpoint(replace(card, probes=make_probes(card, imported.arrays)), imported.arrays)
