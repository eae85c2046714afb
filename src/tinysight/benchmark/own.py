"""Our own engines as contenders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.benchmark.contender import Contender
from tinysight.checkpoint import Checkpoint
from tinysight.engines import Engine, open_engine
from tinysight.errors import EngineError, StoreError, TinysightError, UsageError, printable

PRECISIONS = ("float32", "int16", "int8")


class Opened(NamedTuple):
    """A model in several kinds of arithmetic: checkpoint by precision, and the reasons why others are missing."""

    checkpoints: dict[str, Checkpoint]
    missing: tuple[str, ...]


def open_precisions(open_one: Callable[[str], Checkpoint], wanted: Sequence[str] | None) -> Opened:
    """Open a model in several kinds of arithmetic; they may lie in different files.

    Args:
        open_one: from a precision to the checkpoint that holds it.
        wanted: which; None for all that can be had.

    Raises:
        TinysightError: one that is wanted cannot be had, or none of them all.
    """
    unknown = [name for name in wanted or () if name not in PRECISIONS]
    if unknown:
        raise UsageError(f"precision must be one of {', '.join(PRECISIONS)}, received {printable(unknown[0])!r}")
    checkpoints: dict[str, Checkpoint] = {}
    problems: list[TinysightError] = []
    for precision in wanted or PRECISIONS:
        try:
            checkpoint = open_one(precision)
            if precision not in checkpoint.precisions:
                held = ", ".join(checkpoint.precisions)
                raise EngineError(f"model {checkpoint.card.name} holds {held}, not {precision}")
        except (EngineError, StoreError) as error:
            if wanted:
                raise
            problems.append(error)
            continue
        checkpoints[precision] = checkpoint
    if not checkpoints:
        raise problems[-1]
    return Opened(checkpoints, tuple(map(str, problems)))


def own_contender(
    checkpoint: Checkpoint,
    engine_name: str = "auto",
    precision: str = "auto",
    threads: int | None = 1,
    isa: str | None = None,
) -> Contender:
    """Open one of our engines for timing.

    Args:
        checkpoint: weights and card of a network with a head.
        engine_name: as ``open_engine`` takes it.
        precision: likewise.
        threads: for one batch; the reference engine does not take it, and its contender says None.
        isa: instruction set of the native engine; None takes the best.

    Raises:
        UsageError, EngineError: as ``open_engine``; a network without a head.
    """
    if not checkpoint.card.spec.include_top:
        raise UsageError(f"model {checkpoint.card.name} has no head; a benchmark compares answers, so it needs one")
    chosen = isa if engine_name in ("auto", "native") else None
    engine = open_engine(checkpoint, engine_name, precision, threads=threads, isa=chosen)
    fixed = None if engine.name == "reference" else threads
    return Contender(engine.name, engine.precision, fixed, _runner(engine), details=getattr(engine, "isa", ""))


def _runner(engine: Engine) -> Callable[[NDArray[np.uint8]], NDArray[np.float32] | None]:
    def run(images: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        return engine.run(images).logits

    return run


def own_contenders(
    checkpoints: dict[str, Checkpoint], engines: Sequence[str], threads: Sequence[int], isa: str | None = None
) -> list[Contender]:
    """Open every combination of engine, precision and threads.

    Args:
        checkpoints: by precision.
        engines: names as ``open_engine`` takes them. Where an engine lacks one of several precisions, that is left out.
        threads: numbers of them. What differs in nothing (the reference engine's threads) is opened once.
        isa: instruction set of the native engine.

    Raises:
        TinysightError: an engine that runs none of the precisions.
    """
    found: dict[str, Contender] = {}
    for engine in engines:
        problem: TinysightError | None = None
        before = len(found)
        for precision, checkpoint in checkpoints.items():
            for count in threads:
                try:
                    contender = own_contender(checkpoint, engine, precision, count, isa)
                except EngineError as error:
                    problem = error
                    continue
                found.setdefault(contender.label, contender)
        if problem is not None and len(found) == before:
            raise problem
    return list(found.values())
