"""OpenVINO: the same graph, latency hint, all arithmetic in float32 unless quantised; int8 by NNCF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peers.material import Material
from tinysight.benchmark import Contender

NAME = "OpenVINO"
PACKAGES = ("openvino", "nncf", "onnx")
VARIANTS = {
    "float32": "latency hint, one stream, arithmetic held to float32",
    "int8 default": "nncf.quantize as it comes",
    # The mixed preset and exact bias correction were tried and are not better.
    "int8 overflow_fix": "the same with overflow_fix for all layers: 7-bit weights, which do not saturate",
}


def _quantized(material: Material, variant: str) -> Path:
    def make(path: Path) -> None:
        import nncf
        import openvino
        from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, OverflowFix

        options: dict[str, Any] = {}
        if variant != "int8 default":
            options["advanced_parameters"] = AdvancedQuantizationParameters(overflow_fix=OverflowFix.ENABLE)
        model = openvino.Core().read_model(material.onnx_planes())
        dataset = nncf.Dataset([material.planes(image[None]) for image in material.calibration])
        quantized = nncf.quantize(model, dataset, subset_size=len(material.calibration), **options)
        openvino.save_model(quantized, path, compress_to_fp16=False)
        path.with_suffix(".bin").rename(path.with_name(path.name.removeprefix("making-")).with_suffix(".bin"))

    return material.kept(f"{variant}.xml".replace(" ", "-"), make, calibrated=True)


_beside_others = False


def beside_others() -> None:
    """Say that there will be several sessions at once: each would be bound to the same processor."""
    global _beside_others
    _beside_others = True


def contender(material: Material, variant: str, threads: int) -> Contender:
    """Compile the model; the input lies in planes already."""
    import openvino

    path = material.onnx_planes() if variant == "float32" else _quantized(material, variant)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",  # with AMX it would take bfloat16 of its own accord
    }
    if _beside_others:
        settings["ENABLE_CPU_PINNING"] = False
    compiled = openvino.Core().compile_model(openvino.Core().read_model(path), "CPU", settings)
    request = compiled.create_infer_request()

    def run(planes: Any) -> Any:
        return request.infer(planes, share_inputs=True, share_outputs=True)[0]

    return Contender(NAME, variant, threads, run, material.planes, VARIANTS[variant])
