"""Released models: from the cache, or from the first place that has the right numbers."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

from tinysight.checkpoint import Card, Checkpoint, arrays_sha256, read_checkpoint
from tinysight.errors import CheckpointError, StoreError, printable
from tinysight.labels import imagenet_labels
from tinysight.models.probes import make_probes
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Spec, spec_from_name
from tinysight.store import (
    Material,
    Progress,
    Release,
    Request,
    Settings,
    can_ask,
    entry_path,
    locked,
    obtain,
    prepare_folder,
    read_entry,
    releases,
    tidy,
    write_entry,
)


def released(name: str) -> Release:
    """Return the released model of this name, in any of the spellings that ``spec_from_name`` knows.

    Raises:
        UsageError: there is none; the message lists all.
    """
    return releases()[spec_from_name(name).name]


def environment_or(settings: Settings | None) -> Settings:
    """Return the settings, or those of the environment."""
    return Settings.from_environment(os.environ) if settings is None else settings


def _same_network(given: Spec, wanted: Spec) -> bool:
    """Whether two specs compute the same; dropout is for training, and even sides pad alike by either rule."""
    padding = "keras" if given.padding == "same" else given.padding
    return replace(given, padding=padding, resolution=wanted.resolution, dropout=wanted.dropout) == wanted


def check_owner(release: Release, digest: str) -> None:
    """Refuse numbers that the list pins to another model.

    Raises:
        CheckpointError: they are another released model's.
    """
    owner = next((other.name for other in releases().values() if other.arrays_sha256 == digest), release.name)
    if owner != release.name:
        raise CheckpointError(f"the numbers under the name {release.name} are those of {owner}")


def convert(release: Release, material: Material) -> Checkpoint:
    """Turn material from any place into the checkpoint of a released model, and check that it is that model.

    The card is written anew, so that the same numbers give the same file wherever they came from.

    Raises:
        CheckpointError: damaged, another network, or not the numbers whose hash is pinned.
        MissingExtraError: a Keras file, and h5py is not installed.
    """
    content, resolution = material.content, release.spec.resolution
    if material.kind == "checkpoint" and isinstance(content, Path):
        model = read_checkpoint(content)
        spec, arrays = model.card.spec, model.float_arrays("a released model")
        source = printable(model.card.source)
    else:
        from tinysight.importers import import_file
        from tinysight.importers.slim_graph import read_slim_graph

        if isinstance(content, bytes):
            imported = read_slim_graph(content, resolution=resolution)
        else:
            imported = import_file(content, resolution=resolution)
        spec, arrays, source = imported.spec, imported.arrays, material.origin
    if not _same_network(spec, release.spec) or (material.kind == "checkpoint" and spec.resolution != resolution):
        raise CheckpointError(f"{printable(source, 80)} is {spec.name}, not {release.name}")
    digest = arrays_sha256(arrays)
    check_owner(release, digest)
    if release.arrays_sha256 not in (None, digest):
        raise CheckpointError(f"{printable(source, 80)}: the numbers do not have the sha256 that the list pins")
    if material.kind == "checkpoint" and release.arrays_sha256 is None:  # nothing proves what it says of itself
        source = f"a mirror's file, which says: {source}"
    card = Card(release.name, release.spec, Recipe(resolution), imagenet_labels(), release.licence, source)
    return Checkpoint(replace(card, probes=make_probes(card, arrays)), arrays)


def open_released(release: Release, settings: Settings, progress: Progress | None = None) -> Checkpoint:
    """Open a released model, from the cache if it is there and whole, else fetched, once for all processes that wait.

    Raises:
        StoreError: it cannot be had; says why for each place, and which variable to set.
    """
    entry = read_entry(release, settings)
    if entry.checkpoint is not None:
        return entry.checkpoint
    request = Request(release, settings, importlib.util.find_spec("h5py") is not None, progress)
    try:
        return _fetch(request)
    except StoreError as error:
        raise StoreError(f"{entry.problem}; {error}" if entry.problem else str(error)) from None


def _fetch(request: Request) -> Checkpoint:
    release, settings = request.release, request.settings
    if not can_ask(settings):
        return obtain(request, lambda material: convert(release, material))  # raises, and says what to do
    with locked(prepare_folder(release, settings), release.name):
        entry = read_entry(release, settings)  # another process may have been faster
        if entry.checkpoint is not None:
            return entry.checkpoint
        checkpoint = obtain(request, lambda material: convert(release, material))
        write_entry(release, settings, checkpoint)
        return checkpoint


def fetch(name: str, settings: Settings | None = None, progress: Progress | None = None) -> Path:
    """Make sure that a released model is in the cache, whole; return its path.

    Raises:
        UsageError: no released model has this name.
        StoreError: as ``open_released``.
    """
    release, settings = released(name), environment_or(settings)
    open_released(release, settings, progress)
    tidy(release, settings)
    return entry_path(release, settings)
