"""What the last blocks read, computed once for a few views of every picture: the blocks before do not change."""

from __future__ import annotations

import math
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinysight.networks.torch import Network, folded, torch
from tinysight.train.augment import Augmentation
from tinysight.train.batches import Batch, Batches, prefetch
from tinysight.train.chance import Purpose, stream
from tinysight.train.crops import MEMORY_BYTES
from tinysight.train.judging import BATCH, Scaling
from tinysight.train.mixing import mix

HIGHEST = 6.0  # of ReLU6
UNMIXED = Augmentation()
SCALING = Scaling(HIGHEST / 255, 0.0)  # activations are kept in 255ths of it: rounding is far below their noise


def freeze(network: Network, fast: bool) -> Network:
    """Return a copy that only answers: batch norms folded, and in bfloat16 if it shall be ``fast``."""
    return folded(network).to(torch.bfloat16 if fast else torch.float32)


def activations_of(
    frozen: Network, images: NDArray[np.uint8], scaling: Scaling, last: int, device: torch.device
) -> NDArray[np.uint8]:
    """Run the convolutions before number ``last``.

    Args:
        frozen: as ``freeze`` makes it.
        images: uint8 ``(N, R, R, 3)``.
        scaling: of the images.
        last: number of the first convolution that is not run.
        device: where the network is.

    Returns:
        uint8 ``(N, h, w, c)``, in 255ths of 6.
    """
    kind, parts = next(frozen.parameters()).dtype, []
    with torch.inference_mode():
        for begin in range(0, len(images), BATCH):
            values = frozen.features(scaling.applied(images[begin : begin + BATCH], device).to(kind), 0, last)
            parts.append(
                (values.float() * (1 / SCALING.factor)).round_().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
            )
    return np.concatenate(parts)


class ActivationBatches:
    """Batches of activations; an epoch takes one view of every picture, a view drawn anew each time.

    Args:
        views: uint8 ``(V, M, h, w, c)``.
        targets: float32 ``(M, C)``, each row sums to 1.
        batch_size: pictures in a batch of one process.
        seed: of the order.
        rank: of this process.
        size: of the team.
        augmentation: whose mixup and cutmix are done to activations (manifold mixup, Verma et al., arXiv 1806.05236).
    """

    def __init__(
        self,
        views: NDArray[np.uint8],
        targets: NDArray[np.float32],
        batch_size: int,
        seed: int,
        rank: int = 0,
        size: int = 1,
        augmentation: Augmentation = UNMIXED,
    ) -> None:
        self._views, self._targets, self._seed = views, targets, seed
        self._augmentation = replace(augmentation, erasing=0.0)  # noise is no activation
        self._rank, self._size = rank, size
        self._together = min(batch_size * size, len(targets))
        self.steps_per_epoch = len(targets) // self._together

    def batch(self, epoch: int, step: int) -> Batch:
        """Return one batch, a pure function of its number."""
        chance = stream(self._seed, Purpose.VIEWS, epoch)
        order = chance.permutation(len(self._targets))
        views = chance.integers(0, len(self._views), len(self._targets))
        mine = order[step * self._together : (step + 1) * self._together][self._rank :: self._size]
        values, targets = self._views[views[mine], mine], self._targets[mine]
        chance = stream(self._seed, Purpose.ACTIVATION_MIXING, epoch, step, self._rank)
        return Batch(epoch, step, mine, *mix(values, targets, self._augmentation, chance))


def all_views(
    frozen: Network,
    batches: Batches,
    indexes: NDArray[np.intp],
    views: int,
    scaling: Scaling,
    last: int,
    device: torch.device,
    folder: Path,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Compute the activations of several augmented views of every picture.

    Args:
        frozen: as ``activations_of``.
        batches: of pictures, without ``drop_last`` and without mixing; epoch v is view v.
        indexes: the pictures that the batches take, rising, ``(M,)``.
        views: how many.
        scaling: of the pictures.
        last: number of the first convolution that is not run.
        device: where the network is.
        folder: where they go, into a file without a name, if they take more than 2 GiB.

    Returns:
        uint8 ``(views, M, h, w, c)`` and targets float32 ``(M, C)``, in the order of the indexes.

    Raises:
        OSError: the folder is full or read-only.
    """
    stacked = targets = None
    for batch in prefetch(batches, 0, 0, views):
        found = activations_of(frozen, batch.images, scaling, last, device)
        if stacked is None or targets is None:
            stacked = _room((views, len(indexes), *found.shape[1:]), folder)
            targets = np.empty((len(indexes), batch.targets.shape[1]), np.float32)
        places = np.searchsorted(indexes, batch.indexes)
        stacked[batch.epoch, places], targets[places] = found, batch.targets
    assert stacked is not None
    assert targets is not None
    return stacked, targets


def _room(shape: tuple[int, ...], folder: Path) -> NDArray[np.uint8]:
    if math.prod(shape) <= MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile(dir=folder, prefix=".tinysight.", suffix=".tmp") as file:
        os.posix_fallocate(file.fileno(), 0, math.prod(shape)) if hasattr(os, "posix_fallocate") else None
        return np.memmap(file, np.uint8, "w+", shape=shape)
