"""The two ways to a new model: a head on embeddings, and layers trained with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint
from tinysight.errors import CheckpointError, UsageError, printable
from tinysight.evaluate.metrics import top_k_share
from tinysight.train.assemble import with_head
from tinysight.train.embeddings import embed
from tinysight.train.head import Head, fit_head
from tinysight.train.material import Material, at_resolution
from tinysight.train.neighbours import knn_baseline
from tinysight.train.plan import Plan

Count = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a run needs from outside.

    Args:
        stage: announces a stage and gives a callback (done, in all) for it, or None.
        say: shows one line to a person.
        cache: folder for embeddings; None keeps none.
    """

    stage: Callable[[str], AbstractContextManager[Count | None]]
    say: Callable[[str], None]
    cache: Path | None = None


class Taught(NamedTuple):
    """A new model, calibrated, without int8 yet.

    ``facts`` go into the record; ``rows`` are the epochs, or the strengths tried; ``unreadable``: pictures, a line
    each; ``embeddings`` float32 ``(M, c)`` of some pictures of train or val; ``is_head``: whether only the head is new.
    """

    model: Checkpoint
    facts: dict[str, Any]
    rows: list[tuple[float, ...]]
    unreadable: tuple[str, ...]
    embeddings: NDArray[np.float32]
    is_head: bool = False


def source_text(plan: Plan) -> str:
    """Say in words where a model's numbers come from."""
    start = "random numbers" if plan.model is None else printable(plan.model, 120)
    return f"trained with tinysight ({plan.mode}) on {printable(plan.data, 120)}, starting from {start}"


def model_name(plan: Plan) -> str:
    """Name a model after its data."""
    return printable(Path(plan.data).resolve().stem or "model", 100)


def learn_head(
    material: Material, plan: Plan, tools: Tools, resolution: int | None = None, *, refit: bool = True
) -> tuple[Head, NDArray[np.float32], NDArray[np.bool_], tuple[str, ...], Checkpoint]:
    """Compute embeddings and fit a head; ``refit`` as ``fit_head``.

    Returns:
        The head; embeddings float32 ``(N, 2, c)`` of all examples; which could be read; why others could not; the
        backbone at the resolution.
    """
    backbone = material.backbone
    assert backbone is not None
    if resolution is not None and resolution != backbone.card.spec.resolution:
        backbone = at_resolution(backbone, resolution)
    paths = [example.path for example in material.dataset.examples]
    with tools.stage("Looking at the pictures") as count:
        found = embed(backbone, paths, material.contents, cache=tools.cache, progress=count)
    train, val = (part[found.readable[part]] for part in (material.split.of("train"), material.split.of("val")))
    with tools.stage("Fitting the head") as count:
        head = fit_head(
            found.values,
            material.labels,
            train,
            val,
            len(material.dataset.classes),
            seed=plan.seed,
            class_weights=plan.class_weights,
            refit=refit,
            progress=count,
        )
    return head, found.values, found.readable, found.reasons, backbone


def teach_head(material: Material, plan: Plan, tools: Tools) -> Taught:
    """Make a model by a head alone.

    Raises:
        UsageError: a class without a picture that can be read.
    """
    head, values, readable, reasons, backbone = learn_head(material, plan, tools, plan.predict_resolution)
    train, val, test = (part[readable[part]] for part in (material.split.of(p) for p in ("train", "val", "test")))
    facts: dict[str, Any] = {
        "strength": head.strength,
        "temperature": head.temperature,
        "val_top1": head.val_top1,
        "resolution": backbone.card.spec.resolution,
    }
    if len(test):
        logits = values[test, 0] @ head.kernel + head.bias
        facts["float_top1"] = top_k_share(logits, material.labels[test], 1).value
        neighbours, share = knn_baseline(values[:, 0], material.labels, train, val, test)
        facts["neighbours"] = {"k": neighbours, "top1": share}
    card = backbone.card
    some = values[train[:: max(1, len(train) // 1000)], 0]
    made = with_head(
        backbone,
        head.kernel,
        head.bias,
        material.dataset.classes,
        name=model_name(plan),
        source=source_text(plan),
        licence=card.licence,
        embeddings=some,
    )
    model = replace(made, card=replace(made.card, seen=material.seen))
    rows: list[tuple[float, ...]] = [(trial.strength, trial.val_nll, trial.val_top1) for trial in head.curve]
    return Taught(model, facts, rows, reasons, some, is_head=True)


def needs_floats(backbone: Checkpoint, plan: Plan) -> None:
    """Refuse to train layers of a model that holds int8 numbers only.

    Raises:
        UsageError: that.
    """
    try:
        backbone.float_arrays("training layers")
    except CheckpointError as error:
        raise UsageError(f"{error}; received model {printable(plan.model or '', 80)}") from None
