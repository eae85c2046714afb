"""The training loop: steps, an average of the weights that is judged after every epoch, and snapshots to go on from.

All chance is a function of the seed and the step, so that a run which was killed and resumed ends with the same bytes
as one that was not.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import TinysightError
from tinysight.networks.torch import Network, Tensor, from_arrays, to_arrays, torch
from tinysight.train.batches import Batch, Source, prefetch
from tinysight.train.judging import Scaling, Score
from tinysight.train.options import Options
from tinysight.train.schedule import learning_rate
from tinysight.train.snapshots import Snapshot
from tinysight.train.team import Team
from tinysight.train.watch import Row, Trained, Watch
from tinysight.train.weights import Arrays, Average, live_arrays, load_live, make_optimizer


@dataclass
class _Run:
    """A run between two steps."""

    network: Network
    optimizer: torch.optim.Optimizer
    average: Average
    judged: Network
    step: int = 0
    is_between_steps: bool = True
    loss_sum: float = 0.0
    rows: list[Row] = field(default_factory=list)
    best: Score | None = None
    best_epoch: int = -1
    best_arrays: Arrays = field(default_factory=dict)

    def snapshot(self) -> Snapshot:
        best = {f"best.{name}": array for name, array in self.best_arrays.items()}
        facts: dict[str, Any] = {
            "loss_sum": self.loss_sum,
            "rows": [list(row) for row in self.rows],
            "best": None if self.best is None else list(self.best),
            "best_epoch": self.best_epoch,
        }
        live = live_arrays(self.network, self.optimizer)
        return Snapshot(self.step, live | self.average.arrays() | best, facts)

    def restore(self, snapshot: Snapshot) -> None:
        load_live(self.network, self.optimizer, snapshot.arrays)
        self.average.load(snapshot.arrays)
        self.step, facts = snapshot.step, snapshot.facts
        self.loss_sum, self.best_epoch = facts["loss_sum"], facts["best_epoch"]
        self.rows = [Row(*row) for row in facts["rows"]]
        self.best = None if facts["best"] is None else Score(*facts["best"])
        self.best_arrays = {name[5:]: a for name, a in snapshot.arrays.items() if name.startswith("best.")}


def fit(
    network: Network,
    source: Source,
    scaling: Scaling,
    options: Options,
    team: Team,
    watch: Watch,
    *,
    weights: NDArray[np.float32] | None = None,
    resume: Snapshot | None = None,
) -> Trained:
    """Train a network.

    Args:
        network: where to start from; it is changed.
        source: of batches, of this process' share.
        scaling: of what the batches hold.
        options: how; ``first_trained`` says which convolution reads the batches.
        team: this process, or the part it has in several.
        watch: judges and keeps.
        weights: how much each class counts, float32 ``(C,)``; None: all the same.
        resume: where to go on; None starts anew.

    Raises:
        TinysightError: the loss is not finite any more.
    """
    first = options.first_trained
    network.to(team.device).train()
    _freeze(network, first)
    with torch.random.fork_rng([]):  # a new network draws numbers, which are overwritten at once
        judged = from_arrays(network.spec, to_arrays(network)).to(team.device)
    run = _Run(network, make_optimizer(network, options), Average(network, options.average_decay), judged)
    if resume is not None:
        run.restore(resume)
    # Dropout draws from PyTorch's own stream, which is put back where it was.
    devices = [team.device] if team.device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        _epochs(run, source, scaling, options, team, watch, weights)
    assert run.best is not None
    return Trained(run.best_arrays, run.best, run.rows)


def _freeze(network: Network, first: int) -> None:
    """Let no gradient be computed before convolution ``first``.

    Where only the last blocks are trained, their batch norms keep the statistics they came with as well: the first head
    was fitted on features under these, and with a batch's own it is 5 points worse before anything is learnt.
    """
    names = list(network.convolutions)
    if first:
        for norm in network.norms.values():
            norm.train(False)
    for name in names[:first]:
        network.convolutions[name].requires_grad_(False)
        network.norms[name].requires_grad_(False)


def _epochs(
    run: _Run,
    source: Source,
    scaling: Scaling,
    options: Options,
    team: Team,
    watch: Watch,
    weights: NDArray[np.float32] | None,
) -> None:
    per_epoch, steps = source.steps_per_epoch, source.steps_per_epoch * options.epochs
    model = team.wrapped(run.network)
    class_weights = None if weights is None else torch.from_numpy(weights).to(team.device)
    scaler = torch.amp.GradScaler("cuda", enabled=options.mixed_precision and _needs_scaling(team.device))
    first_epoch, first_step = divmod(run.step, per_epoch)
    if _is_over(run, options) or run.step >= steps:
        return
    with contextlib.closing(prefetch(source, first_epoch, first_step, options.epochs)) as batches:
        saved = started = time.monotonic()
        begun, pictures = run.step, 0
        try:
            for batch in batches:
                rate = learning_rate(run.step, steps, options.learning_rate, options.warmup)
                run.is_between_steps = False
                run.loss_sum += _step(run, model, batch, scaling, options, team, rate, class_weights, scaler)
                run.step += 1
                run.average.update(run.step)
                run.is_between_steps = run.step % per_epoch != 0
                pictures += len(batch.images) * team.size
                if watch.progress is not None:
                    watch.progress(run.step, steps, pictures / max(1e-9, time.monotonic() - started))
                if run.step % per_epoch == 0:
                    _end_epoch(run, options, team, watch, rate, per_epoch)
                    run.is_between_steps = True
                    if _is_over(run, options):
                        break
                elif time.monotonic() - saved < watch.snapshot_seconds:
                    continue
                saved = _save(run, team, watch)
        except KeyboardInterrupt:
            if run.step > begun and run.is_between_steps:  # else the last snapshot is the one to go on from
                _save(run, team, watch)
            raise


def _save(run: _Run, team: Team, watch: Watch) -> float:
    if watch.save is not None and team.leads:
        watch.save(run.snapshot())
    return time.monotonic()


def _needs_scaling(device: torch.device) -> bool:
    return device.type == "cuda" and not torch.cuda.is_bf16_supported()


def _step(
    run: _Run,
    model: torch.nn.Module,
    batch: Batch,
    scaling: Scaling,
    options: Options,
    team: Team,
    rate: float,
    class_weights: Tensor | None,
    scaler: torch.amp.GradScaler,
) -> float:
    """Learn from one batch and return its loss."""
    torch.manual_seed(hash((options.seed, run.step, team.rank)) % 2**63)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    images = scaling.applied(batch.images, team.device)
    targets = torch.from_numpy(batch.targets).to(team.device)
    kind = torch.float16 if _needs_scaling(team.device) else torch.bfloat16
    run.optimizer.zero_grad(set_to_none=True)
    with torch.autocast(team.device.type, kind, enabled=options.mixed_precision):
        logits = model(images, options.first_trained)
    loss = soft_cross_entropy(logits.float(), targets, class_weights)
    scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    scaler.step(run.optimizer)
    scaler.update()
    value = float(loss.detach())
    if not np.isfinite(value):
        raise TinysightError(
            f"training has left the numbers: the loss of step {run.step} is {value}; try a lower --learning-rate, "
            f"received {options.learning_rate:g}"
        )
    return value


def soft_cross_entropy(logits: Tensor, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Return the mean cross entropy of logits ``(N, C)`` against shares ``(N, C)``, weighted by class."""
    losses = -targets * torch.log_softmax(logits, dim=1)
    if class_weights is None:
        return losses.sum(dim=1).mean()
    return (losses * class_weights).sum() / (targets * class_weights).sum()


def _end_epoch(run: _Run, options: Options, team: Team, watch: Watch, rate: float, per_epoch: int) -> None:
    """Judge the average; the leader's figures hold for all."""
    run.average.copy_to(run.judged)
    figures = np.zeros(3, np.float32)
    if team.leads:
        top1, loss = watch.judge(run.judged)
        figures[:] = top1, loss, run.loss_sum / per_epoch
    top1, loss, train_loss = (float(value) for value in team.agree(figures))
    epoch = run.step // per_epoch
    run.rows.append(Row(epoch, rate, train_loss, top1, loss))
    run.loss_sum = 0.0
    found = Score(top1, loss)
    if found.is_better(run.best):
        run.best, run.best_epoch, run.best_arrays = found, epoch, to_arrays(run.judged)
    if watch.epoch is not None and team.leads:
        watch.epoch(run.rows)
    run.network.train()
    _freeze(run.network, options.first_trained)


def _is_over(run: _Run, options: Options) -> bool:
    return bool(options.patience and run.rows and run.rows[-1].epoch - run.best_epoch >= options.patience)
