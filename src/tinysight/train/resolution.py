"""The resolution to predict at: often above the one of training, since random crops show things larger than they are.

Touvron et al., "Fixing the train-test resolution discrepancy", arXiv 1906.06423.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card, Checkpoint
from tinysight.data.threads import in_order
from tinysight.engines import Output, open_engine
from tinysight.evaluate.calibration import negative_log_likelihood
from tinysight.train.embeddings import embedding_precision
from tinysight.train.material import Material, Prepared, at_resolution
from tinysight.train.strength import careful_temperature

HIGHER = (1.0, 1.2, 1.4, 1.6)  # times the training resolution
HIGHER_LAST_BLOCKS = (1.0, 1.2)  # the blocks before have not seen larger things, and know their size from before
STEP_PX = 32
NEARLY = 1.02  # times the best loss: a larger picture costs time whenever it is predicted, and has to be worth it


@dataclass(frozen=True, eq=False, slots=True)
class Chosen:
    """What was found.

    Args:
        resolution: side in pixels.
        temperature: by which logits at this resolution are to be divided.
        top1: share of validation named right there, 0..1.
        tried: a record for each side: ``resolution``, ``top1``, ``loss`` at its own temperature, ``temperature``.
        embeddings: float32 ``(M, c)`` of validation there.
        unreadable: pictures of validation, a line each.
    """

    resolution: int
    temperature: float
    top1: float
    tried: list[dict[str, Any]]
    embeddings: NDArray[np.float32]
    unreadable: tuple[str, ...]


def candidates(resolution: int, times: Sequence[float] = HIGHER) -> list[int]:
    """Return the sides to try for predicting: the one of training and some larger ones, in pixels.

    >>> candidates(160)
    [160, 192, 224, 256]
    >>> candidates(128)
    [128, 160, 192]
    """
    larger = {round(resolution * one / STEP_PX) * STEP_PX for one in times}
    return sorted({resolution} | {side for side in larger if side > resolution})


def choose_resolution(model: Checkpoint, material: Material, sides: Sequence[int]) -> Chosen:
    """Ask a trained model at several resolutions, and take the smallest that is about as good as the best.

    Args:
        model: in float32, as trained.
        material: whose validation pictures choose; at least one can be read.
        sides: to try, in pixels, rising.
    """
    tried, found = [], []
    for side in sides:
        one = at_resolution(model, side)
        seen = Prepared(material, "val", one.card.recipe)
        output, labels = _outputs(one, seen.images), material.labels[seen.indexes]
        assert output.logits is not None
        temperature = careful_temperature(output.logits.astype(np.float64), labels)
        loss = negative_log_likelihood(output.logits, labels, temperature)
        top1 = float((output.logits.argmax(axis=1) == labels).mean())
        tried.append({"resolution": side, "top1": top1, "loss": loss, "temperature": temperature})
        found.append((output.embedding, seen.unreadable))
    place = smallest_good([float(one["loss"]) for one in tried])
    best = tried[place]
    return Chosen(int(sides[place]), float(best["temperature"]), float(best["top1"]), tried, *found[place])


def smallest_good(losses: Sequence[float]) -> int:
    """Return the first of several ways whose loss is at most 2 % above the best.

    >>> smallest_good([0.38, 0.352, 0.35])
    1
    """
    return next(place for place, loss in enumerate(losses) if loss <= NEARLY * min(losses))


def divided(model: Checkpoint, chosen: Chosen) -> tuple[Card, dict[str, NDArray[np.float32]]]:
    """Return card and arrays for the chosen resolution, logits divided by its temperature; probes are not made yet."""
    arrays = dict(model.arrays)
    for name in ("conv_preds.kernel", "conv_preds.bias"):
        arrays[name] = arrays[name] / np.float32(chosen.temperature)
    spec = replace(model.card.spec, resolution=chosen.resolution)
    return replace(model.card, spec=spec, recipe=replace(model.card.recipe, resolution=chosen.resolution)), arrays


def _outputs(model: Checkpoint, images: NDArray[np.uint8]) -> Output:
    engine = open_engine(model, precision=embedding_precision(model), threads=1)
    answers = list(in_order(lambda image: engine.run(image[None]), list(images)))
    logits = [answer.logits for answer in answers if answer.logits is not None]
    pooled = [answer.embedding[:, None, None] for answer in answers]  # the map itself is not needed any more
    return Output(np.concatenate(logits), np.concatenate(pooled))
