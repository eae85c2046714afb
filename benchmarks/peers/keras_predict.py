"""Keras' ``predict``, as most tutorials call it, on the PyTorch backend."""

from __future__ import annotations

import os
from typing import Any

from peers.material import Material
from tinysight.benchmark import Contender

NAME = "Keras predict"
PACKAGES = ("keras", "torch")
VARIANTS = {"float32": "model.predict(batch, verbose=0), PyTorch backend"}


def contender(material: Material, variant: str, threads: int) -> Contender:
    """Build Keras' own layers with our numbers, batch norm and all."""
    os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is imported
    import torch

    from tinysight.networks.keras import from_checkpoint

    torch.set_num_threads(threads)
    model = from_checkpoint(material.checkpoint, classifier_activation=None)

    def run(values: Any) -> Any:
        return model.predict(values, verbose=0)

    return Contender(NAME, variant, threads, run, material.values, VARIANTS[variant])
