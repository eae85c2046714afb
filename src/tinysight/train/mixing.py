"""What is done to a whole batch: pictures blended, patched with one another, or partly erased."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tinysight.train.augment import Augmentation

# Of "Random Erasing Data Augmentation" (Zhong et al. 2017, arXiv 1708.04896), section 4.2.
ERASED_SHARE = (0.02, 0.4)
ERASED_RATIO = (0.3, 1 / 0.3)
_TRIES = 10


def mix(
    images: NDArray[np.uint8], targets: NDArray[np.float32], augmentation: Augmentation, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Apply mixup or cutmix, then random erasing, as far as the augmentation asks for them.

    Args:
        images: uint8 ``(N, R, R, C)``, pictures or activations; erased in place, otherwise not modified.
        targets: float32 ``(N, C)``, each row sums to 1; not modified.
        augmentation: ``mixup``, ``cutmix`` and ``erasing`` count here.
        rng: where chance comes from.

    Returns:
        Images and targets of the same shapes; the given arrays themselves where nothing was mixed.
    """
    if augmentation.mixup or augmentation.cutmix:
        by_area = bool(augmentation.cutmix) and (not augmentation.mixup or rng.random() < 0.5)
        partners = rng.permutation(len(images))
        strength = augmentation.cutmix if by_area else augmentation.mixup
        shares = rng.beta(strength, strength, len(images))
        images, shares = (cutmix if by_area else mixup)(images, partners, shares, rng)
        kept = shares.astype(np.float32)[:, None]
        targets = kept * targets + (1 - kept) * targets[partners]
    if augmentation.erasing:
        for image in images:
            if rng.random() < augmentation.erasing:
                erase(image, rng)
    return images, targets


def mixup(
    images: NDArray[np.uint8], partners: NDArray[np.intp], shares: NDArray[np.float64], _: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Blend each picture with its partner (Zhang et al. 2018, arXiv 1710.09412).

    Args:
        images: uint8 ``(N, R, R, C)``; not modified.
        partners: index of each picture's partner, ``(N,)``.
        shares: of the picture itself, 0..1, ``(N,)``; the partner has the rest.

    Returns:
        New images, and the shares as they were used: in parts of 256, so that no floats are needed for the pixels.
    """
    parts = np.rint(shares * 256).astype(np.uint16)
    mixed = np.empty_like(images)
    for i, part in enumerate(parts):
        blend = images[i] * part + images[partners[i]] * np.uint16(256 - part)  # at most 255 * 256, fits in 16 bits
        mixed[i] = (blend + np.uint16(128)) >> 8
    return mixed, parts / 256


def cutmix(
    images: NDArray[np.uint8], partners: NDArray[np.intp], shares: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Replace a rectangle of each picture by its partner's (Yun et al. 2019, arXiv 1905.04899).

    Args:
        images: uint8 ``(N, R, R, C)``; not modified.
        partners: index of each picture's partner, ``(N,)``.
        shares: of the picture's own area, 0..1, ``(N,)``, before the border cuts the rectangle.
        rng: where the centres of the rectangles come from.

    Returns:
        New images, and the shares of the area that are left of each picture.
    """
    mixed = images.copy()
    side = images.shape[1]
    kept = np.ones(len(images))
    for i, share in enumerate(shares):
        half = round(side * math.sqrt(1 - share)) / 2
        y, x = side * rng.random(2)
        top, bottom, left, right = (int(min(max(at, 0), side)) for at in (y - half, y + half, x - half, x + half))
        mixed[i, top:bottom, left:right] = images[partners[i], top:bottom, left:right]
        kept[i] = 1 - (bottom - top) * (right - left) / side**2
    return mixed, kept


def erase(image: NDArray[np.uint8], rng: np.random.Generator) -> None:
    """Replace a random rectangle by noise, in place (Zhong et al. 2017, arXiv 1708.04896).

    Args:
        image: uint8 ``(R, R, 3)``.
        rng: where place, size and noise come from.
    """
    side = image.shape[0]
    for _ in range(_TRIES):
        area = side**2 * rng.uniform(*ERASED_SHARE)
        ratio = math.exp(rng.uniform(math.log(ERASED_RATIO[0]), math.log(ERASED_RATIO[1])))
        rows, columns = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 1 <= rows <= side and 1 <= columns <= side:
            top, left = rng.integers(side - rows + 1), rng.integers(side - columns + 1)
            image[top : top + rows, left : left + columns] = rng.integers(0, 256, (rows, columns, 3), np.uint8)
            return
