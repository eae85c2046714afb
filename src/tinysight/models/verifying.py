"""Verify models that are on this machine: every byte, the hash over their numbers, all their probes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tinysight.checkpoint import Checkpoint, arrays_sha256, read_checkpoint
from tinysight.errors import StoreError, printable
from tinysight.models.opening import embedded_file, open_file, resolve
from tinysight.models.released import check_owner, environment_or, open_released, released
from tinysight.store import Release, Settings, entry_path, releases


class Verified(NamedTuple):
    """What ``verify`` has found in order.

    ``arrays_sha256`` is over the float32 numbers where the file has them, else over the int8 ones; ``pinned``: the list
    of weights has a hash for the model, and it is this one; ``probe_difference``: the probes' largest difference from
    the file, as a share of the output; ``precisions``: what the file can be run in.
    """

    model: str
    path: Path
    arrays_sha256: str
    pinned: bool
    probes: int
    probe_difference: float
    precisions: tuple[str, ...]


class Place(NamedTuple):
    """A model file on this machine; ``release`` is the released model that it is said to be, None for any other."""

    path: Path
    release: Release | None = None
    embedded: bool = False


def places(model: str | os.PathLike[str], settings: Settings) -> list[Place]:
    """Return the files of a model on this machine: of a released one the package's own and the one in the cache.

    Raises:
        UsageError: neither a released name nor a path.
        StoreError: a released model that is not here.
    """
    meant = resolve(model)
    if isinstance(meant, Path):
        return [Place(meant)]
    release, embedded = released(meant), embedded_file(meant)
    found = [] if embedded is None else [Place(embedded, release, embedded=True)]
    path = None if settings.cache is None and found else entry_path(release, settings)
    if path is not None and os.path.lexists(path):
        found.append(Place(path, release))
    if not found:
        raise StoreError(f"{meant} is not in the cache; run: tinysight models fetch {meant}")
    return found


def verify(model: str | os.PathLike[str], settings: Settings | None = None) -> Verified:
    """Read all of a model that is on this machine, compare its hash with the list, and run all its probes.

    Args:
        model: name of a released model, of which the file in the cache is looked at, or the package's own where the
            cache has none; or path of a tinysight model file.
        settings: names the cache; nothing is fetched.

    Raises:
        UsageError: neither a released name nor a file.
        CheckpointError, EngineError: damaged, or its probes give other outputs than it says.
        StoreError: not on this machine, or its numbers are not those whose hash is pinned.
    """
    settings = environment_or(settings)
    return verify_place(places(model, settings)[-1], settings)


def verify_place(place: Place, settings: Settings) -> Verified:
    """Verify one file, as ``verify``."""
    checkpoint = _read(place, settings)
    digest, card = arrays_sha256(checkpoint.arrays or checkpoint.numbers()), checkpoint.card
    if place.release is None:
        pins = {pin for release in releases().values() for pin in (release.arrays_sha256, release.int8_sha256)}
    else:
        pin = place.release.int8_sha256 if place.embedded else place.release.arrays_sha256
        check_owner(place.release, digest)
        if pin not in (None, digest):
            where = printable(str(place.path))
            remedy = "install tinysight again" if place.embedded else "remove it"
            raise StoreError(f"{where}: the numbers do not have the sha256 that the list pins; {remedy}")
        pins = {pin}
    worst = _worst_probe(checkpoint)
    return Verified(card.name, place.path, digest, digest in pins, len(card.probes), worst, checkpoint.precisions)


def _read(place: Place, settings: Settings) -> Checkpoint:
    if place.release is None:
        return open_file(place.path)
    if place.embedded:
        return read_checkpoint(place.path)
    return open_released(place.release, replace(settings, offline=True, mirror=None))


def _worst_probe(checkpoint: Checkpoint) -> float:
    """Run all probes in each precision whose outputs the file states: float32 by the reference, int8 by the fastest."""
    from tinysight.engines import check_probes, open_engine

    worst = 0.0
    for name, precision in (("reference", "float32"), ("auto", "int8")):
        if precision in checkpoint.precisions:
            worst = max(worst, check_probes(open_engine(checkpoint, name, precision), checkpoint))
    return worst
