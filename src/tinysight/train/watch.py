"""What a training loop tells the outside, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from tinysight.networks.torch import Network
from tinysight.train.judging import Score
from tinysight.train.snapshots import Snapshot
from tinysight.train.weights import Arrays

SNAPSHOT_SECONDS = 30.0


class Row(NamedTuple):
    """One epoch: ``learning_rate`` of its last step, mean loss in training, and the average's score on validation."""

    epoch: int
    learning_rate: float
    train_loss: float
    val_top1: float
    val_loss: float


@dataclass
class Watch:
    """What the loop tells the outside while it runs.

    Args:
        judge: scores a network on validation pictures.
        save: keeps a snapshot; called by the leader only.
        progress: called with steps done, steps in all, and pictures a second.
        epoch: called with all rows so far after each epoch.
    """

    judge: Callable[[Network], Score]
    save: Callable[[Snapshot], None] | None = None
    progress: Callable[[int, int, float], None] | None = None
    epoch: Callable[[list[Row]], None] | None = None
    snapshot_seconds: float = SNAPSHOT_SECONDS


class Trained(NamedTuple):
    """The best average: its arrays under our names, its score, and all epochs."""

    arrays: Arrays
    score: Score
    rows: list[Row]
