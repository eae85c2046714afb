"""One picture, seen a little differently every time: a random crop, perhaps mirrored, in slightly other colours.

It has to be cheap: a small network on two cores takes 400 pictures a second, and what is spent here is not spent there.
So the three colour changes are one matrix (see ``colours``), and mirroring copies three planes, which NumPy does four
times faster than pixels of three bytes.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import UsageError
from tinysight.preprocess import resize
from tinysight.spec import MIN_RESOLUTION
from tinysight.train.colours import recolour
from tinysight.train.randaugment import LARGEST_MAGNITUDE, rand_augment

_CROP_TRIES = 10  # as torchvision's RandomResizedCrop


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How different a picture may look.

    Args:
        scale: share of the picture's area that a crop takes, (least, most), above 0 to 1.
        ratio: width by height of a crop, (least, most), 1/10 to 10.
        flip: how often a picture is mirrored, 0..1.
        brightness: colours are multiplied by up to 1 -+ this, 0..1.
        contrast: distances from the mean grey are multiplied by up to 1 -+ this, 0..1.
        saturation: distances from each pixel's grey are multiplied by up to 1 -+ this, 0..1.
        randaugment: (operations for each picture 1..14, magnitude 0..10), or None for none.
        mixup: parameter of the Beta distribution of the shares of two blended pictures, 0 (off) to 10.
        cutmix: the same for the share of a rectangle that comes from another picture; with both, each
            has half of the batches.
        erasing: how often a rectangle is replaced by noise, 0..1.

    Raises:
        UsageError: a value outside its range.
    """

    scale: tuple[float, float] = (0.25, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.2
    randaugment: tuple[int, int] | None = None
    mixup: float = 0.0
    cutmix: float = 0.0
    erasing: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (("scale", 0.001, 1.0), ("ratio", 0.1, 10.0)):
            limits = getattr(self, name)
            if not _is_pair(limits) or not low <= limits[0] <= limits[1] <= high:
                raise UsageError(f"{name} must be (least, most) from {low:g} to {high:g}, received {limits!r}")
        for name in ("flip", "brightness", "contrast", "saturation", "erasing", "mixup", "cutmix"):
            value, high = getattr(self, name), 10 if name in ("mixup", "cutmix") else 1
            if not _is_number(value) or not 0 <= value <= high:
                raise UsageError(f"{name} must be from 0 to {high}, received {value!r}")
        pair = self.randaugment
        if pair is not None and not (_is_pair(pair, int) and 1 <= pair[0] <= 14 and 0 <= pair[1] <= LARGEST_MAGNITUDE):
            raise UsageError(
                f"randaugment must be (operations 1 to 14, magnitude 0 to {LARGEST_MAGNITUDE}), received {pair!r}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def _is_number(value: object, kind: Any = (int, float)) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _is_pair(value: object, kind: Any = (int, float)) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(_is_number(number, kind) for number in value)


def augment_one(
    picture: NDArray[np.uint8], resolution: int, augmentation: Augmentation, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Crop, resize, mirror and recolour one picture at random.

    Args:
        picture: uint8 ``(height, width, 3)`` RGB of any size; not modified.
        resolution: side of the result in pixels, from 32.
        augmentation: what may happen to it; mixing and erasing belong to batches, see ``mix``.
        rng: where chance comes from; the same state gives the same picture.

    Returns:
        A new uint8 array ``(resolution, resolution, 3)``. The installation without the compiled part gives colours
        that differ by a step or two.

    Raises:
        UsageError: a resolution below 32.
    """
    if resolution < MIN_RESOLUTION:
        raise UsageError(f"resolution must be at least {MIN_RESOLUTION}, received {resolution}")
    top, left, height, width = draw_box(picture.shape[0], picture.shape[1], augmentation, rng)
    square = _resized(picture[top : top + height, left : left + width], resolution)
    if rng.random() < augmentation.flip:
        square = _mirrored(square)
    if augmentation.randaugment is not None:
        square = rand_augment(square, *augmentation.randaugment, rng)
    brightness, contrast, saturation = (
        1 + strength * (2 * rng.random() - 1)
        for strength in (augmentation.brightness, augmentation.contrast, augmentation.saturation)
    )
    if not brightness == contrast == saturation == 1:
        recolour(square, brightness, contrast, saturation)
    return square


def draw_box(
    height: int, width: int, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Return (top, left, height, width), in pixels, of a random part of a picture.

    Area and the logarithm of the proportions are uniform (torchvision's RandomResizedCrop, after "Going deeper with
    convolutions", section 6). Where ten draws do not fit, it is the largest centred part
    with proportions as near as allowed.
    """
    (least, most), (narrow, wide) = augmentation.scale, augmentation.ratio
    for _ in range(_CROP_TRIES):
        area = height * width * (least + (most - least) * rng.random())
        ratio = narrow * (wide / narrow) ** rng.random()
        rows, columns = max(1, round(math.sqrt(area / ratio))), max(1, round(math.sqrt(area * ratio)))
        if rows <= height and columns <= width:
            return int((height - rows + 1) * rng.random()), int((width - columns + 1) * rng.random()), rows, columns
    ratio = min(max(width / height, narrow), wide)
    rows, columns = min(height, max(1, round(width / ratio))), min(width, max(1, round(height * ratio)))
    return (height - rows) // 2, (width - columns) // 2, rows, columns


def _mirrored(square: NDArray[np.uint8]) -> NDArray[np.uint8]:
    mirrored = np.empty_like(square)
    for channel in range(3):
        mirrored[..., channel] = square[:, ::-1, channel]
    return mirrored


def _resized(part: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    native = _native()
    if native is None:
        return resize(part, side, side)
    square = np.empty((side, side, 3), np.uint8)
    native.resize(part, square)
    return square


@lru_cache(maxsize=1)
def _native() -> ModuleType | None:
    """Return the compiled part, if it is there: it resizes in half of Pillow's time, without a copy first."""
    try:
        from tinysight import _native
    except ImportError:
        return None
    return _native
