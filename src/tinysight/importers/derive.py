"""From the shapes of the arrays to the network that has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.arrays import check_arrays, check_names
from tinysight.checkpoint.card import Card
from tinysight.errors import CheckpointError, UsageError, printable
from tinysight.labels import Label
from tinysight.preprocess.recipe import MAX_RESOLUTION, Recipe
from tinysight.spec import BLOCKS, KERNEL_SIZE, STEM_FILTERS, Padding, Spec, array_shapes

Shapes = Mapping[str, tuple[int, ...]]
MAX_CHANNELS = 1 << 20
DEFAULT_RESOLUTION = Spec().resolution


@dataclass(frozen=True, eq=False, slots=True)
class Imported:
    """A model out of a foreign file.

    Args:
        spec: the network, from facts of the file.
        arrays: float32 by our names, in the network's order.
        source: the kind of file and its name, in words.
        licence: of the weights; foreign files do not state it, so ``unknown`` unless the caller knows.
        labels: by class index, where the file holds them.
        recipe: how its pictures are prepared, where the file says so.
        name: of the model, where the file holds one.
        card: the model's own, where the file is one of our exports; its probes are those that the arrays must give.
    """

    spec: Spec
    arrays: dict[str, NDArray[np.float32]]
    source: str
    licence: str = "unknown"
    labels: tuple[Label, ...] | None = None
    recipe: Recipe | None = None
    name: str | None = None
    card: Card | None = None


def alpha_from_widths(widths: tuple[int, ...]) -> float | None:
    """Find the width multiplier under which the layers have these numbers of channels.

    Several values give the same widths; the one with the fewest decimals is returned, so 0.35 comes back as 0.35.

    Args:
        widths: output channels of the stem and of the 13 pointwise layers.

    Returns:
        alpha > 0, or None when no alpha gives these widths.

    >>> alpha_from_widths((11, 22, 44, 44, 89, 89, 179, 179, 179, 179, 179, 179, 358, 358))
    0.35
    """
    filters = (STEM_FILTERS, *(count for count, _ in BLOCKS))
    # width = max(1, int(filters * alpha)): a width of 1 also comes from any smaller alpha.
    low = max(Fraction(width if width > 1 else 0, count) for width, count in zip(widths, filters, strict=True))
    high = min(Fraction(width + 1, count) for width, count in zip(widths, filters, strict=True))
    for decimals in range(18):
        step = 10**decimals
        candidate = Fraction(max(1, math.ceil(low * step)), step)
        if candidate < high:
            alpha = float(candidate)
            if tuple(max(1, int(count * alpha)) for count in filters) == widths:
                return alpha
    return None


def _channels(shapes: Shapes, name: str, form: tuple[int | str, ...], where: str) -> tuple[int, ...]:
    """Return the free sizes (given as words in ``form``) of an array's shape."""
    if name not in shapes:
        held = f"{len(shapes)} arrays, the first {printable(next(iter(shapes)), 80)}" if shapes else "none"
        raise CheckpointError(f"{where}: array {name} is missing from this MobileNet v1; the file has {held}")
    shape = shapes[name]
    fits = len(shape) == len(form) and all(isinstance(f, str) or f == s for s, f in zip(shape, form, strict=True))
    if not fits or not all(0 < size <= MAX_CHANNELS for size in shape):
        wanted = ", ".join(map(str, form))
        raise CheckpointError(f"{where}: array {name} has shape {printable(str(shape), 80)}, expected ({wanted})")
    return tuple(size for size, wanted in zip(shape, form, strict=True) if isinstance(wanted, str))


def spec_from_shapes(
    shapes: Shapes, where: str, *, resolution: int, padding: Padding = "keras", bn_epsilon: float = 1e-3
) -> Spec:
    """Return the one network whose arrays have exactly these names and shapes.

    Args:
        shapes: by our array names, for example ``conv1.kernel``: (3, 3, 3, 32).
        where: file name for the message.
        resolution: input side in pixels; shapes do not tell it.
        padding, bn_epsilon: as in ``Spec``; shapes do not tell them.

    Raises:
        CheckpointError: an array is missing, unknown, or of a shape that no member of the family has; a resolution
            or epsilon out of range.
    """
    (stem,) = _channels(shapes, "conv1.kernel", (KERNEL_SIZE, KERNEL_SIZE, 3, "filters"), where)
    _, multiplier = _channels(
        shapes, "conv_dw_1.kernel", (KERNEL_SIZE, KERNEL_SIZE, "channels", "depth_multiplier"), where
    )
    pointwise = (f"conv_pw_{block}.kernel" for block in range(1, len(BLOCKS) + 1))
    widths = (stem, *(_channels(shapes, name, (1, 1, "channels", "filters"), where)[1] for name in pointwise))
    alpha = alpha_from_widths(widths)
    if alpha is None:
        raise CheckpointError(f"{where}: no width multiplier gives layers of {', '.join(map(str, widths))} channels")
    head: dict[str, Any] = {"include_top": False}
    if "conv_preds.kernel" in shapes or "conv_preds.bias" in shapes:
        head = {"num_classes": _channels(shapes, "conv_preds.kernel", (1, 1, "channels", "classes"), where)[1]}
    if resolution > MAX_RESOLUTION:
        raise CheckpointError(f"{where}: a resolution of {str(resolution)[:20]} px; at most {MAX_RESOLUTION} is read")
    try:
        spec = Spec(alpha, resolution, multiplier, padding=padding, bn_epsilon=bn_epsilon, **head)
    except UsageError as error:
        raise CheckpointError(f"{where}: {printable(str(error), 300)}") from None
    check_names(spec, set(shapes), where)
    for name, shape in array_shapes(spec).items():
        if shapes[name] != shape:
            raise CheckpointError(
                f"{where}: array {name} has shape {printable(str(shapes[name]), 80)}, expected {shape}"
            )
    return spec


def finish(spec: Spec, arrays: Mapping[str, NDArray[np.generic]], where: str) -> dict[str, NDArray[np.float32]]:
    """Check the values; beyond ``check_arrays``, refuse a layer of zeros, the trace of a copy that was cut short.

    Raises:
        CheckpointError: as ``check_arrays``, or a kernel or variance that holds only zeros.
    """
    checked = check_arrays(spec, arrays, where)
    for name, values in checked.items():
        if name.endswith((".kernel", ".moving_variance")) and not values.any():
            raise CheckpointError(f"{where}: array {name} holds only zeros; the file was not written to its end")
    return checked
