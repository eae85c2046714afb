"""What ``MobileNet`` accepts, checked before Keras is asked for anything, and where its weights come from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import UsageError, printable
from tinysight.importers.derive import DEFAULT_RESOLUTION
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import (
    MIN_RESOLUTION,
    RELEASED_ALPHAS,
    RELEASED_RESOLUTIONS,
    Spec,
    array_shapes,
    layers,
)

Arrays = dict[str, NDArray[np.float32]]
POOLINGS = (None, "avg", "max")


class Sides(NamedTuple):
    """Height and width of the network's input in pixels; None where they may change from batch to batch."""

    height: int | None
    width: int | None

    @property
    def released(self) -> int | None:
        """The side, if weights were released for exactly this input."""
        return self.height if self.height == self.width and self.height in RELEASED_RESOLUTIONS else None


def checked_sides(input_shape: Sequence[int | None] | None, include_top: bool) -> Sides:
    """Read Keras' ``input_shape``: (height, width, 3), None for 224 x 224 with the head and for any size without.

    Raises:
        UsageError: another form, a side below 32, other than 3 channels, or an open side with the head.
    """
    if input_shape is None:
        return Sides(DEFAULT_RESOLUTION, DEFAULT_RESOLUTION) if include_top else Sides(None, None)
    shape = tuple(input_shape) if isinstance(input_shape, tuple | list) else ()
    if len(shape) != 3 or not all(side is None or _is_side(side) for side in shape[:2]) or shape[2] != 3:
        raise UsageError(
            f"input_shape must be (height, width, 3), each side None or a whole number of at least {MIN_RESOLUTION}, "
            f"received {input_shape!r}"
        )
    if include_top and None in shape:
        raise UsageError(f"with include_top=True both sides must be known, received input_shape={input_shape!r}")
    return Sides(shape[0], shape[1])


def _is_side(side: object) -> bool:
    return isinstance(side, int) and not isinstance(side, bool) and side >= MIN_RESOLUTION


def check_pooling(pooling: str | None) -> None:
    """Refuse a ``pooling`` that Keras does not know.

    Raises:
        UsageError: not None, ``avg`` or ``max``.
    """
    if pooling not in POOLINGS:
        raise UsageError(f"pooling must be None, 'avg' or 'max', received {pooling!r}")


def check_range(recipe: Recipe, where: str) -> None:
    """Refuse weights for pixels of another range than ``preprocess_input`` gives; a Keras model does not state one.

    Args:
        recipe: of the weights.
        where: file name for the message.

    Raises:
        UsageError: not -1..1.
    """
    low, high = recipe.value_range
    if (low, high) != Recipe().value_range:
        raise UsageError(
            f"{where} takes pixels of {low:g}..{high:g}; preprocess_input gives -1..1, "
            "and only weights for that are put into a Keras model"
        )


def find_weights(weights: str | os.PathLike[str] | None, spec: Spec, sides: Sides) -> tuple[Spec, Arrays] | None:
    """Get the numbers that the ``weights`` argument names, as those of ``spec``.

    Args:
        weights: None for random ones; ``imagenet`` for the released model of this alpha and size; or a file: one of
            our ``.safetensors``, or anything that ``importers`` reads, such as Keras' ``.h5`` and ``.weights.h5``.
        spec: the network that was asked for.
        sides: its input.

    Returns:
        The spec, with the batch-norm epsilon that the weights were trained with, and its arrays; None for random.

    Raises:
        UsageError: no such file, weights of another network than the one asked for, or for pixels of another range.
        CheckpointError: a damaged file.
        StoreError: released weights that cannot be fetched.
    """
    if weights is None:
        return None
    if weights == "imagenet":
        from tinysight.models import open_model

        checkpoint = open_model(_released(spec, sides).name, precision="float32")
        check_range(checkpoint.card.recipe, "weights='imagenet'")
        return _fit(spec, checkpoint.card.spec, checkpoint.arrays, "weights='imagenet'")
    if not isinstance(weights, str | os.PathLike) or not Path(weights).is_file():
        raise UsageError(
            f"weights must be None, 'imagenet' or an existing file (.safetensors, .h5, .weights.h5), "
            f"received {printable(repr(weights))}"
        )
    where = printable(os.fspath(weights))
    if Path(weights).suffix == ".safetensors":
        from tinysight.checkpoint import read_checkpoint

        checkpoint = read_checkpoint(weights)
        check_range(checkpoint.card.recipe, where)
        return _fit(spec, checkpoint.card.spec, checkpoint.float_arrays(f"a Keras model with {where}"), where)
    from tinysight.importers import import_file

    imported = import_file(weights)
    return _fit(spec, imported.spec, imported.arrays, where)


def _released(spec: Spec, sides: Sides) -> Spec:
    if (
        spec.alpha not in RELEASED_ALPHAS
        or spec.depth_multiplier != 1
        or (spec.include_top and spec.num_classes != Spec().num_classes)
    ):
        raise UsageError(
            f"weights='imagenet' exist for alpha {', '.join(map(str, RELEASED_ALPHAS))}, depth_multiplier 1 and "
            f"{Spec().num_classes} classes; received {_traits(spec)}"
        )
    if sides.released is None and spec.include_top:
        sizes = ", ".join(f"({side}, {side}, 3)" for side in RELEASED_RESOLUTIONS)
        raise UsageError(
            f"weights='imagenet' with the head exist for the input_shapes {sizes}; "
            f"received ({sides.height}, {sides.width}, 3)"
        )
    if sides.released is None and None not in sides:
        warnings.warn(
            f"no weights were released for {sides.height} x {sides.width} pixels: using those of {DEFAULT_RESOLUTION}",
            stacklevel=4,
        )
    return Spec(alpha=spec.alpha, resolution=sides.released or DEFAULT_RESOLUTION)


def _fit(asked: Spec, found: Spec, arrays: Arrays, where: str) -> tuple[Spec, Arrays]:
    """Keep the arrays that the network asked for has; a head it does not have is left out."""
    shapes = array_shapes(asked)
    if any(name not in arrays or arrays[name].shape != shape for name, shape in shapes.items()):
        raise UsageError(f"{where} holds a network of {_traits(found)}; asked for {_traits(asked)}")
    # At the size of the training the two rules must be one: 'keras' and 'same' are while every side is even.
    if [row.pad for row in layers(found)] != [row.pad for row in layers(replace(found, padding=asked.padding))]:
        raise UsageError(
            f"{where} was trained with padding={found.padding!r}, asked for padding={asked.padding!r}: "
            "the answers would be wrong"
        )
    return replace(asked, bn_epsilon=found.bn_epsilon), {name: arrays[name] for name in shapes}


def _traits(spec: Spec) -> str:
    head = f"classes={spec.num_classes}" if spec.include_top else "include_top=False"
    return f"alpha={spec.alpha}, depth_multiplier={spec.depth_multiplier}, {head}"
