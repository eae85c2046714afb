"""The network in C++: layers fused in pairs, weights packed once, kernels chosen for the processor at run time."""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint
from tinysight.checkpoint.integers import (
    LARGEST_PIXEL,
    MAX_ACTIVATION,
    POOL_UNITS,
    IntegerLayer,
    Integers,
    stem_limit,
    stem_offset,
    stem_step,
)
from tinysight.engines.output import Output, check_images
from tinysight.errors import EngineError, UsageError
from tinysight.spec import Layer, Spec, layers

if TYPE_CHECKING:
    from tinysight import _native

MAX_THREADS = 64
Numbers = tuple[NDArray[Any], NDArray[np.float32], NDArray[np.float32]]  # kernel, multiplier (or empty), addend
NOTHING = np.empty(0, np.float32)


def is_built() -> bool:
    """Whether this installation has the compiled part."""
    return importlib.util.find_spec("tinysight._native") is not None


def supports(spec: Spec) -> bool:
    """Whether the native engine runs this network: any but those with several depthwise outputs per channel."""
    return spec.depth_multiplier == 1


@lru_cache(maxsize=1)
def available_isas() -> tuple[str, ...]:
    """Instruction sets that this processor runs, best first; the last is always ``portable``."""
    from tinysight import _native

    return tuple(_native.available())


def default_threads() -> int:
    """Processors that this process may use, at most four: a network this small gains little from more."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, processors)


class NativeEngine:
    """Runs any ``Spec`` with depth_multiplier 1. Safe to call from many threads.

    The sums of one output value always run in the same order, so that one thread, several threads and batches give the
    same bits; in the integer precisions, where sums are exact, all instruction sets do as well.

    Args:
        checkpoint: weights and card.
        threads: for one picture, 1..64; None takes ``default_threads()``.
        isa: instruction set, one of ``available_isas()``; None takes the best.
        precision: ``float32`` or ``int16`` (both need the float arrays), or ``int8`` (needs the int8 ones).

    Raises:
        EngineError: a spec that it does not run, arrays that are not there, or whole numbers whose sums could overflow.
        UsageError: threads out of range, or an instruction set that this processor does not have.
    """

    name = "native"

    def __init__(
        self,
        checkpoint: Checkpoint,
        threads: int | None = None,
        isa: str | None = None,
        precision: str = "float32",
    ) -> None:
        self.spec = checkpoint.card.spec
        self.precision = precision
        if not supports(self.spec):
            raise EngineError(f"the native engine runs depth_multiplier 1, received {self.spec.depth_multiplier}")
        threads = default_threads() if threads is None else threads
        if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= MAX_THREADS:
            raise UsageError(f"threads must be a whole number from 1 to {MAX_THREADS}, received {threads!r}")
        if isa is not None and isa not in available_isas():
            raise UsageError(f"instruction set must be one of {', '.join(available_isas())}, received {isa!r}")
        open_network = _open_float if precision == "float32" else _open_integer
        self._network = open_network(checkpoint, threads, isa or available_isas()[0], precision)
        last = next(layer for layer in layers(self.spec) if layer.kind == "pool")
        self._features_shape = last.input_shape

    @property
    def isa(self) -> str:
        """The instruction set that runs, as the compiled part reports it."""
        return self._network.isa

    @property
    def threads(self) -> int:
        """Threads that work on one picture."""
        return self._network.threads

    def run(self, images: NDArray[np.generic]) -> Output:
        """Run pictures through the network.

        Args:
            images: ``(N, R, R, 3)`` with R the spec's resolution; uint8 pixels, or float32 in the recipe's range (to
                which the integer precisions clip it).

        Returns:
            Logits ``(N, num_classes)``, None without a head, and features ``(N, h, w, c)`` after block 13.

        Raises:
            EngineError: another shape or dtype, or a value that is not finite.
        """
        check_images(images, self.spec.resolution)
        logits = self._logits(len(images))
        features = np.empty((len(images), *self._features_shape), np.float32)
        run = self._network.run_pixels if images.dtype == np.uint8 else self._network.run_values
        run(np.ascontiguousarray(images), logits, features)
        return Output(logits if self.spec.include_top else None, features)

    def stage_nanoseconds(self, images: NDArray[np.uint8]) -> dict[str, int]:
        """Measure where the time goes: nanoseconds of ``conv1``, of each ``block_B`` and of the ``head``, in all.

        Args:
            images: uint8 ``(N, R, R, 3)``.

        Raises:
            EngineError: another shape or dtype.
        """
        check_images(images, self.spec.resolution)
        times = self._network.stage_nanoseconds(np.ascontiguousarray(images), self._logits(len(images)))
        names = ["conv1", *(f"block_{block}" for block in range(1, len(times) - 1)), "head"]
        return dict(zip(names, times, strict=True))

    def _logits(self, count: int) -> NDArray[np.float32]:
        return np.empty((count, self.spec.num_classes if self.spec.include_top else 0), np.float32)


def _open_float(checkpoint: Checkpoint, threads: int, isa: str, precision: str) -> _native.Float32:
    from tinysight import _native
    from tinysight.fold import fold

    spec = checkpoint.card.spec
    _need(checkpoint.arrays, precision)
    low, high = checkpoint.card.recipe.value_range
    network = _native.Float32(spec.resolution, threads, isa, float(np.float32(255 / (high - low))), float(low))
    numbers: dict[str, Numbers] = {}
    for name, (kernel, bias) in fold(spec, checkpoint.arrays).items():
        numbers[name] = np.ascontiguousarray(kernel, np.float32), NOTHING, np.ascontiguousarray(bias, np.float32)
    _add_layers(network, spec, numbers)
    network.finish(NOTHING)
    return network


def _open_integer(checkpoint: Checkpoint, threads: int, isa: str, precision: str) -> _native.Int16 | _native.Int8:
    from tinysight import _native

    spec, value_range = checkpoint.card.spec, checkpoint.card.recipe.value_range
    integers = _integers(checkpoint, precision)
    offset, highest = stem_offset(value_range), MAX_ACTIVATION[precision]
    if stem_limit(value_range) > LARGEST_PIXEL:
        raise EngineError(f"precision {precision} does not hold pictures in the range {value_range}; use float32")
    make = _native.Int16 if precision == "int16" else _native.Int8
    units = float(np.float32(1 / stem_step(value_range)))
    network = make(spec.resolution, threads, isa, offset, units, highest, float(POOL_UNITS[precision]))
    numbers = {name: _numbers(name, layer) for name, layer in integers.layers.items()}
    try:
        _add_layers(network, spec, numbers)
    except OverflowError as error:
        raise EngineError(f"the model's {precision} weights are not safe: {error}") from None
    last = next(layer.step for layer in reversed(list(integers.layers.values())) if layer.step is not None)
    outputs = layers(spec)[-1].input_shape[2]
    if last.shape != (outputs,):
        raise EngineError(f"the last layer before the pool has steps {last.shape}, the spec says {(outputs,)}")
    network.finish(np.ascontiguousarray(last))
    return network


def _integers(checkpoint: Checkpoint, precision: str) -> Integers:
    if precision == "int16":
        from tinysight.quantize import quantize_int16

        _need(checkpoint.arrays, precision)
        return quantize_int16(checkpoint.card.spec, checkpoint.arrays, checkpoint.card.recipe)
    if precision != "int8":
        raise UsageError(f"precision must be float32, int16 or int8, received {precision!r}")
    if checkpoint.integers is None:
        raise EngineError("the model file holds no int8 arrays; make them with: tinysight quantize")
    return checkpoint.integers


def _need(arrays: dict[str, NDArray[np.float32]], precision: str) -> None:
    if not arrays:
        raise EngineError(f"the model file holds no float32 arrays, which precision {precision} is made from")


def _numbers(name: str, layer: IntegerLayer) -> Numbers:
    """A layer as the compiled part takes it; the head's products are 16 bits wide in both precisions."""
    multiplier, addend = layer.multiplier, layer.addend
    if not (np.isfinite(multiplier).all() and np.isfinite(addend).all()):
        raise EngineError(f"layer {name}: scale or bias divided by step is not finite")
    kernel = layer.kernel.astype(np.int16) if layer.step is None else layer.kernel
    return np.ascontiguousarray(kernel), np.ascontiguousarray(multiplier), np.ascontiguousarray(addend)


