"""Snapshots of a training run: whole or absent, and never believed without their hash."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.atomic import write_atomically
from tinysight.checkpoint import arrays_sha256
from tinysight.errors import CheckpointError, printable

KEPT = 2  # the newest may turn out to be damaged
_NAME = re.compile(r"step-(\d{8})\.safetensors")


class Snapshot(NamedTuple):
    """Everything that training needs to go on.

    Args:
        step: how many steps are done.
        arrays: float32, by name.
        facts: the rest, as JSON holds it.
    """

    step: int
    arrays: dict[str, NDArray[np.float32]]
    facts: dict[str, Any]


def _sha256(facts: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    return hashlib.sha256(f"{facts}\n{arrays_sha256(dict(sorted(arrays.items())))}\n".encode()).hexdigest()


def write_snapshot(folder: Path, snapshot: Snapshot) -> None:
    """Write a snapshot and remove all but the newest two.

    Raises:
        CheckpointError: it cannot be written; those that were there are untouched.
    """
    import safetensors.numpy

    facts = json.dumps({"step": snapshot.step, "facts": snapshot.facts}, sort_keys=True)
    header = {"facts": facts, "sha256": _sha256(facts, snapshot.arrays)}
    data = safetensors.numpy.save(snapshot.arrays, {"tinysight": json.dumps(header, sort_keys=True)})
    target = folder / f"step-{snapshot.step:08d}.safetensors"
    try:
        write_atomically(target, data)
        for old in _found(folder)[KEPT:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"cannot write {printable(str(target))}: {error.strerror or error}") from error


def read_newest(folder: Path) -> tuple[Snapshot | None, tuple[str, ...]]:
    """Read the newest snapshot that is whole.

    Returns:
        It, or None where there is none; and a line for each newer one that is damaged and was passed over.
    """
    warnings: list[str] = []
    for path in _found(folder):
        try:
            return _read(path), tuple(warnings)
        except CheckpointError as error:
            warnings.append(str(error))
    return None, tuple(warnings)


def _found(folder: Path) -> list[Path]:
    """Return the snapshots in a folder, newest first."""
    return sorted((path for path in folder.glob("step-*.safetensors") if _NAME.fullmatch(path.name)), reverse=True)


def _read(path: Path) -> Snapshot:
    import safetensors
    import safetensors.numpy

    where = printable(str(path))
    try:
        with safetensors.safe_open(path, "numpy") as file:
            header = json.loads((file.metadata() or {})["tinysight"])
            arrays = {name: file.get_tensor(name) for name in sorted(file.keys())}
        facts, wanted = header["facts"], header["sha256"]
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{where} is damaged: {printable(str(error), 100)}") from None
    if _sha256(facts, arrays) != wanted:
        raise CheckpointError(f"{where} is damaged: its content does not have the sha256 that its header states")
    known = json.loads(facts)
    return Snapshot(known["step"], arrays, known["facts"])
