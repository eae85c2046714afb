"""PyTorch: folded convolutions and ReLU6 in channels-last order, compiled with frozen weights by TorchInductor."""

from __future__ import annotations

import os
import shutil
from typing import Any

from peers.material import Material
from tinysight.benchmark import Contender
from tinysight.fold import fold
from tinysight.onnx_graph import onnx_kernel
from tinysight.spec import layers

NAME = "PyTorch"
PACKAGES = ("torch",)
VARIANTS = {
    "float32": "torch.compile with frozen weights, channels last",
    "float32 jit": "traced, frozen, optimize_for_inference, channels last",
}


def folded_network(material: Material) -> Any:
    """Return a module of our numbers with batch norm folded, in inference mode."""
    import torch

    folded = fold(material.checkpoint.card.spec, material.checkpoint.arrays)
    parts: list[Any] = []
    for row in layers(material.checkpoint.card.spec):
        if row.kind == "pool":
            parts.append(torch.nn.AdaptiveAvgPool2d(1))
            continue
        kernel = torch.from_numpy(onnx_kernel(row, folded[row.name].kernel).copy())
        before, after = row.pad
        if before != after:
            parts.append(torch.nn.ZeroPad2d((before, after, before, after)))
        outputs, inputs, size, _ = kernel.shape
        groups = row.input_shape[2] // inputs
        padding = before if before == after else 0
        layer = torch.nn.Conv2d(inputs * groups, outputs, size, row.stride, padding, groups=groups)
        layer.weight.data.copy_(kernel)
        layer.bias.data.copy_(torch.from_numpy(folded[row.name].bias.copy()))
        parts += [layer] if row.kind == "head" else [layer, torch.nn.ReLU6()]
    return torch.nn.Sequential(*parts, torch.nn.Flatten()).eval().to(memory_format=torch.channels_last)


def contender(material: Material, variant: str, threads: int) -> Contender:
    """Compile or trace the network; the input is a tensor in channels-last order already."""
    os.environ["TORCHINDUCTOR_FREEZING"] = "1"  # read when torch is imported
    import torch

    torch.set_num_threads(threads)
    network = folded_network(material)

    def prepare(images: Any) -> Any:
        return torch.from_numpy(material.planes(images)).contiguous(memory_format=torch.channels_last)

    example = prepare(material.calibration[:1])
    with torch.inference_mode():
        if variant == "float32":
            if shutil.which("g++") is None:
                raise FileNotFoundError("torch.compile needs g++")
            network = torch.compile(network)
        else:
            network = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(network, example)))

    def run(planes: Any) -> Any:
        with torch.inference_mode():
            return network(planes).numpy()

    return Contender(NAME, variant, threads, run, prepare, VARIANTS[variant])
