"""Open a model by name or path: the package's own, one from the cache, one that is fetched, or a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from tinysight.checkpoint import Checkpoint, read_checkpoint
from tinysight.engines.choice import Precision
from tinysight.errors import CheckpointError, EngineError, UsageError
from tinysight.spec import DEFAULT_MODEL, spec_from_name

if TYPE_CHECKING:
    from tinysight.store import Progress, Settings

MODEL_SUFFIX = ".safetensors"
# In the package, so that a picture can be classified with nothing fetched; tools/make_embedded.py makes it.
EMBEDDED = Path(__file__).parent.parent / "assets" / f"{DEFAULT_MODEL}.int8{MODEL_SUFFIX}"


def resolve(model: str | os.PathLike[str]) -> str | Path:
    """Tell which model is meant: a released one by its name, else a file. A name wins over a file of that name.

    Returns:
        The released model's own name, or the file's path.

    Raises:
        UsageError: neither a released name nor a path.
    """
    if not isinstance(model, str):
        return Path(model)
    try:
        return spec_from_name(model).name
    except UsageError as error:
        if os.path.lexists(model) or model.endswith(MODEL_SUFFIX) or "/" in model or os.sep in model:
            return Path(model)
        raise UsageError(f"{error}; nor is there a file of that name") from None


def open_file(path: Path) -> Checkpoint:
    """Read a model file; a foreign one is refused with the command that imports it.

    Raises:
        CheckpointError: a file that is damaged or not one of ours.
    """
    try:
        return read_checkpoint(path)
    except CheckpointError as error:
        from tinysight.models.foreign import foreign_hint

        hint = foreign_hint(path)
        raise (CheckpointError(hint) if hint else error) from None


def embedded_file(name: str) -> Path | None:
    """Return the package's own file of a released model, in int8; None for a model that the package does not carry."""
    # Unlike Path.is_file, isfile says no where the folder may not be looked into.
    return EMBEDDED if name == DEFAULT_MODEL and os.path.isfile(EMBEDDED) else None  # noqa: PTH113


def open_model(
    model: str | os.PathLike[str],
    settings: Settings | None = None,
    progress: Progress | None = None,
    precision: str = "auto",
) -> Checkpoint:
    """Open a model, fetching it if it is a released one that is not on this machine.

    Args:
        model: name of a released model, or path of a tinysight model file.
        settings: cache, mirror, offline; None reads the environment.
        progress: called with bytes done and bytes in all (None where not known) while weights are fetched.
        precision: what it is to be run in. The default model is in the package in int8, and ``auto`` takes it from
            there; ``float32`` and ``int16`` need float32 weights, which are fetched. Of the other released models
            there are float32 weights only. A file is opened with all that it holds.

    Raises:
        UsageError: neither a released name nor a file, or an unknown precision.
        CheckpointError: a file that is damaged or not one of ours.
        EngineError: int8 of a released model that has no such numbers.
        StoreError: weights that cannot be had; says why for each source, and which variable to set.
    """
    if precision not in get_args(Precision):
        raise UsageError(f"precision must be one of {', '.join(get_args(Precision))}, received {precision!r}")
    meant = resolve(model)
    if isinstance(meant, Path):
        return open_file(meant)
    embedded = embedded_file(meant) if precision in ("auto", "int8") else None
    if embedded is not None:
        return read_checkpoint(embedded)
    if precision == "int8":
        raise EngineError(f"no int8 numbers are released for {meant}; make them with: tinysight quantize")
    from tinysight.models.released import environment_or, open_released, released

    return open_released(released(meant), environment_or(settings), progress)
