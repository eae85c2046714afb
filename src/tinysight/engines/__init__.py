"""Engines turn pictures into logits; all of them give the same answer.

``open_engine`` is the only way in: it picks one, and lets the model check itself on its probes before it is used.
"""

from __future__ import annotations

import logging
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint, Probe
from tinysight.engines.choice import Choice, EngineName, Precision, choose
from tinysight.engines.output import Output
from tinysight.errors import EngineError
from tinysight.spec import Spec

# Largest allowed difference from a probe's stored output, as a share of the output's largest magnitude (or of 1).
# Float32 sums in another order differ by about 1e-6; a wrong stride, padding side or epsilon by far more than 1e-3.
# int8 is compared with outputs of its own, which every engine gives to the bit but for the last addition; int16 with
# the float32 outputs: 0.0035 for the real weights, 0.0011 at most in 14 random networks.
PROBE_TOLERANCE = {"float32": 1e-3, "int16": 2e-2, "int8": 1e-4}

_log = logging.getLogger("tinysight")

__all__ = [
    "Choice",
    "Engine",
    "EngineName",
    "Output",
    "Precision",
    "check_probe",
    "check_probes",
    "choose",
    "open_engine",
]


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


def check_probe(engine: Engine, probe: Probe, stored: NDArray[np.float32] | None = None) -> float:
    """Run one probe and return its largest difference from the stored output.

    Args:
        engine: what is to be checked.
        probe: the input.
        stored: the output that it must give, float32 ``(outputs,)``; None takes the probe's own.

    Returns:
        The difference as a share of the output's largest magnitude, or of 1 where that is smaller.

    Raises:
        EngineError: more than ``PROBE_TOLERANCE``, or an output of another size.
    """
    wanted = probe.output if stored is None else stored
    output = engine.run(probe.enlarged(engine.spec.resolution)[None])
    given = output.embedding[0] if output.logits is None else output.logits[0]
    if given.shape != wanted.shape:
        raise EngineError(f"the model's probe has {wanted.size} outputs, the engine gives {given.size}")
    difference = float(np.abs(given - wanted).max() / max(1.0, float(np.abs(wanted).max())))
    allowed = PROBE_TOLERANCE[engine.precision]
    if not difference <= allowed:
        raise EngineError(
            f"engine {engine.name} ({engine.precision}) fails the model's own probe: outputs differ by "
            f"{difference:.2g}, allowed {allowed:.2g}; the weights do not belong to the card"
        )
    return difference


def check_probes(engine: Engine, checkpoint: Checkpoint, limit: int | None = None) -> float:
    """Run a model's probes and return the largest difference, 0 for a model without any.

    Args:
        engine: runs the model; in int8 its outputs are compared with ``integers.probe_outputs``.
        checkpoint: the model.
        limit: how many probes at most; None runs all.

    Raises:
        EngineError: as ``check_probe``.
    """
    probes = checkpoint.card.probes[:limit]
    own = checkpoint.integers.probe_outputs if engine.precision == "int8" and checkpoint.integers else None
    stored = [probe.output for probe in probes] if own is None else list(own[: len(probes)])
    return max((check_probe(engine, *pair) for pair in zip(probes, stored, strict=True)), default=0.0)


def open_engine(
    checkpoint: Checkpoint,
    name: str = "auto",
    precision: str = "auto",
    *,
    threads: int | None = None,
    isa: str | None = None,
) -> Engine:
    """Open a model for inference. Which engine was taken, and why none before it, is logged to ``tinysight`` at DEBUG.

    ``choice.order`` is the order of ``auto``: native in the fastest precision that the file holds, then ONNX Runtime
    in float32, then NumPy.

    Args:
        checkpoint: weights and card.
        name: ``auto`` or an engine's name: ``native``, ``onnx``, ``reference``.
        precision: ``auto`` or one that the file holds: ``float32``, ``int16``, ``int8``.
        threads: of the engine for one picture; None lets it choose. NumPy's threads are NumPy's own.
        isa: instruction set of the native engine; None takes the best that the processor has.

    Raises:
        UsageError: an unknown engine, precision, number of threads or instruction set.
        EngineError: a precision that the file does not hold, an engine that is not there or does not run this network,
            whole numbers whose sums could overflow, or the model's first probe gives another output than the file says.
        MissingExtraError: engine ``onnx``, and ONNX Runtime is not installed.
    """
    choice = choose(checkpoint, name, precision)
    if isa is not None and choice.engine != "native":
        raise EngineError(f"instruction set {isa} was asked for, which engine {choice.engine} does not choose by")
    engine: Engine
    if choice.engine == "native":
        from tinysight.engines.native import NativeEngine

        engine = native = NativeEngine(checkpoint, threads, isa, choice.precision)
        _log.debug("engine native, %s, %d threads, %s, for %s", native.isa, native.threads, *_named(choice, checkpoint))
    elif choice.engine == "onnx":
        from tinysight.engines.onnx import OnnxEngine

        engine = OnnxEngine(checkpoint, threads)
        _log.debug("engine onnx, %s, for %s", *_named(choice, checkpoint))
    else:
        engine = _reference(checkpoint, choice.precision)
        _log.debug("engine reference, %s, for %s", *_named(choice, checkpoint))
    check_probes(engine, checkpoint, limit=1)
    return engine


def _named(choice: Choice, checkpoint: Checkpoint) -> tuple[str, str]:
    return choice.precision, checkpoint.card.name


def _reference(checkpoint: Checkpoint, precision: str) -> Engine:
    """Open a model in NumPy."""
    if precision == "float32":
        from tinysight.engines.reference import ReferenceEngine

        return ReferenceEngine(checkpoint)
    from tinysight.engines.overflow import check_sums
    from tinysight.engines.reference_integer import IntegerReferenceEngine
    from tinysight.quantize.int16 import quantize_int16

    card = checkpoint.card
    integers = quantize_int16(card.spec, checkpoint.arrays, card.recipe) if precision == "int16" else None
    integers = integers or checkpoint.integers
    assert integers is not None  # choose() has seen to it
    check_sums(card.spec, card.recipe, integers)
    return IntegerReferenceEngine(card, integers)
