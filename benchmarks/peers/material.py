"""What every peer gets: our numbers, calibration pictures, and a folder that keeps converted models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint, arrays_sha256
from tinysight.onnx_graph import onnx_model
from tinysight.preprocess import scale

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class Material:
    """One model and the pictures to calibrate it on.

    Args:
        checkpoint: with float32 arrays.
        calibration: uint8 ``(N, R, R, 3)``.
        work: folder for converted models, which are kept by what they were made from.
        tensorflow: a Python that has TensorFlow, to write LiteRT's files; None where there is none.
    """

    checkpoint: Checkpoint
    calibration: NDArray[np.uint8]
    work: Path
    tensorflow: str | None = None

    def values(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Scale pixels into the range of the weights: float32 ``(N, R, R, 3)``."""
        return scale(images, self.checkpoint.card.recipe.value_range)

    def planes(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The same as ``(N, 3, R, R)``."""
        return self.values(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))

    def kept(self, name: str, make: Callable[[Path], None], *, calibrated: bool = False) -> Path:
        """Return the path of a converted model, made now if it is not there.

        Args:
            name: of the file; it must change when the settings do.
            make: writes it.
            calibrated: whether it depends on the calibration pictures.
        """
        digest = hashlib.sha256(arrays_sha256(self.checkpoint.arrays).encode())
        if calibrated:
            digest.update(self.calibration.tobytes())
        path = self.work / digest.hexdigest()[:12] / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            half = path.with_name(f"making-{name}")
            make(half)
            half.rename(path)
        return path

    def onnx_planes(self) -> Path:
        """The float model with planes (1, 3, R, R) as input: the layout that ONNX's runtimes work in."""
        return self.kept("planes.onnx", self._write_planes)

    def _write_planes(self, path: Path) -> None:
        import onnx

        card = self.checkpoint.card
        model: ModelProto = onnx_model(card.spec, self.checkpoint.arrays, card.recipe.value_range, batch=1)
        first, given = model.graph.node[0], model.graph.input[0]
        assert (first.op_type, first.input[0]) == ("Transpose", given.name)
        side = card.spec.resolution
        planes = onnx.helper.make_tensor_value_info(first.output[0], onnx.TensorProto.FLOAT, [1, 3, side, side])
        del model.graph.node[0]
        given.CopyFrom(planes)
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())
