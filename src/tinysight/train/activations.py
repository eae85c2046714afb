"""What the last blocks read, computed once for a few views of every picture: the blocks before do not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinysight.networks.torch import Network, folded, torch
from tinysight.train.augment import Augmentation
from tinysight.train.batches import Batch, Batches, prefetch
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
        chance = np.random.Generator(np.random.PCG64(np.random.SeedSequence(self._seed, spawn_key=(epoch,))))
        order = chance.permutation(len(self._targets))
        views = chance.integers(0, len(self._views), len(self._targets))
        mine = order[step * self._together : (step + 1) * self._together][self._rank :: self._size]
        values, targets = self._views[views[mine], mine], self._targets[mine]
        chance = np.random.Generator(
            np.random.PCG64(np.random.SeedSequence(self._seed, spawn_key=(epoch, step, self._rank)))
        )
        return Batch(epoch, step, mine, *mix(values, targets, self._augmentation, chance))


def all_views(
    frozen: Network, batches: Batches, views: int, scaling: Scaling, last: int, device: torch.device
) -> tuple[NDArray[np.uint8], NDArray[np.intp], NDArray[np.float32]]:
    """Compute the activations of several augmented views of every picture.

    Args:
        frozen: as ``activations_of``.
        batches: of pictures, without ``drop_last`` and without mixing; epoch v is view v.
        views: how many.
        scaling: of the pictures.
        last: number of the first convolution that is not run.
        device: where the network is.

    Returns:
        uint8 ``(views, M, h, w, c)``; which picture each row is, ``(M,)``; their targets float32 ``(M, C)``.
    """
    found: list[NDArray[np.uint8]] = []
    order: list[NDArray[np.intp]] = []
    targets: list[NDArray[np.float32]] = []
    for batch in prefetch(batches, 0, 0, views):
        found.append(activations_of(frozen, batch.images, scaling, last, device))
        order.append(batch.indexes)
        targets.append(batch.targets)
    flat, numbers = np.concatenate(order), np.concatenate(targets)
    pictures = len(flat) // views
    names = np.sort(flat[:pictures])
    stacked = np.empty((views, pictures, *found[0].shape[1:]), np.uint8)
    place, start = {int(name): at for at, name in enumerate(names)}, 0
    rows = np.empty((pictures, numbers.shape[1]), np.float32)
    for part in found:
        for row in part:
            at = place[int(flat[start])]
            stacked[start // pictures, at] = row
            rows[at] = numbers[start]
            start += 1
    return stacked, names, rows
