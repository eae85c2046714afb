"""Rounding in which later weights make up for the errors of earlier ones, inside the bounds of the 8-bit product.

GPTQ (Frantar et al., arXiv 2210.17323) in the form of Babai's nearest plane. With H = L @ L.T, the error of the
rounded column q against the wanted one w, (w - q) @ H @ (w - q), is a sum of squares, one a weight, in which weight j
meets only the weights after it. So the last weight is rounded first, and each one before takes the value that cancels
what the errors behind it do to the outputs. A weight that its lane has no room for is cut, and its error is cancelled
likewise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.integers import MAX_ACTIVATION, POOL_UNITS
from tinysight.quantize.bounds import INT16_MAX, INT32_MAX, LANES, RUN
from tinysight.quantize.exact import BLOCK, Matrix, cholesky, on_grid, product

HIGHEST = 127  # of a weight: 8 bits, symmetric
SMALLEST_SCALE = 1e-30  # of a channel whose weights are all zero


def lane_numbers(depth: int) -> NDArray[np.int64]:
    """Return for each input channel the number of the int16 lane that its products are added in."""
    within = np.zeros(RUN, np.int64)
    for number, lane in enumerate(LANES):
        within[list(lane)] = number
    channels = np.arange(depth)
    numbers: NDArray[np.int64] = channels // RUN * len(LANES) + within[channels % RUN]
    return numbers


@dataclass(frozen=True, eq=False, slots=True)
class Room:
    """What may be added up without overflow.

    Args:
        groups: int64 ``(depth,)``, the number of the sum that each input channel's product goes into.
        size: what the positive weights of one group, and its negative ones, may add up to.
    """

    groups: NDArray[np.int64]
    size: int


def pointwise_room(depth: int) -> Room:
    """Return the room of a pointwise layer: int16 lanes of four products, inputs 0..255."""
    return Room(lane_numbers(depth), INT16_MAX // MAX_ACTIVATION["int8"])


def head_room(depth: int) -> Room:
    """Return the room of the head: one int32 sum, inputs up to 255 in parts of ``POOL_UNITS``."""
    return Room(np.zeros(depth, np.int64), INT32_MAX // (MAX_ACTIVATION["int8"] * POOL_UNITS["int8"]))


def finest_scale(weights: Matrix, room: Room) -> Matrix:
    """Return for each output the smallest scale at which the weights, not rounded yet, fit 8 bits and their sums.

    Args:
        weights: float64 ``(depth, outputs)``, for inputs counted in units.
        room: of this layer.

    Returns:
        float64 ``(outputs,)``, > 0.
    """
    sums = np.zeros((2, int(room.groups.max()) + 1, weights.shape[1]))
    np.add.at(sums[0], room.groups, np.maximum(weights, 0))
    np.add.at(sums[1], room.groups, np.maximum(-weights, 0))
    scale = np.maximum(np.abs(weights).max(axis=0) / HIGHEST, sums.max(axis=(0, 1)) / room.size)
    floored: Matrix = np.maximum(scale, SMALLEST_SCALE)
    return floored


def round_weights(weights: Matrix, moments: Matrix, scale: Matrix, room: Room) -> Matrix:
    """Round the weights of one convolution without taps, all output channels at once.

    Args:
        weights: float64 ``(depth, outputs)``, for inputs counted in units.
        moments: float64 ``(depth, depth)``, what an error of the weights costs: the inputs' second moments with a
            positive amount added to the diagonal.
        scale: float64 ``(outputs,)``, what one unit of a rounded weight is worth, > 0.
        room: of this layer.

    Returns:
        Whole numbers of at most 127, float64 ``(depth, outputs)``, whose sums cannot overflow.
    """
    # The inputs that vary most come last, hence are rounded first, while every sum has room.
    order = np.argsort(np.diag(moments), kind="stable")
    lower = on_grid(cholesky(moments[order][:, order]), len(weights), HIGHEST)
    wanted = product(np.ascontiguousarray(lower.T), weights[order])
    whole = np.zeros_like(wanted)
    whole[order] = _nearest_plane(lower, wanted, scale, Room(room.groups[order], room.size))
    return whole


def _nearest_plane(lower: Matrix, wanted: Matrix, scale: Matrix, room: Room) -> Matrix:
    """Go back through ``lower.T @ weights = wanted``, rounding each row of weights before the next is solved."""
    depth, outputs = wanted.shape
    whole = np.zeros((depth, outputs))
    left = np.full((2, int(room.groups.max()) + 1, outputs), float(room.size))
    for end in range(depth, 0, -BLOCK):
        start = max(0, end - BLOCK)
        behind = np.ascontiguousarray(lower[end:, start:end].T) @ whole[end:]
        for row in range(end - 1, start - 1, -1):
            group, diagonal = room.groups[row], lower[row, row]
            ideal = (wanted[row] - behind[row - start] * scale) / (diagonal * scale)
            highest, lowest = np.minimum(left[0, group], HIGHEST), -np.minimum(left[1, group], HIGHEST)
            chosen = np.minimum(np.maximum(np.rint(ideal), lowest), highest)
            left[0, group] -= np.maximum(chosen, 0)
            left[1, group] -= np.maximum(-chosen, 0)
            whole[row] = chosen
            behind[: row - start] += lower[row, start:row, None] * chosen
    return whole
