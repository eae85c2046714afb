"""Batches for training, each a function of its number: nothing has to be remembered to go on where one stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import UsageError
from tinysight.train.augment import Augmentation, augment_one
from tinysight.train.chance import Purpose, stream
from tinysight.train.crops import Crops
from tinysight.train.mixing import mix


class Batch(NamedTuple):
    """What one step learns from.

    Args:
        epoch: from 0.
        step: in the epoch, from 0.
        indexes: of the pictures in the crops, ``(N,)``.
        images: uint8 ``(N, R, R, 3)`` RGB, contiguous.
        targets: float32 ``(N, C)``; each row sums to 1.
    """

    epoch: int
    step: int
    indexes: NDArray[np.intp]
    images: NDArray[np.uint8]
    targets: NDArray[np.float32]


class Source(Protocol):
    """Where batches come from: ``Batches`` of pictures, or what has been computed from them."""

    @property
    def steps_per_epoch(self) -> int:
        """How many there are in an epoch, at least one."""

    def batch(self, epoch: int, step: int) -> Batch:
        """Return one, a pure function of its number."""


class Batches:
    """All batches of a training run.

    Each epoch takes every picture once, in an order of its own. What happens to a picture depends on the seed, the
    epoch and its index alone: not on the batch size, the threads, or how many machines share the work. Only what
    pictures do to each other (mixup, cutmix) and erasing depend on the batch.

    Args:
        crops: the pictures.
        labels: integers ``(len(crops),)``, 0 to ``num_classes`` - 1 where ``indexes`` points; not looked at elsewhere.
        indexes: which of the crops to learn from, ``(M,)``; readable ones.
        resolution: side of the images in pixels.
        augmentation: how different a picture may look.
        batch_size: pictures in a batch of one rank; fewer where there are not that many.
        seed: a whole number from 0; the same seed gives the same bytes.
        num_classes: width of the targets.
        label_smoothing: share of each target that is spread over all classes, 0 to below 1.
        soft: what a teacher says of each picture, float32 ``(len(crops), C)``; None without one.
        soft_share: how much of each target that is, 0..1.
        drop_last: leave out the pictures that do not fill a batch (other ones in each epoch). Without it, what is
            left and still gives every rank a picture is a smaller batch.
        rank: which part of the work this process does, 0 to ``world_size`` - 1.
        world_size: how many processes share the work; together they take ``batch_size * world_size`` pictures a step,
            the same ones as a single process with that batch size.

    Raises:
        UsageError: a number outside its range, a picture that cannot be read, fewer pictures than ranks.
    """

    def __init__(
        self,
        crops: Crops,
        labels: NDArray[np.integer],
        indexes: NDArray[np.integer],
        resolution: int,
        augmentation: Augmentation,
        batch_size: int,
        seed: int,
        num_classes: int,
        label_smoothing: float = 0.1,
        drop_last: bool = True,
        rank: int = 0,
        world_size: int = 1,
        soft: NDArray[np.float32] | None = None,
        soft_share: float = 0.0,
    ) -> None:
        self._crops, self._resolution, self._augmentation = crops, resolution, augmentation
        self._labels, self._indexes = np.asarray(labels), np.asarray(indexes, np.intp)
        self._seed, self._num_classes, self._label_smoothing = seed, num_classes, label_smoothing
        self._rank, self._world_size = rank, world_size
        self._soft, self._soft_share = soft, soft_share
        self._check_numbers(batch_size)
        self._check_pictures()
        pictures = len(self._indexes)
        self._global_size = min(batch_size * world_size, pictures)
        rest = pictures % self._global_size
        self.steps_per_epoch = pictures // self._global_size + int(not drop_last and rest >= world_size)
        self._order_of: tuple[int, NDArray[np.intp]] = (-1, self._indexes)

    def _check_numbers(self, batch_size: int) -> None:
        if min(batch_size, self._num_classes, self._world_size) < 1 or self._seed < 0:
            raise UsageError(
                "batch_size, num_classes and world_size must be at least 1, and seed at least 0, received "
                f"{batch_size}, {self._num_classes}, {self._world_size} and {self._seed}"
            )
        if not 0 <= self._rank < self._world_size:
            raise UsageError(f"rank must be from 0 to {self._world_size - 1}, received {self._rank}")
        if not 0 <= self._soft_share <= 1:
            raise UsageError(f"soft_share must be from 0 to 1, received {self._soft_share}")
        if not 0 <= self._label_smoothing < 1:
            raise UsageError(f"label_smoothing must be from 0 to below 1, received {self._label_smoothing}")

    def _check_pictures(self) -> None:
        if len(self._indexes) < self._world_size:
            raise UsageError(
                f"at least one picture for each of {self._world_size} needed, received {len(self._indexes)}"
            )
        if len(self._labels) != len(self._crops):
            raise UsageError(f"{len(self._crops)} pictures need as many labels, received {len(self._labels)}")
        if not self._crops.readable[self._indexes].all():
            raise UsageError("indexes must point at pictures that can be read")
        if self._soft is not None and self._soft.shape != (len(self._crops), self._num_classes):
            raise UsageError(
                f"soft targets must be ({len(self._crops)}, {self._num_classes}), received {self._soft.shape}"
            )
        labels = self._labels[self._indexes]
        if labels.min() < 0 or labels.max() >= self._num_classes:
            raise UsageError(f"labels must be 0 to {self._num_classes - 1}, received {labels.min()} to {labels.max()}")

    def batch(self, epoch: int, step: int) -> Batch:
        """Make one batch; any thread may call this at any time.

        Raises:
            UsageError: there is no such step in an epoch.
        """
        if epoch < 0 or not 0 <= step < self.steps_per_epoch:
            raise UsageError(f"epoch {epoch}, step {step}: an epoch has the steps 0 to {self.steps_per_epoch - 1}")
        indexes = self.indexes(epoch, step)
        images = np.empty((len(indexes), self._resolution, self._resolution, 3), np.uint8)
        for image, index in zip(images, indexes, strict=True):
            rng = stream(self._seed, Purpose.PICTURE, epoch, int(index))
            image[:] = augment_one(self._crops[index], self._resolution, self._augmentation, rng)
        rng = stream(self._seed, Purpose.MIXING, epoch, step, self._rank)
        images, targets = mix(images, self._targets(indexes), self._augmentation, rng)
        return Batch(epoch, step, indexes, images, targets)

    def indexes(self, epoch: int, step: int) -> NDArray[np.intp]:
        """Return which pictures a batch takes, ``(N,)``."""
        known, order = self._order_of
        if known != epoch:
            order = stream(self._seed, Purpose.ORDER, epoch).permutation(self._indexes)
            self._order_of = epoch, order
        together = order[step * self._global_size : (step + 1) * self._global_size]
        return together[self._rank :: self._world_size]

    def _targets(self, indexes: NDArray[np.intp]) -> NDArray[np.float32]:
        targets = np.full((len(indexes), self._num_classes), self._label_smoothing / self._num_classes, np.float32)
        targets[np.arange(len(indexes)), self._labels[indexes]] += np.float32(1 - self._label_smoothing)
        if self._soft is None:
            return targets
        share = np.float32(self._soft_share)
        mixed: NDArray[np.float32] = (1 - share) * targets + share * self._soft[indexes]
        return mixed


def prefetch(
    batches: Source, start_epoch: int, start_step: int, epochs: int, ahead: int = 3, workers: int = 1
) -> Generator[Batch, None, None]:
    """Yield the batches of a run in order while threads make the next ones.

    Closing the iterator waits for the batches that are being made, no more. An error in a batch is raised where that
    batch would have come.

    Args:
        batches: what to make.
        start_epoch: the first batch's epoch, from 0.
        start_step: the first batch's step; ``steps_per_epoch`` means the start of the next epoch.
        epochs: how many epochs the whole run has; the last one is ``epochs`` - 1.
        ahead: batches that are made or kept at once, from 1.
        workers: threads, from 1. Their number changes no byte.

    Raises:
        UsageError: a number outside its range.
    """
    if min(start_epoch, start_step) < 0 or start_step > batches.steps_per_epoch or min(ahead, workers) < 1:
        raise UsageError(
            f"start_epoch {start_epoch} and start_step {start_step} must be from 0 and within an epoch of "
            f"{batches.steps_per_epoch} steps, ahead {ahead} and workers {workers} at least 1"
        )
    return _prefetched(
        batches,
        range(start_epoch * batches.steps_per_epoch + start_step, epochs * batches.steps_per_epoch),
        ahead,
        workers,
    )


def _prefetched(batches: Source, numbers: range, ahead: int, workers: int) -> Generator[Batch, None, None]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix="tinysight-batches")
    coming: deque[Future[Batch]] = deque()
    try:
        for number in numbers:
            coming.append(pool.submit(batches.batch, *divmod(number, batches.steps_per_epoch)))
            if len(coming) == ahead:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
