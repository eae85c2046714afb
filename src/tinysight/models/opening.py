"""Open a model by name or path, and verify one that is on this machine."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tinysight.checkpoint import Checkpoint, arrays_sha256, read_checkpoint
from tinysight.errors import CheckpointError, StoreError, UsageError, printable
from tinysight.models.foreign import MODEL_SUFFIX, foreign_hint
from tinysight.models.released import check_owner, environment_or, open_released, released
from tinysight.store import Progress, Release, Settings, entry_path, releases


class Verified(NamedTuple):
    """What ``verify`` has found in order.

    ``arrays_sha256`` is over the numbers; ``pinned``: the list of weights has a hash for the model, and it is this one;
    ``probe_difference``: the probes' largest difference from the card, as a share of the output.
    """

    model: str
    path: Path
    arrays_sha256: str
    pinned: bool
    probes: int
    probe_difference: float


def resolve(model: str | os.PathLike[str]) -> Release | Path:
    """Tell which model is meant: a released one by its name, else a file. A name wins over a file of that name.

    Raises:
        UsageError: neither a released name nor a path.
    """
    if not isinstance(model, str):
        return Path(model)
    try:
        return released(model)
    except UsageError as error:
        if os.path.lexists(model) or model.endswith(MODEL_SUFFIX) or "/" in model or os.sep in model:
            return Path(model)
        raise UsageError(f"{error}; nor is there a file of that name") from None


def _open_file(path: Path) -> Checkpoint:
    """Read a model file; a foreign one is refused with the command that imports it."""
    try:
        return read_checkpoint(path)
    except CheckpointError as error:
        hint = foreign_hint(path)
        raise (CheckpointError(hint) if hint else error) from None


def open_model(
    model: str | os.PathLike[str], settings: Settings | None = None, progress: Progress | None = None
) -> Checkpoint:
    """Open a model, fetching it if it is a released one that the cache does not have.

    Args:
        model: name of a released model, or path of a tinysight model file.
        settings: cache, mirror, offline; None reads the environment.
        progress: called with bytes done and bytes in all (None where not known) while weights are fetched.

    Raises:
        UsageError: neither a released name nor a file.
        CheckpointError: a file that is damaged or not one of ours.
        StoreError: weights that cannot be had; says why for each source, and which variable to set.
    """
    meant = resolve(model)
    if isinstance(meant, Path):
        return _open_file(meant)
    return open_released(meant, environment_or(settings), progress)


def verify(model: str | os.PathLike[str], settings: Settings | None = None) -> Verified:
    """Read all of a model that is on this machine, compare its hash with the list, and run all its probes.

    Args:
        model: name of a released model in the cache, or path of a tinysight model file.
        settings: names the cache; nothing is fetched.

    Raises:
        UsageError: neither a released name nor a file.
        CheckpointError, EngineError: damaged, or its probes give other outputs than its card says.
        StoreError: not in the cache, or its numbers are not those whose hash is pinned.
    """
    from tinysight.engines import check_probe, open_engine

    meant, settings = resolve(model), environment_or(settings)
    if isinstance(meant, Path):
        path, checkpoint, release = meant, _open_file(meant), None
    else:
        path, release = entry_path(meant, settings), meant
        if not os.path.lexists(path):
            raise StoreError(f"{meant.name} is not in the cache; run: tinysight models fetch {meant.name}")
        checkpoint = open_released(meant, replace(settings, offline=True, mirror=None))
    digest, card = arrays_sha256(checkpoint.arrays), checkpoint.card
    if release is not None:
        check_owner(release, digest)
    pins = {listed.arrays_sha256 for listed in releases().values()} if release is None else {release.arrays_sha256}
    if release is not None and release.arrays_sha256 not in (None, digest):
        raise StoreError(f"{printable(str(path))}: the numbers do not have the sha256 that the list pins; remove it")
    engine = open_engine(checkpoint, "reference", "float32")
    worst = max((check_probe(engine, probe) for probe in card.probes), default=0.0)
    return Verified(card.name, path, digest, digest in pins, len(card.probes), worst)
