"""ONNX Runtime on the graph that ``onnx_graph`` writes, for machines where it is the better choice."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint
from tinysight.engines.native import MAX_THREADS, default_threads
from tinysight.engines.output import Output, network_input
from tinysight.errors import EngineError, MissingExtraError, UsageError, printable
from tinysight.onnx_graph import onnx_model
from tinysight.spec import layers

# From 1.29 on, importing the package starts a thread that sends usage data, and writes an identifier of the machine to
# the user's cache; only this variable, set before the import, keeps it from starting (docs/Privacy.md there).
TELEMETRY_SWITCH = "ORT_DISABLE_TELEMETRY"
FATAL = 4  # of the levels of ONNX Runtime's log: what goes wrong is raised, and nothing is printed as well
# How long an idle thread waits actively for more work. Without it two threads take 15 % longer on an idle machine; with
# ONNX Runtime's own 25 ms they take twice as long beside a busy program, from which each run takes a processor as well.
SPIN_US = 100

_importing = threading.Lock()


def is_installed() -> bool:
    """Whether the packages of the extra ``onnx`` are there; imports neither."""
    return all(importlib.util.find_spec(package) is not None for package in ("onnx", "onnxruntime"))


def import_onnxruntime() -> Any:
    """Import ONNX Runtime with its telemetry off; the environment is afterwards as it was before.

    A program that has imported it already has let it start; it is told to send no more then.

    Raises:
        MissingExtraError: it is not installed.
    """
    with _importing:
        changed = "onnxruntime" not in sys.modules
        before = os.environ.get(TELEMETRY_SWITCH)
        if changed:
            os.environ[TELEMETRY_SWITCH] = "1"
        try:
            import onnxruntime
        except ImportError:
            raise MissingExtraError("onnxruntime", "onnx") from None
        finally:
            if changed and before is None:
                del os.environ[TELEMETRY_SWITCH]
            elif changed and before is not None:
                os.environ[TELEMETRY_SWITCH] = before
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def open_session(onnxruntime: Any, model: bytes, threads: int) -> Any:
    """Open a model's bytes on the processor, with as many threads for one run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = FATAL
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(SPIN_US))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class OnnxEngine:
    """Runs any ``Spec`` in float32. Safe to call from many threads.

    Pictures are run one by one, so that an answer does not depend on its neighbours and memory not on their number;
    together they would take as long.

    Args:
        checkpoint: weights and card.
        threads: for one picture, 1..64; None takes as many as the native engine would.

    Raises:
        EngineError: a checkpoint without float32 arrays, or a network that ONNX Runtime does not open.
        UsageError: threads out of range, or arrays of more than 2 GiB.
        MissingExtraError: the extra ``onnx`` is not installed.
    """

    name = "onnx"
    precision = "float32"

    def __init__(self, checkpoint: Checkpoint, threads: int | None = None) -> None:
        self.spec = checkpoint.card.spec
        self.threads = default_threads() if threads is None else threads
        if isinstance(threads, bool) or not isinstance(self.threads, int) or not 1 <= self.threads <= MAX_THREADS:
            raise UsageError(f"threads must be a whole number from 1 to {MAX_THREADS}, received {threads!r}")
        if not checkpoint.arrays:
            raise EngineError("the onnx engine needs float32 arrays, and this model holds integer ones only")
        self._value_range = checkpoint.card.recipe.value_range
        onnxruntime = import_onnxruntime()
        model = onnx_model(self.spec, checkpoint.arrays, self._value_range, features=True, batch=1)
        try:
            self._session = open_session(onnxruntime, model.SerializeToString(), self.threads)
        except Exception as error:  # its exceptions have no common base of their own
            raise EngineError(f"ONNX Runtime does not open this network: {printable(str(error))}") from error
        self._features_shape = next(layer for layer in layers(self.spec) if layer.kind == "pool").input_shape

    def run(self, images: NDArray[np.generic]) -> Output:
        """Run pictures through the network.

        Args:
            images: ``(N, R, R, 3)`` with R the spec's resolution; uint8 pixels, or float32 in the recipe's range.

        Returns:
            Logits ``(N, num_classes)``, None without a head, and features ``(N, h, w, c)`` after block 13.

        Raises:
            EngineError: another shape or dtype, a value that is not finite, or a failure within ONNX Runtime.
        """
        values = np.ascontiguousarray(network_input(images, self.spec.resolution, self._value_range))
        classes = self.spec.num_classes if self.spec.include_top else 0
        logits = np.empty((len(values), classes), np.float32)
        features = np.empty((len(values), *self._features_shape), np.float32)
        names = ["features", "logits"] if classes else ["features"]
        for index in range(len(values)):
            try:
                outputs = self._session.run(names, {"images": values[index : index + 1]})
            except Exception as error:
                raise EngineError(f"ONNX Runtime failed: {printable(str(error))}") from error
            features[index] = outputs[0][0]
            if classes:
                logits[index] = outputs[1][0]
        return Output(logits if classes else None, features)
