"""LiteRT with XNNPACK: files written by TensorFlow's converter from a Keras model that holds our numbers."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from peers.material import Material
from tinysight.benchmark import Contender
from tinysight.fold import fold
from tinysight.spec import layers

NAME = "LiteRT"
PACKAGES = ("ai_edge_litert",)
VARIANTS = {
    "float32": "XNNPACK, batch norm folded",
    "int8 default": "XNNPACK, full integers: s8 activations and per-channel s8 weights, s8 input",
}
CONVERTER = Path(__file__).with_name("convert_tflite.py")


def _converted(material: Material, variant: str) -> Path:
    def make(path: Path) -> None:
        if material.tensorflow is None:
            raise FileNotFoundError("no .tflite file yet, and no --tensorflow PYTHON to write it")
        card, numbers = material.checkpoint.card, {}
        for name, (kernel, bias) in fold(card.spec, material.checkpoint.arrays).items():
            numbers |= {f"{name}.kernel": kernel, f"{name}.bias": bias}
        rows = [(row.name, row.kind, row.stride, *row.pad) for row in layers(card.spec)]
        source = path.with_suffix(".npz")
        calibration = material.values(material.calibration)
        np.savez(source, rows=np.array(rows, str), calibration=calibration, **numbers)
        subprocess.run([material.tensorflow, str(CONVERTER), str(source), str(path), variant], check=True)
        source.unlink()

    return material.kept(f"{variant}.tflite".replace(" ", "-"), make, calibrated=variant != "float32")


def contender(material: Material, variant: str, threads: int) -> Contender:
    """Open an interpreter; int8 input is quantised already."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(_converted(material, variant)), num_threads=threads)
    interpreter.allocate_tensors()
    given, wanted = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    step, zero = given["quantization"]

    def prepare(images: Any) -> Any:
        values = material.values(images)
        if given["dtype"] != np.int8:
            return values
        return np.clip(np.rint(values / step + zero), -128, 127).astype(np.int8)

    def run(prepared: Any) -> Any:
        interpreter.set_tensor(given["index"], prepared)
        interpreter.invoke()
        return interpreter.get_tensor(wanted["index"])

    return Contender(NAME, variant, threads, run, prepare, VARIANTS[variant])
