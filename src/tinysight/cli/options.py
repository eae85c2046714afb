"""Options that several verbs share."""

from __future__ import annotations

import gc
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tinysight.errors import UsageError, printable
from tinysight.spec import DEFAULT_MODEL

if TYPE_CHECKING:
    from tinysight.classify import Classifier
    from tinysight.store import Settings

model_option = click.option(
    "-m",
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="MODEL",
    help="Name of a released model, or path of a .safetensors model file.",
)
recipe_option = click.option(
    "--recipe",
    metavar="NAME",
    help="How pictures are prepared: center, center-87.5 or keras. Default: what the model's card says.",
)
precision_option = click.option(
    "--precision",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Arithmetic: auto, float32, int16 or int8. auto: the fastest that the model's file holds.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), help="Threads for one picture (TINYSIGHT_THREADS). Default: chosen."
)
offline_option = click.option(
    "--offline", is_flag=True, help="Open no connection; use only weights that are already here (TINYSIGHT_OFFLINE=1)."
)

NO_KERNELS = (
    "Note: no C++17 compiler worked when tinysight was installed, so NumPy does the work, many times slower. "
    "Install one (Debian: apt install g++), then tinysight again, with pip's --force-reinstall."
)


def settings(offline: bool) -> Settings:
    """Read where weights come from in the environment; ``--offline`` wins over it."""
    from dataclasses import replace

    from tinysight.store import Settings

    found = Settings.from_environment(os.environ)
    return replace(found, offline=True) if offline else found


def _environment_threads() -> int | None:
    text = os.environ.get("TINYSIGHT_THREADS", "")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 4:
        raise UsageError(f"TINYSIGHT_THREADS must be a whole number from 1 to 64, received {printable(text, 40)!r}")
    return int(text)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from looking through what is imported and opened, of which nothing is garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def start_no_blas_threads() -> None:
    """Keep NumPy, when it is imported, from starting threads: kernels of our own compute, but for rare networks."""
    if importlib.util.find_spec("tinysight._native") is not None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def place_in_team() -> tuple[int, int, int]:
    """Return (rank, size, rank on this machine) as torchrun tells its processes; (0, 1, 0) without it."""
    found = [os.environ.get(name, usual) for name, usual in (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))]
    if not all(text.isdecimal() and len(text) < 7 for text in found):
        raise UsageError(f"RANK, WORLD_SIZE and LOCAL_RANK must be whole numbers, received {printable(str(found), 80)}")
    rank, size, local = (int(text) for text in found)
    return rank, max(1, size), local


def say_where_kernels_are_missing() -> None:
    """Say on stderr that this installation has no kernels; an installer hides what it could not build."""
    from tinysight.engines.native import is_built

    if not is_built():
        click.echo(NO_KERNELS, err=True)


def open_classifier(
    model: str, recipe: str | None, precision: str, offline: bool, threads: int | None = None
) -> Classifier:
    """Open a model as the options and the environment say, with a progress bar where weights have to be fetched."""
    start_no_blas_threads()
    with _uncollected():
        from tinysight.classify import Classifier
        from tinysight.cli.output import progress_bar, stderr_is_terminal

        if stderr_is_terminal():
            say_where_kernels_are_missing()
        with progress_bar() as progress:
            return Classifier(
                model,
                recipe=recipe,
                precision=precision,
                threads=threads or _environment_threads(),
                isa=os.environ.get("TINYSIGHT_ISA") or None,
                settings=settings(offline),
                progress=progress,
            )
