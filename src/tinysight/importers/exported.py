"""Our own exports on their way back: the card that they carry, and a batch norm that changes nothing in each layer.

An export's batch norms are folded into its kernels and biases. They are not taken apart again: a kernel comes back as
it stands in the file, the bias becomes beta, and the rest is chosen so that folding gives the same bits once more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.card import Card, card_from_json
from tinysight.checkpoint.header import MAX_HEADER_BYTES
from tinysight.errors import CheckpointError, printable
from tinysight.importers.derive import Imported, finish
from tinysight.spec import Layer, layers

CARD_KEY = "tinysight.card"
MAX_FILE_BYTES = 512 << 20
HALF = ".half"  # behind the name of a kernel that is stored in float16
ROUNDED = "; kernels rounded to float16"


class Constant(NamedTuple):
    """An array in a file.

    Args:
        dtype: NumPy's name of it, or another one that is not read.
        shape: as the file states it, unchecked.
        content: its bytes, little-endian, as many as the file has for it.
    """

    dtype: str
    shape: tuple[int, ...]
    content: memoryview | bytes


class Layout(NamedTuple):
    """How a format orders a kernel: the shape in which it stores a layer's, and the way back to ``weight_shape``."""

    shape: Callable[[Layer], tuple[int, ...]]
    ours: Callable[[Layer, NDArray[Any]], NDArray[Any]]


def refuse_other_programs(where: str, what: str) -> NoReturn:
    """Refuse a file of the right kind that is none of our exports."""
    from tinysight.importers import ACCEPTED

    raise CheckpointError(f"{where} is {what} that tinysight did not write (it has no card); expected {ACCEPTED}")


def read_card(text: bytes | memoryview, resolution: int | None, where: str) -> Card:
    """Read the card of an export; with another resolution it loses its probes, whose answers that changes.

    Raises:
        CheckpointError: too long, or damaged.
    """
    if len(text) > MAX_HEADER_BYTES:
        raise CheckpointError(f"{where}: the model's card has {len(text)} bytes; at most {MAX_HEADER_BYTES} are read")
    try:
        card = card_from_json(bytes(text).decode())
        if resolution in (None, card.spec.resolution):
            return card
        side: dict[str, Any] = {"resolution": resolution}
        return replace(card, spec=replace(card.spec, **side), recipe=replace(card.recipe, **side), probes=())
    except UnicodeDecodeError:
        raise CheckpointError(f"{where}: the model's card is not UTF-8 text") from None
    except CheckpointError as error:
        raise CheckpointError(f"{where}: {printable(str(error), 300)}") from None


def _array(constants: Mapping[str, Constant], name: str, dtype: str, shape: tuple[int, ...], where: str) -> Any:
    if name not in constants:
        raise CheckpointError(f"{where}: array {name} is missing; was the file changed after tinysight wrote it?")
    stored = constants[name]
    if (stored.dtype, stored.shape) != (dtype, shape):
        found = f"{stored.dtype} of shape {str(stored.shape)[:80]}"
        raise CheckpointError(f"{where}: array {name} is {found}, expected {dtype} of shape {shape}")
    wanted = math.prod(shape) * np.dtype(dtype).itemsize
    if len(stored.content) != wanted:
        raise CheckpointError(f"{where}: array {name} has {len(stored.content)} bytes, expected {wanted}")
    values = np.frombuffer(stored.content, np.dtype(dtype).newbyteorder("<")).reshape(shape)
    return values.astype(np.float32)


def neutral(epsilon: float) -> tuple[float, float]:
    """Return a gamma and a variance for which gamma / sqrt(variance + epsilon) is 1 after rounding to float32.

    Gamma is a power of two whose square is above epsilon, so that the variance is above 0; rounding the variance to
    float32 moves the quotient by at most a quarter of what separates 1 from its neighbours.

    >>> neutral(1.0)
    (2.0, 3.0)
    """
    gamma = 1.0
    while gamma * gamma <= epsilon:
        gamma *= 2
    return gamma, gamma * gamma - epsilon


def _unfolded(
    card: Card, constants: Mapping[str, Constant], layout: Layout, where: str
) -> dict[str, NDArray[np.float32]]:
    gamma, variance = neutral(card.spec.bn_epsilon)
    arrays: dict[str, NDArray[np.float32]] = {}
    for layer in layers(card.spec):
        if layer.kind == "pool":
            continue
        name, channels = layer.name, (layer.output_shape[2],)
        kernel = f"{name}.kernel"
        stored = (kernel + HALF, "float16") if kernel + HALF in constants else (kernel, "float32")
        values = _array(constants, *stored, layout.shape(layer), where)
        arrays[kernel] = layout.ours(layer, values).reshape(layer.weight_shape)
        bias = _array(constants, f"{name}.bias", "float32", channels, where)
        if not layer.has_bn:
            arrays[f"{name}.bias"] = bias
            continue
        arrays[f"{name}_bn.gamma"] = np.full(channels, gamma, np.float32)
        arrays[f"{name}_bn.beta"] = bias
        arrays[f"{name}_bn.moving_mean"] = np.zeros(channels, np.float32)
        arrays[f"{name}_bn.moving_variance"] = np.full(channels, variance, np.float32)
    return finish(card.spec, arrays, where)


def read_export(
    text: bytes | memoryview,
    constants: Mapping[str, Constant],
    layout: Layout,
    where: str,
    resolution: int | None = None,
) -> Imported:
    """Turn what an export holds into a model.

    Args:
        text: the card, as ``Card.to_json`` in UTF-8.
        constants: the file's arrays by name: ``<layer>.kernel``, in float16 ``<layer>.kernel.half``, ``<layer>.bias``.
        layout: of its kernels.
        where: file name for the message.
        resolution: input side in pixels instead of the card's.

    Returns:
        The card's facts, and arrays that fold to the file's own bits. The card has no probes where the model no longer
        gives their answers: at another resolution, or with kernels rounded to float16.

    Raises:
        CheckpointError: a damaged card, numbers that are absent or of another form, or an int8 file.
    """
    card = read_card(text, resolution, where)
    if any(name.endswith(".kernel") and constant.dtype == "int8" for name, constant in constants.items()):
        raise CheckpointError(
            f"{where} is an int8 export, in which biases are rounded further than in tinysight's own int8; "
            "import the float32 export of the model, or give its own file to --model"
        )
    arrays = _unfolded(card, constants, layout, where)
    if any(name.endswith(HALF) for name in constants):
        card = replace(card, probes=(), source=card.source.removesuffix(ROUNDED) + ROUNDED)
    return Imported(card.spec, arrays, card.source, card.licence, card.labels, card.recipe, card.name, card)
