"""Layers trained with PyTorch: the start, the batches, the judge, and the resolution to predict at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card, Checkpoint
from tinysight.data import read_upright
from tinysight.errors import UsageError, printable
from tinysight.models import make_probes
from tinysight.networks.torch import Network, from_arrays
from tinysight.train.activations import SCALING, ActivationBatches, activations_of, all_views, freeze
from tinysight.train.batches import Batches, Source
from tinysight.train.board import open_board
from tinysight.train.crops import make_crops
from tinysight.train.folder import SNAPSHOTS
from tinysight.train.judging import Scaling, Score, logits_of, picture_scaling, score
from tinysight.train.loop import fit
from tinysight.train.material import Material, Prepared
from tinysight.train.options import Options
from tinysight.train.plan import Plan
from tinysight.train.resolution import HIGHER, HIGHER_LAST_BLOCKS, candidates, choose_resolution, divided
from tinysight.train.snapshots import read_newest, write_snapshot
from tinysight.train.start import Start, make_start
from tinysight.train.teaching import Count, Taught, Tools
from tinysight.train.team import Team
from tinysight.train.watch import Row, Trained, Watch

CROP_SHARE = 1.25  # of the resolution: the shorter side that crops are taken from


def teach_layers(material: Material, plan: Plan, folder: Path, team: Team, tools: Tools) -> Taught:
    """Train layers, going on from the folder's newest snapshot where there is one.

    Raises:
        UsageError: too few pictures, or a model without float32 weights.
        TinysightError: the loss left the numbers, or snapshots cannot be written.
    """
    options = plan.options
    assert options is not None
    start = make_start(material, plan, options, team, tools)
    card, facts = start.card, start.facts
    network = from_arrays(card.spec, start.arrays)
    val = Prepared(material, "val", card.recipe)
    if not len(val.indexes):
        raise UsageError("training layers needs pictures to choose by; raise --val-share or give more pictures")
    source, reads, judged, unread = _batches(network, material, options, start, val.images, folder, team, tools)
    labels = material.labels

    def judge(candidate: Network) -> Score:
        return score(logits_of(candidate, judged, reads, options.first_trained, team.device), labels[val.indexes])

    resume, warnings = read_newest(folder / SNAPSHOTS)
    for line in warnings:
        tools.say(f"passed over: {line}")
    if resume is not None:
        tools.say(f"going on after step {resume.step}")
    weights = _class_weights(material) if plan.class_weights else None
    board = open_board(folder if plan.tensorboard and team.leads else None, len(resume.facts["rows"]) if resume else 0)
    with tools.stage("Training") as count:
        pace = _Pace(count)

        def told(rows: list[Row]) -> None:
            _tell(rows, options, pace.rate, tools)
            board.add(rows[-1])

        watch = Watch(
            judge,
            save=lambda snapshot: write_snapshot(folder / SNAPSHOTS, snapshot),
            progress=pace.update,
            epoch=told,
        )
        trained = fit(network, source, reads, options, team, watch, weights=weights, resume=resume)
    if not team.leads:
        return Taught(Checkpoint(card, trained.arrays), facts, [], (), np.empty((0, 0), np.float32))
    made = _finished(trained, card, material, plan, facts, tools)
    return made._replace(unreadable=tuple(dict.fromkeys([*start.unreadable, *unread, *made.unreadable])))


class _Pace:
    """Passes the steps on to a progress bar, and remembers how many pictures a second there were."""

    def __init__(self, count: Count | None) -> None:
        self._count, self.rate = count, 0.0

    def update(self, done: int, total: int, rate: float) -> None:
        self.rate = rate
        if self._count is not None:
            self._count(done, total)


def _tell(rows: list[Row], options: Options, rate: float, tools: Tools) -> None:
    row = rows[-1]
    tools.say(
        f"epoch {row.epoch}/{options.epochs}  loss {row.train_loss:.3f}  validation {row.val_top1:.1%}, "
        f"loss {row.val_loss:.3f}  {rate:.0f} pictures/s"
    )


def _batches(
    network: Network,
    material: Material,
    options: Options,
    start: Start,
    val: NDArray[np.uint8],
    folder: Path,
    team: Team,
    tools: Tools,
) -> tuple[Source, Scaling, NDArray[np.uint8], tuple[str, ...]]:
    """Return where batches come from, how they are scaled, and validation as the first trained convolution reads it;
    and which pictures cannot be read."""
    train = material.split.of("train")
    with tools.stage("Reading the pictures"):
        pictures = read_upright(material.paths(train), round(options.resolution * CROP_SHARE))
        crops = make_crops(pictures, len(train), folder=folder)
    usable, unread = np.flatnonzero(crops.readable), tuple(str(error) for error in crops.errors.values())
    _check_classes(material, train[usable])
    size = options.batch_size // team.size
    if options.batch_size % team.size or size < 2:
        raise UsageError(
            f"the batch must give each of {team.size} processes as many pictures, at least 2; received batch_size "
            f"{options.batch_size}"
        )
    common = (crops, material.labels[train], usable, options.resolution)
    scaling = picture_scaling(start.card.recipe.value_range)
    rest: dict[str, Any] = {
        "num_classes": len(material.dataset.classes),
        "label_smoothing": options.label_smoothing,
        "soft": start.soft,
        "soft_share": options.teacher_share,
    }
    if options.last_blocks is None:
        batches = Batches(
            *common,
            options.augmentation,
            size,
            options.seed,
            rank=team.rank,
            world_size=team.size,
            **rest,
        )
        return batches, scaling, val, unread
    network.to(team.device)
    plain = replace(options.augmentation, mixup=0.0, cutmix=0.0)
    batches = Batches(*common, plain, 64, options.seed, drop_last=False, **rest)
    last, frozen = options.first_trained, freeze(network, options.mixed_precision)
    with tools.stage("Computing activations"):
        views, targets = all_views(frozen, batches, usable, options.views, scaling, last, team.device, folder)
        judged = activations_of(frozen, val if team.leads else val[:1], scaling, last, team.device)
    source = ActivationBatches(views, targets, size, options.seed, team.rank, team.size, options.augmentation)
    return source, SCALING, judged, unread


def _check_classes(material: Material, usable: NDArray[np.intp]) -> None:
    """Refuse a class of which no picture to learn from can be read."""
    classes = material.dataset.classes
    empty = np.flatnonzero(np.bincount(material.labels[usable], minlength=len(classes)) == 0)
    if len(empty):
        raise UsageError(f"no picture to learn from can be read in class {printable(classes[empty[0]], 60)}")


def _class_weights(material: Material) -> NDArray[np.float32]:
    counts = np.bincount(material.labels[material.split.of("train")], minlength=len(material.dataset.classes))
    weights: NDArray[np.float32] = (counts.sum() / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
    return weights


def _finished(
    trained: Trained, card: Card, material: Material, plan: Plan, facts: dict[str, Any], tools: Tools
) -> Taught:
    """Choose the resolution to predict at, divide by the temperature, and check in the result."""
    model = Checkpoint(card, trained.arrays)
    times = HIGHER if plan.mode != "last-blocks" else HIGHER_LAST_BLOCKS
    side = card.spec.resolution
    with tools.stage("Choosing the resolution"):
        wanted = [plan.predict_resolution] if plan.predict_resolution else candidates(side, times)
        chosen = choose_resolution(model, material, wanted)
    card, arrays = divided(model, chosen)
    model = Checkpoint(replace(card, probes=make_probes(card, arrays)), arrays)
    facts = {
        **facts,
        "val_top1": chosen.top1,
        "temperature": chosen.temperature,
        "resolution": chosen.resolution,
        "resolutions": chosen.tried,
    }
    return Taught(model, facts, [tuple(row) for row in trained.rows], chosen.unreadable, chosen.embeddings)