def _add_layers(network: Any, spec: Spec, numbers: dict[str, Numbers]) -> None:
    """Hand all layers over, a depthwise one together with its pointwise one."""
    depthwise: Layer | None = None
    for layer in layers(spec):
        if layer.kind != "pool":
            _check_shapes(layer, numbers[layer.name])
        if layer.kind == "stem":
            network.set_stem(*numbers[layer.name], *_geometry(layer))
        elif layer.kind == "depthwise":
            depthwise = layer
        elif layer.kind == "pointwise":
            assert depthwise is not None
            network.add_block(*numbers[depthwise.name], *numbers[layer.name], *_geometry(depthwise))
        elif layer.kind == "head":
            network.set_head(*numbers[layer.name])


def _check_shapes(layer: Layer, numbers: Numbers) -> None:
    """Refuse what a file could not hold but a ``Checkpoint`` made in Python can: the compiled part trusts sizes."""
    kernel, *channels = numbers
    if kernel.shape != layer.weight_shape:
        raise EngineError(f"layer {layer.name} has a kernel {kernel.shape}, the spec says {layer.weight_shape}")
    for values in channels:
        if values is not NOTHING and values.shape != (layer.output_shape[2],):
            raise EngineError(
                f"layer {layer.name} has scales or biases {values.shape}, the spec says {(layer.output_shape[2],)}"
            )


def _geometry(layer: Layer) -> tuple[int, int, int, int]:
    return layer.input_shape[0], layer.output_shape[0], layer.stride, layer.pad[0]
