"""Which engine runs a model, in which precision: decided before anything is opened."""

from __future__ import annotations

import logging
from typing import Literal, NamedTuple, get_args

from tinysight.checkpoint import Checkpoint
from tinysight.checkpoint.integers import LARGEST_PIXEL, stem_limit
from tinysight.errors import EngineError, MissingExtraError, TinysightError, UsageError, printable

EngineName = Literal["auto", "native", "onnx", "reference"]
Precision = Literal["auto", "float32", "int16", "int8"]

_log = logging.getLogger("tinysight")


class Choice(NamedTuple):
    """An engine and what it computes in."""

    engine: str
    precision: str


def order(checkpoint: Checkpoint) -> list[Choice]:
    """Return every way to run a model, the best first; ``auto`` takes the first that this machine has.

    1. ``native``, in the fastest precision that the file holds: int8, int16, float32;
    2. ``onnx`` in float32, the only thing that it computes in;
    3. ``reference`` in float32, then in int8, then in int16: NumPy counts whole numbers no faster than others.
    """
    held = checkpoint.precisions
    floats = [precision for precision in held if precision == "float32"]
    whole = [precision for precision in held if precision != "float32"]
    ways = [Choice("native", precision) for precision in held]
    ways += [Choice("onnx", precision) for precision in floats]
    return ways + [Choice("reference", precision) for precision in (*floats, *whole)]


def obstacle(choice: Choice, checkpoint: Checkpoint) -> TinysightError | None:
    """Say why an engine cannot run this model here, None where it can."""
    if choice.engine == "onnx":
        from tinysight.engines.onnx import is_installed

        return None if is_installed() else MissingExtraError("onnxruntime", "onnx")
    if choice.engine == "native":
        from tinysight.engines.native import is_built, supports

        if not is_built():
            return EngineError("this installation has no native engine: it was built without a C++ compiler")
        spec = checkpoint.card.spec
        if not supports(spec):
            return EngineError(f"the native engine runs depth_multiplier 1, received {spec.depth_multiplier}")
        value_range = checkpoint.card.recipe.value_range
        if choice.precision != "float32" and stem_limit(value_range) > LARGEST_PIXEL:
            return EngineError(f"engine native does not hold pictures in the range {value_range} in {choice.precision}")
    return None


def _refuse(checkpoint: Checkpoint, name: str, precision: str) -> EngineError:
    """Say which precisions the file holds, and how to come by another."""
    held = checkpoint.precisions
    model = printable(checkpoint.card.name, 80)
    if precision in ("auto", *held):
        wanted = "float32" if precision == "auto" else f"float32, not {precision}"
        return EngineError(f"engine {name} computes in {wanted}; the file of model {model} holds {', '.join(held)}")
    remedy = (
        "make one that does with: tinysight quantize"
        if precision == "int8"
        else "open the file with the float32 weights that it was made from"
    )
    return EngineError(f"the file of model {model} holds {', '.join(held) or 'nothing'}, not {precision}; {remedy}")


def choose(checkpoint: Checkpoint, name: str = "auto", precision: str = "auto") -> Choice:
    """Decide which engine runs a model, in which precision.

    Args:
        checkpoint: what is to be run.
        name: an engine, or ``auto``: the first in ``order`` that can.
        precision: one that the file holds, or ``auto``: the first in ``order`` that the engine can.

    Raises:
        UsageError: an unknown engine or precision.
        EngineError: a precision that the file does not hold, or an engine that is not there or does not run it.
        MissingExtraError: engine ``onnx``, and ONNX Runtime is not installed.
    """
    for what, value, known in (("engine", name, EngineName), ("precision", precision, Precision)):
        if value not in get_args(known):
            raise UsageError(f"{what} must be one of {', '.join(get_args(known))}, received {value!r}")
    asked = [way for way in order(checkpoint) if name in ("auto", way.engine) and precision in ("auto", way.precision)]
    problem = None
    for way in asked:
        problem = obstacle(way, checkpoint)
        if problem is None:
            return way
        _log.debug("not %s in %s: %s", *way, problem)
    raise problem or _refuse(checkpoint, name, precision)
