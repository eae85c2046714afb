"""Rounding in which later weights make up for the errors of earlier ones, inside the bounds of the 8-bit product.

GPTQ (Frantar et al., arXiv 2210.17323) in the form of Babai's nearest plane. With H = L @ L.T, the error of the
rounded column q against the wanted one w, (w - q) @ H @ (w - q), is a sum of squares, one a weight, in which weight j
meets only the weights after it. So the last weight is rounded first, and each one before takes the value that cancels
what the errors behind it do to the outputs. A weight that its lane has no room for is cut, and its error is cancelled
likewise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinysight.quantize.bounds import INT16_MAX, LANES, RUN
from tinysight.quantize.exact import BLOCK, Matrix, cholesky, on_grid, product

HIGHEST = 127  # of a weight: 8 bits, symmetric
LANE_ROOM = INT16_MAX // 255  # what the positive or the negative weights of one lane may add up to
SMALLEST_SCALE = 1e-30  # of a channel whose weights are all zero


def lane_numbers(depth: int) -> NDArray[np.int64]:
    """Return for each input channel the number of the int16 lane that its products are added in."""
    within = np.zeros(RUN, np.int64)
    for number, lane in enumerate(LANES):
        within[list(lane)] = number
    channels = np.arange(depth)
    numbers: NDArray[np.int64] = channels // RUN * len(LANES) + within[channels % RUN]
    return numbers


def finest_scale(weights: Matrix) -> Matrix:
    """Return for each output the smallest scale at which the weights, not rounded yet, fit 8 bits and their lanes.

    Args:
        weights: float64 ``(depth, outputs)``.

    Returns:
        float64 ``(outputs,)``, > 0.
    """
    scale = np.abs(weights).max(axis=0) / HIGHEST
    lanes = lane_numbers(len(weights))
    sums = np.zeros((2, int(lanes.max()) + 1, weights.shape[1]))
    np.add.at(sums[0], lanes, np.maximum(weights, 0))
    np.add.at(sums[1], lanes, np.maximum(-weights, 0))
    finest: Matrix = np.maximum(np.maximum(scale, sums.max(axis=(0, 1)) / LANE_ROOM), SMALLEST_SCALE)
    return finest


class Rounder:
    """Rounds the weights of one pointwise convolution, all output channels at once.

    Args:
        weights: float64 ``(depth, outputs)``, for inputs counted in units.
        moments: float64 ``(depth, depth)``, what an error of the weights costs: the inputs' second moments with a
            positive amount added to the diagonal.
    """

    def __init__(self, weights: Matrix, moments: Matrix) -> None:
        self._lanes = lane_numbers(len(weights))
        self._lower = on_grid(cholesky(moments), len(weights), HIGHEST)
        self._wanted = product(np.ascontiguousarray(self._lower.T), weights)

    def round(self, scale: Matrix) -> tuple[Matrix, Matrix]:
        """Round at one scale for each output.

        Args:
            scale: float64 ``(outputs,)``, > 0.

        Returns:
            Whole numbers float64 ``(depth, outputs)`` whose lanes cannot overflow, and for each output the cost of the
            rounding, float64 ``(outputs,)``.
        """
        depth, outputs = self._wanted.shape
        whole, cost = np.zeros((depth, outputs)), np.zeros(outputs)
        room = np.full((2, int(self._lanes.max()) + 1, outputs), float(LANE_ROOM))
        for end in range(depth, 0, -BLOCK):
            start = max(0, end - BLOCK)
            behind = np.ascontiguousarray(self._lower[end:, start:end].T) @ whole[end:]
            for row in range(end - 1, start - 1, -1):
                diagonal, lane = self._lower[row, row], self._lanes[row]
                ideal = (self._wanted[row] - behind[row - start] * scale) / (diagonal * scale)
                highest, lowest = np.minimum(room[0, lane], HIGHEST), -np.minimum(room[1, lane], HIGHEST)
                chosen = np.minimum(np.maximum(np.rint(ideal), lowest), highest)
                room[0, lane] -= np.maximum(chosen, 0)
                room[1, lane] -= np.maximum(-chosen, 0)
                whole[row] = chosen
                error = (ideal - chosen) * (diagonal * scale)
                cost += error * error
                behind[: row - start] += self._lower[row, start:row, None] * chosen
        return whole, cost
