"""How one set of weights wants its pictures: the crop, the resize filter, the range of the numbers.

A recipe is stored in the checkpoint's card, so that nobody has to remember it. It matters more than precision does:
with the same weights, squashing pictures instead of cropping them costs about nine points of top-1.
This file needs neither Pillow nor NumPy; reading a card loads neither.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from tinysight.errors import UsageError
from tinysight.spec import MIN_RESOLUTION

Crop = Literal["center", "squash"]
Resample = Literal["nearest", "bilinear", "bicubic"]

# A card is an untrusted file: without a limit, one number in it could ask for terabytes.
MAX_RESOLUTION = 4096
SMALLEST_CROP = 1 / 4096
LARGEST_VALUE = 10**6  # of the range


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is done to an upright RGB picture before the network sees it.

    Args:
        resolution: side of the network's input in pixels, 32..4096.
        crop: ``center`` takes the centred square, ``squash`` the whole picture without keeping its proportions.
        crop_fraction: side of the square as a share of the picture's short side, 1/4096 to 1; 1 with ``squash``.
        resample: ``bilinear`` and ``bicubic`` average over all pixels that fall into one (antialias);
            ``nearest`` takes a single one.
        value_range: what 0 and 255 become, (low, high), low < high, neither beyond a million.

    Raises:
        UsageError: a value outside its range.
    """

    resolution: int = 224
    crop: Crop = "center"
    crop_fraction: float = 1.0
    resample: Resample = "bilinear"
    value_range: tuple[float, float] = (-1.0, 1.0)

    def __post_init__(self) -> None:
        side = self.resolution
        if isinstance(side, bool) or not isinstance(side, int) or not MIN_RESOLUTION <= side <= MAX_RESOLUTION:
            raise UsageError(
                f"resolution must be a whole number from {MIN_RESOLUTION} to {MAX_RESOLUTION}, received {side!r}"
            )
        for name, choices in (("crop", get_args(Crop)), ("resample", get_args(Resample))):
            value = getattr(self, name)
            if not isinstance(value, str) or value not in choices:
                raise UsageError(f"{name} must be one of {', '.join(choices)}, received {value!r}")
        if not _is_number(self.crop_fraction) or not SMALLEST_CROP <= self.crop_fraction <= 1:
            raise UsageError(f"crop_fraction must be from {SMALLEST_CROP} to 1, received {self.crop_fraction!r}")
        if self.crop == "squash" and self.crop_fraction != 1:
            raise UsageError(
                f"squash takes the whole picture: crop_fraction must be 1, received {self.crop_fraction!r}"
            )
        limits = self.value_range
        if not isinstance(limits, tuple) or len(limits) != 2 or not all(_is_number(limit) for limit in limits):
            raise UsageError(
                f"value_range must be a tuple of two numbers of at most {LARGEST_VALUE}, received {limits!r}"
            )
        if limits[0] >= limits[1]:
            raise UsageError(f"value_range must rise, received {limits!r}")

    @property
    def wanted_px(self) -> int | None:
        """The shorter side, in pixels, that a decoded picture must have for this recipe; None: every pixel counts.

        ``nearest`` picks single pixels, which decoding at a smaller size would change.
        """
        return None if self.resample == "nearest" else math.ceil(self.resolution / self.crop_fraction)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold."""
        return asdict(self) | {"value_range": list(self.value_range)}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_VALUE


def recipe_from_dict(fields: object) -> Recipe:
    """Read back ``Recipe.to_dict``; every key must be known, and all must be there.

    Raises:
        UsageError: an unknown or missing key, or a value outside its range.
    """
    if not isinstance(fields, dict):
        raise UsageError(f"a recipe must be an object, received {type(fields).__name__}")
    expected = set(Recipe.__dataclass_fields__)
    if set(fields) != expected:
        wrong = sorted(str(key) for key in set(fields) ^ expected)
        raise UsageError(
            f"a recipe has exactly the keys {', '.join(sorted(expected))}; unknown or missing: {wrong[:5]}"
        )
    limits = fields["value_range"]
    return Recipe(**fields | {"value_range": tuple(limits) if isinstance(limits, list) else limits})


# By the name that ``--recipe`` takes. Shares of 500 ImageNet training photographs that the float weights of 1.0-224
# named right: center 93.8 %, center-87.5 92.4 %, keras 84.8 %.
RECIPES = MappingProxyType(
    {
        "center": Recipe(),
        "center-87.5": Recipe(crop_fraction=0.875),
        # What keras.utils.load_img(target_size=...) does, bit for bit; tutorials for this network do the same.
        "keras": Recipe(crop="squash", resample="nearest"),
    }
)


def recipe_named(name: str, resolution: int = 224) -> Recipe:
    """Return the recipe called ``name`` for an input of ``resolution`` x ``resolution`` pixels.

    Raises:
        UsageError: an unknown name or a resolution outside 32..4096.

    >>> recipe_named("keras", 128)
    Recipe(resolution=128, crop='squash', crop_fraction=1.0, resample='nearest', value_range=(-1.0, 1.0))
    """
    if name not in RECIPES:
        raise UsageError(f"unknown recipe {name!r}; recipes: {', '.join(RECIPES)}")
    return replace(RECIPES[name], resolution=resolution)
