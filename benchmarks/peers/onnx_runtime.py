"""ONNX Runtime: the graph with folded batch norm, all graph optimisations; int8 by ``quantize_static`` in QDQ form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peers.material import Material
from tinysight.benchmark import Contender

NAME = "ONNX Runtime"
PACKAGES = ("onnx", "onnxruntime")
VARIANTS = {
    "float32": "all graph optimisations (its blocked NCHWc layout)",
    "int8 default": "quantize_static as it comes: QDQ, s8 activations, s8 weights with one scale a layer, min-max",
    "int8 per_channel": "u8 activations, s8 weights with one scale a channel",
    "int8 reduce_range": "the same in 7-bit weights, which do not saturate",
    "int8 u8u8": "u8 activations, u8 weights with one scale a channel: does not saturate either, other kernels",
}
# Tried and worse: calibration by percentile or entropy, symmetric activations, first and last layer left out.
_OPTIONS: dict[str, dict[str, Any]] = {
    "int8 default": {},
    "int8 per_channel": {"per_channel": True, "activation_type": "QUInt8"},
    "int8 reduce_range": {"per_channel": True, "activation_type": "QUInt8", "reduce_range": True},
    "int8 u8u8": {"per_channel": True, "activation_type": "QUInt8", "weight_type": "QUInt8"},
}


def quantized(material: Material, variant: str) -> Path:
    """Return the path of an int8 model, made now if it is not kept yet."""

    def make(path: Path) -> None:
        from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        class Reader(CalibrationDataReader):
            def __init__(self) -> None:
                self.left = iter(material.calibration)

            def get_next(self) -> Any:
                image = next(self.left, None)
                return None if image is None else {"planes": material.planes(image[None])}

        prepared = path.with_name("prepared.onnx")
        quant_pre_process(str(material.onnx_planes()), str(prepared))
        options = {
            key: QuantType[value] if key.endswith("_type") else value for key, value in _OPTIONS[variant].items()
        }
        quantize_static(str(prepared), str(path), Reader(), **options)

    return material.kept(f"{variant}.onnx".replace(" ", "-"), make, calibrated=True)


def contender(material: Material, variant: str, threads: int) -> Contender:
    """Open a session; the input lies in planes already."""
    import onnxruntime

    path = material.onnx_planes() if variant == "float32" else quantized(material, variant)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    wanted = [session.get_outputs()[0].name]

    def run(planes: Any) -> Any:
        return session.run(wanted, {"planes": planes})[0]

    return Contender(NAME, variant, threads, run, material.planes, VARIANTS[variant])
