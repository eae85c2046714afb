"""What a model loses in int8, on pictures that had no part in making it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.agreement import Photographs, same_answers, signal_to_noise_db, top1
from tinysight.checkpoint import Checkpoint
from tinysight.engines import open_engine
from tinysight.errors import UsageError
from tinysight.quantize import quantize_int16
from tinysight.quantize.noise import layer_noise_db

LAYER_PICTURES = 8  # NumPy counts whole numbers slowly


@dataclass(frozen=True, slots=True)
class Report:
    """int8 against float32.

    Args:
        pictures: how many were compared.
        shared: how many were left out because int8 was calibrated on them.
        agreement: share with the same first answer, 0..1.
        snr_db: of the logits.
        float_top1, int8_top1: share named right, 0..1; None without labels.
        layers_db: signal-to-noise of each layer's output on some of the pictures, in decibels.
    """

    pictures: int
    shared: int
    agreement: float
    snr_db: float
    float_top1: float | None
    int8_top1: float | None
    layers_db: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON holds them, rounded."""
        layers = {name: round(value, 2) for name, value in self.layers_db.items()}
        shares = {
            name: None if (value := getattr(self, name)) is None else round(value, 5)
            for name in ("agreement", "float_top1", "int8_top1")
        }
        counts = {"pictures": self.pictures, "shared": self.shared}
        return {**counts, **shares, "snr_db": round(self.snr_db, 2), "layers_db": layers}


def held_out(photographs: Photographs, calibration: NDArray[np.uint8] | None) -> tuple[Photographs, int]:
    """Leave out what int8 was calibrated on, by content, and return the rest and how many were left out.

    Raises:
        UsageError: no picture is left.
    """
    seen = set() if calibration is None else {image.tobytes() for image in calibration}
    kept = np.array([image.tobytes() not in seen for image in photographs.images])
    if not kept.any():
        raise UsageError("every picture of the report would be calibrated on; give others")
    classes = None if photographs.classes is None else photographs.classes[kept]
    return Photographs(photographs.images[kept], classes, photographs.unreadable), int((~kept).sum())


def report_int8(checkpoint: Checkpoint, photographs: Photographs, shared: int = 0) -> Report:
    """Compare int8 with float32.

    Args:
        checkpoint: a model that holds both, with a head.
        photographs: prepared by the model's recipe; none that int8 was calibrated on.
        shared: how many were left out.

    Raises:
        UsageError: the model has no head.
    """
    card, integers = checkpoint.card, checkpoint.integers
    assert integers is not None
    if not card.spec.include_top:
        raise UsageError("a report compares first answers, and this model has no head")
    images, classes = photographs.images, photographs.classes
    logits = {}
    for precision in ("float32", "int8"):
        engine = open_engine(checkpoint, precision=precision)
        outputs = [engine.run(image[None]).logits for image in images]
        logits[precision] = np.concatenate([output for output in outputs if output is not None])
    exact = quantize_int16(card.spec, checkpoint.arrays, card.recipe)
    some = images[:: -(-len(images) // LAYER_PICTURES)]
    return Report(
        len(images),
        shared,
        same_answers(logits["int8"], logits["float32"]),
        signal_to_noise_db(logits["int8"], logits["float32"]),
        None if classes is None else top1(logits["float32"], classes),
        None if classes is None else top1(logits["int8"], classes),
        layer_noise_db(card.spec, exact, integers, some, card.recipe.value_range),
    )
