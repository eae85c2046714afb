"""Engines turn pictures into logits; all of them give the same answer.

``open_engine`` is the only way in: it picks one, and lets the model check itself on its probes before it is used.
"""

from __future__ import annotations

import logging
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint, Probe
from tinysight.engines.output import Output
from tinysight.errors import EngineError, UsageError
from tinysight.spec import Spec

EngineName = Literal["auto", "native", "reference"]
Precision = Literal["auto", "float32"]
# Largest allowed difference from a probe's stored output, as a share of the output's largest magnitude (or of 1).
# Float32 sums in another order differ by about 1e-6; a wrong stride, padding side or epsilon by far more than 1e-3.
PROBE_TOLERANCE = {"float32": 1e-3}

_log = logging.getLogger("tinysight")

__all__ = ["Engine", "EngineName", "Output", "Precision", "check_probe", "open_engine"]


class Engine(Protocol):
    """Turns pictures into logits and features.

    ``run`` takes ``(N, R, R, 3)`` with R the spec's resolution, uint8 pixels or float32 in the recipe's range, and may
    be called from many threads.
    """

    @property
    def name(self) -> str:
        """Which implementation, for example ``reference``."""

    @property
    def precision(self) -> str:
        """Arithmetic it computes in, for example ``float32``."""

    @property
    def spec(self) -> Spec:
        """The network it runs."""

    def run(self, images: NDArray[np.generic]) -> Output:
        """Return logits and features of N pictures."""


def check_probe(engine: Engine, probe: Probe) -> float:
    """Run one probe and return its largest difference from the stored output.

    Returns:
        The difference as a share of the output's largest magnitude, or of 1 where that is smaller.

    Raises:
        EngineError: more than ``PROBE_TOLERANCE``, or an output of another size.
    """
    output = engine.run(probe.enlarged(engine.spec.resolution)[None])
    given = output.embedding[0] if output.logits is None else output.logits[0]
    if given.shape != probe.output.shape:
        raise EngineError(f"the model's probe has {probe.output.size} outputs, the engine gives {given.size}")
    difference = float(np.abs(given - probe.output).max() / max(1.0, float(np.abs(probe.output).max())))
    allowed = PROBE_TOLERANCE[engine.precision]
    if not difference <= allowed:
        raise EngineError(
            f"engine {engine.name} ({engine.precision}) fails the model's own probe: outputs differ by "
            f"{difference:.2g}, allowed {allowed:.2g}; the weights do not belong to the card"
        )
    return difference


def _choose(name: str, spec: Spec) -> str:
    """Decide which engine runs a network.

    ``auto`` takes ``native`` where this installation has its compiled part and it runs the spec, else ``reference``.
    """
    from tinysight.engines.native import is_built, supports

    if name not in get_args(EngineName):
        raise UsageError(f"engine must be one of {', '.join(get_args(EngineName))}, received {name!r}")
    if name == "native" and not is_built():
        raise EngineError("this installation has no native engine: it was built without a C++ compiler")
    if name != "auto":
        return name
    return "native" if is_built() and supports(spec) else "reference"


def open_engine(
    checkpoint: Checkpoint,
    name: str = "auto",
    precision: str = "auto",
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> Engine:
    """Open a model for inference. Which engine was taken is logged to ``tinysight`` at level DEBUG.

    Args:
        checkpoint: weights and card.
        name: ``auto`` (the fastest there is) or an engine's name.
        precision: ``auto`` (the fastest that the checkpoint holds) or ``float32``.
        threads: of the native engine for one picture; None lets it choose. NumPy's threads are NumPy's own.
        isa: instruction set of the native engine; None takes the best that the processor has.

    Raises:
        UsageError: an unknown engine, precision, number of threads or instruction set.
        EngineError: an engine that is not there or does not run this network, or the model's first probe gives another
            output than the card says.
    """
    if precision not in get_args(Precision):
        raise UsageError(f"precision must be one of {', '.join(get_args(Precision))}, received {precision!r}")
    engine: Engine
    if _choose(name, checkpoint.card.spec) == "native":
        from tinysight.engines.native import NativeEngine

        engine = NativeEngine(checkpoint, threads, isa)
        _log.debug("engine native, %s, %d threads, for %s", engine.isa, engine.threads, checkpoint.card.name)
    else:
        from tinysight.engines.reference import ReferenceEngine

        engine = ReferenceEngine(checkpoint)
        _log.debug("engine reference for %s", checkpoint.card.name)
    for probe in checkpoint.card.probes[:1]:
        check_probe(engine, probe)
    return engine
