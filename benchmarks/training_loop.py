"""Steps of training a second: our loop, a bare PyTorch loop and Keras' ``fit``, in turns on the same tensors.

    python benchmarks/training_loop.py --output benchmarks/results/training/loop.json

Every contender learns from the same batches with AdamW, going on with its weights in each turn. ``fit`` is our
loop on pictures that lie ready; ``fit, augmented`` crops, mirrors and recolours them while it runs, as ``tinysight
train`` does. The bare loop is what one writes in ten lines: channels last, fused optimizer, pictures that lie ready.
Keras runs on PyTorch too, with its own MobileNet in both orders of memory.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"  # read when Keras is imported

import click
import numpy as np
import torch
from jobs import machine
from peers.bare_loop import bare_loop
from peers.keras_fit import keras_fit

from tinysight.benchmark import Contender, Plan, compare, interleave, summarise
from tinysight.benchmark.rows import noise_fields
from tinysight.networks.torch import from_arrays
from tinysight.spec import Spec
from tinysight.train.augment import Augmentation
from tinysight.train.batches import Batch, Batches, Source
from tinysight.train.crops import make_crops
from tinysight.train.judging import Score, picture_scaling
from tinysight.train.loop import fit
from tinysight.train.options import Options
from tinysight.train.scratch import random_start
from tinysight.train.team import Team
from tinysight.train.watch import Watch

CLASSES = 5
BARE = "bare loop"
PACKAGES = ("tinysight", "numpy", "torch", "keras")
SETTINGS = ((0.25, 128, 64), (0.25, 160, 64), (1.0, 128, 32), (1.0, 160, 32))  # alpha, resolution, batch


class Ready:
    """A ``Source`` whose pictures lie in memory as the network takes them."""

    def __init__(self, images: Any, targets: Any, batch_size: int) -> None:
        self._images, self._targets, self._size = images, targets, batch_size
        self.steps_per_epoch = len(images) // batch_size

    def batch(self, epoch: int, step: int) -> Batch:
        """Return one batch."""
        these = np.arange(step * self._size, (step + 1) * self._size)
        return Batch(epoch, step, these, self._images[these], self._targets[these])


def ours(spec: Spec, source: Source, batch_size: int, mixed: bool) -> Callable[[Any], None]:
    """Return one epoch of ``fit``, the judge left out: it takes no part in the others' times."""
    network, team = from_arrays(spec, random_start(spec, 0)), Team(0, 1, torch.device("cpu"))
    options = Options(resolution=spec.resolution, epochs=1, batch_size=batch_size, mixed_precision=mixed)

    def run(_: Any) -> None:
        fit(network, source, picture_scaling((-1, 1)), options, team, Watch(lambda _network: Score(0.0, 0.0)))

    return run


def contenders(alpha: float, resolution: int, batch_size: int, steps: int) -> list[Contender]:
    """Build all of them for one width and size."""
    chance = np.random.default_rng(0)
    spec = Spec(alpha=alpha, resolution=resolution, num_classes=CLASSES)
    side = round(1.25 * resolution)
    large = chance.integers(0, 256, (steps * batch_size, side, side * 5 // 4, 3), np.uint8)
    labels = chance.integers(0, CLASSES, len(large))
    images = np.ascontiguousarray(large[:, :resolution, :resolution])
    targets = np.eye(CLASSES, dtype=np.float32)[labels]
    crops = make_crops(large, len(large), folder=".")
    augmented = Batches(
        crops, labels, np.arange(len(large)), resolution, Augmentation(), batch_size, 0, CLASSES, label_smoothing=0.0
    )
    found = {"bare loop": bare_loop(alpha, images, targets, batch_size, mixed=False)}
    wide = alpha > 0.5
    if wide:
        found["bare loop, bfloat16"] = bare_loop(alpha, images, targets, batch_size, mixed=True)
    ready = Ready(images, targets, batch_size)
    for mixed in (False, True)[: 1 + wide]:
        kind = ", bfloat16" * mixed
        found[f"fit{kind}"] = ours(spec, ready, batch_size, mixed)
        found[f"fit, augmented{kind}"] = ours(spec, augmented, batch_size, mixed)
    for order in ("channels_first", "channels_last") if importlib.util.find_spec("keras") else ():
        found[f"Keras fit, {order}"] = keras_fit(alpha, images, targets, batch_size, order)
    return [Contender(name, "", None, run) for name, run in found.items()]


def measure(alpha: float, resolution: int, batch_size: int, steps: int, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each contender; ratios are to the bare loop in the same arithmetic."""
    chosen = contenders(alpha, resolution, batch_size, steps)
    measured = interleave(
        chosen, [np.zeros((1, 32, 32, 3), np.uint8)], Plan(rounds, turn_s=0, fewest_calls=1, warm_up=0)
    )
    rows = []
    for one in chosen:
        times = {label: rounds_[1:] for label, rounds_ in measured.times.items()}  # the first round warms up
        bare = BARE + ", bfloat16" * one.name.endswith("bfloat16")
        mine, ratio = times[one.label], compare(times[one.label], times[f"{bare}:"])
        rate = steps * batch_size / (summarise(mine).median_ms / 1e3)
        rows.append(
            {
                "alpha": alpha,
                "resolution": resolution,
                "batch_size": batch_size,
                "loop": one.name,
                "pictures_per_second": round(rate, 1),
                "ratio_to": bare,
                "ratio": round(ratio.of_medians, 3),
                "ratio_low": round(ratio.low, 3),
                "ratio_high": round(ratio.high, 3),
                **noise_fields(measured.noise),
            }
        )
        click.echo(f"{alpha:5} {resolution:4} {one.name:28} {rate:7.0f} pictures/s, {ratio.of_medians:.3f} of {bare}")
    return rows


@click.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", default=6, show_default=True)
@click.option("--only", type=int, multiple=True, help="Numbers of the settings, from 0.")
@click.option("--steps", default=30, show_default=True, help="Of a turn; wide networks take a third of it.")
def main(output: Path, threads: int, rounds: int, only: tuple[int, ...], steps: int) -> None:
    """Measure all settings."""
    torch.set_num_threads(threads)
    rows = []
    for number in only or range(len(SETTINGS)):
        alpha, resolution, batch_size = SETTINGS[number]
        rows += measure(alpha, resolution, batch_size, steps if alpha < 0.5 else max(4, steps // 3), rounds)
    document = {"kind": "training loop", "machine": machine(PACKAGES), "threads": threads, "rows": rows}
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
