"""The network in C++: layers fused in pairs, weights packed once, kernels chosen for the processor at run time."""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint
from tinysight.engines.output import Output, check_images
from tinysight.errors import EngineError, UsageError
from tinysight.fold import Folded, fold
from tinysight.preprocess.scale import scale
from tinysight.spec import Layer, Spec, layers

MAX_THREADS = 64


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
    """Runs any ``Spec`` with depth_multiplier 1 in float32. Safe to call from many threads.

    The sums of one output value always run in the same order, so that one thread, several threads and batches give the
    same bits.

    Args:
        checkpoint: weights and card.
        threads: for one picture, 1..64; None takes ``default_threads()``.
        isa: instruction set, one of ``available_isas()``; None takes the best.

    Raises:
        EngineError: a spec that it does not run.
        UsageError: threads out of range, or an instruction set that this processor does not have.
    """

    name = "native"
    precision = "float32"

    def __init__(self, checkpoint: Checkpoint, threads: int | None = None, isa: str | None = None) -> None:
        from tinysight import _native

        self.spec = checkpoint.card.spec
        if not supports(self.spec):
            raise EngineError(f"the native engine runs depth_multiplier 1, received {self.spec.depth_multiplier}")
        threads = default_threads() if threads is None else threads
        if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= MAX_THREADS:
            raise UsageError(f"threads must be a whole number from 1 to {MAX_THREADS}, received {threads!r}")
        if isa is not None and isa not in available_isas():
            raise UsageError(f"instruction set must be one of {', '.join(available_isas())}, received {isa!r}")
        levels = scale(np.arange(256, dtype=np.uint8), checkpoint.card.recipe.value_range)
        self._engine = _native.Engine(self.spec.resolution, threads, levels, isa or available_isas()[0])
        self._add_layers(fold(self.spec, checkpoint.arrays))
        last = next(layer for layer in layers(self.spec) if layer.kind == "pool")
        self._features_shape = last.input_shape

    def _add_layers(self, folded: dict[str, Folded]) -> None:
        depthwise: Layer | None = None
        for layer in layers(self.spec):
            if layer.kind == "pool":
                continue
            kernel, bias = (np.ascontiguousarray(part, np.float32) for part in folded[layer.name])
            if layer.kind == "stem":
                self._engine.set_stem(kernel, bias, *_geometry(layer))
            elif layer.kind == "depthwise":
                depthwise, depthwise_kernel, depthwise_bias = layer, kernel, bias
            elif layer.kind == "pointwise":
                assert depthwise is not None
                self._engine.add_block(depthwise_kernel, depthwise_bias, kernel, bias, *_geometry(depthwise))
            else:
                self._engine.set_head(kernel, bias)

    @property
    def isa(self) -> str:
        """The instruction set that runs, as the compiled part reports it."""
        return self._engine.isa

    @property
    def threads(self) -> int:
        """Threads that work on one picture."""
        return self._engine.threads

    def run(self, images: NDArray[np.generic]) -> Output:
        """Run pictures through the network.

        Args:
            images: ``(N, R, R, 3)`` with R the spec's resolution; uint8 pixels, or float32 in the recipe's range.

        Returns:
            Logits ``(N, num_classes)``, None without a head, and features ``(N, h, w, c)`` after block 13.

        Raises:
            EngineError: another shape or dtype, or a value that is not finite.
        """
        check_images(images, self.spec.resolution)
        classes = self.spec.num_classes if self.spec.include_top else 0
        logits = np.empty((len(images), classes), np.float32)
        features = np.empty((len(images), *self._features_shape), np.float32)
        run = self._engine.run_pixels if images.dtype == np.uint8 else self._engine.run_values
        run(np.ascontiguousarray(images), logits, features)
        return Output(logits if classes else None, features)


def _geometry(layer: Layer) -> tuple[int, int, int, int]:
    return layer.input_shape[0], layer.output_shape[0], layer.stride, layer.pad[0]
