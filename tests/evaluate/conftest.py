"""Evaluations made of numbers, and a few drawn pictures in class folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from tinysight.evaluate.run import Evaluation
from tinysight.labels import Label
from tinysight.preprocess import Recipe, encode_png


@pytest.fixture
def make_evaluation():
    """Build an evaluation of random answers: ``make_evaluation(count=80, names=("a", "b", "c"))``."""

    def make(count=80, names=("rose", "tulip", "daisy"), seed=0, strength=2.0, **fields) -> Evaluation:
        rng = np.random.default_rng(seed)
        truth = np.arange(count) % len(names)
        logits = rng.normal(0, 1, (count, len(names))).astype(np.float32)
        logits[np.arange(count), truth] += np.float32(strength)
        values = dict(
            model="model",
            precision="float32",
            recipe=Recipe(),
            where="data",
            labels=tuple(Label(None, name) for name in names),
            paths=tuple(Path("data") / f"{number}.png" for number in range(count)),
            truth=truth,
            logits=logits,
            contents=tuple(hashlib.sha256(b"%d" % number).digest() for number in range(count)),
            sizes=rng.integers(100, 1200, (count, 2)),
            grey=rng.random(count) < 0.3,
        )
        return Evaluation(**values | fields)

    return make


@pytest.fixture
def drawn(tmp_path):
    """A folder of 24 drawn pictures in the classes 0 to 3, which fit a model without names."""
    rng = np.random.default_rng(5)
    for number in range(24):
        folder = tmp_path / "drawn" / str(number % 4)
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (40 + number, 48, 3), np.uint8)
        (folder / f"{number}.png").write_bytes(encode_png(pixels))
    return tmp_path / "drawn"
