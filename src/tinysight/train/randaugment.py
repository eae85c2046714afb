"""RandAugment (Cubuk et al. 2020, arXiv 1909.13719): a few of fourteen changes, all of one strength.

The changes and their ranges are those of AutoAugment (Cubuk et al. 2018, arXiv 1805.09501, table 6), which both papers
share. Each takes a strength from -1 to 1 and returns a new picture, or the given one where nothing changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tinysight.train.colours import recolour

LARGEST_MAGNITUDE = 10
_FILL = 128  # what comes in from outside a picture that is moved: the middle grey, zero for the network

_Pixels = NDArray[np.uint8]


def rand_augment(square: _Pixels, operations: int, magnitude: int, rng: np.random.Generator) -> _Pixels:
    """Apply some operations, drawn with repetition, each at the same magnitude.

    Args:
        square: uint8 ``(R, R, 3)`` RGB; not modified.
        operations: how many, from 1.
        magnitude: 0 to 10, the largest distortion; directions are drawn. At 0 ``autocontrast`` and ``equalize``,
            which have no strength, still act.
        rng: where chance comes from.

    Returns:
        uint8 ``(R, R, 3)``.
    """
    names = list(OPERATIONS)
    for _ in range(operations):
        operation = OPERATIONS[names[int(len(names) * rng.random())]]
        direction = 1 if rng.random() < 0.5 else -1
        square = operation(square, direction * magnitude / LARGEST_MAGNITUDE)
    return square


def autocontrast(square: _Pixels, _: float = 0.0) -> _Pixels:
    """Stretch each channel to 0..255."""
    table = np.tile(np.arange(256, dtype=np.uint8), (3, 1))
    # Rows first, then columns: NumPy is twenty times slower over both at once.
    lows, highs = square.min(axis=0).min(axis=0).tolist(), square.max(axis=0).max(axis=0).tolist()
    for channel, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if high > low:
            stretched = (np.arange(256.0) - low) * (255 / (high - low))
            table[channel] = np.clip(stretched + 1e-9, 0, 255).astype(np.uint8)  # 254.999... is 255
    return _looked_up(square, table)


def equalize(square: _Pixels, _: float = 0.0) -> _Pixels:
    """Spread each channel so that all its values are about equally frequent, in the whole numbers that Pillow uses."""
    table = np.tile(np.arange(256, dtype=np.uint8), (3, 1))
    for channel in range(3):
        counts = np.bincount(square[..., channel].ravel(), minlength=256)
        step = (counts.sum() - counts[counts > 0][-1]) // 255
        if step > 0:
            below = np.cumsum(counts) - counts
            table[channel] = np.minimum((below + step // 2) // step, 255)
    return _looked_up(square, table)


def posterize(square: _Pixels, strength: float) -> _Pixels:
    """Keep the upper 8 (strength 0) to 4 bits of each value."""
    return square & np.uint8(0xFF << round(4 * abs(strength)) & 0xFF)


def solarize(square: _Pixels, strength: float) -> _Pixels:
    """Invert the values from 256 (strength 0: none) down to 0 (all) on."""
    return np.where(square < round(256 * (1 - abs(strength))), square, ~square)


def sharpness(square: _Pixels, strength: float) -> _Pixels:
    """Move each pixel away from (or towards) the mean of its neighbours, itself five times in it; not at the border."""
    values = square.astype(np.float32)
    rows = values[:-2] + values[1:-1] + values[2:]
    smooth = (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4 * values[1:-1, 1:-1]) / 13
    inner = values[1:-1, 1:-1]
    sharp = square.copy()
    sharp[1:-1, 1:-1] = np.clip(smooth + (1 + 0.9 * strength) * (inner - smooth) + 0.5, 0, 255)
    return sharp


def moved(square: _Pixels, matrix: tuple[float, float, float, float], shift: tuple[float, float]) -> _Pixels:
    """Fetch each pixel from another place: the nearest one; middle grey where that is outside.

    Args:
        square: uint8 ``(R, R, 3)``.
        matrix: a, b, c, d of x' = a x + b y + shift, y' = c x + d y + shift, where x and y count from the centre of the
            result and x', y' from that of ``square``.
        shift: along x and y, in pixels.
    """
    side = square.shape[0]
    at = np.arange(side) - (side - 1) / 2
    a, b, c, d = matrix
    columns = np.floor(a * at + b * at[:, None] + (shift[0] + side / 2)).astype(np.intp)
    rows = np.floor(c * at + d * at[:, None] + (shift[1] + side / 2)).astype(np.intp)
    inside = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
    # Pixels as one value of three bytes: indexing takes a third of the time.
    pixels = np.ascontiguousarray(square).view("V3").reshape(-1)
    fetched = pixels[np.where(inside, rows * side + columns, 0)].view(np.uint8).reshape(side, side, 3)
    fetched[~inside] = _FILL
    return fetched


def _recoloured(square: _Pixels, brightness: float = 1.0, contrast: float = 1.0, saturation: float = 1.0) -> _Pixels:
    square = square.copy()
    recolour(square, brightness, contrast, saturation)
    return square


def _rotated(square: _Pixels, strength: float) -> _Pixels:
    angle = math.radians(30 * strength)
    cosine, sine = math.cos(angle), math.sin(angle)
    return moved(square, (cosine, sine, -sine, cosine), (0, 0))


def _looked_up(square: _Pixels, table: _Pixels) -> _Pixels:
    out = np.empty_like(square)
    for channel in range(3):
        out[..., channel] = table[channel].take(square[..., channel])
    return out


# Translation is by up to 150 of AutoAugment's 331 pixels.
OPERATIONS: Mapping[str, Callable[[_Pixels, float], _Pixels]] = MappingProxyType(
    {
        "identity": lambda square, _: square,
        "autocontrast": autocontrast,
        "equalize": equalize,
        "rotate": _rotated,
        "solarize": solarize,
        "color": lambda square, strength: _recoloured(square, saturation=1 + 0.9 * strength),
        "posterize": posterize,
        "contrast": lambda square, strength: _recoloured(square, contrast=1 + 0.9 * strength),
        "brightness": lambda square, strength: _recoloured(square, brightness=1 + 0.9 * strength),
        "sharpness": sharpness,
        "shear_x": lambda square, strength: moved(square, (1, 0.3 * strength, 0, 1), (0, 0)),
        "shear_y": lambda square, strength: moved(square, (1, 0, 0.3 * strength, 1), (0, 0)),
        "translate_x": lambda square, strength: moved(square, (1, 0, 0, 1), (150 / 331 * len(square) * strength, 0)),
        "translate_y": lambda square, strength: moved(square, (1, 0, 0, 1), (0, 150 / 331 * len(square) * strength)),
    }
)
