"""What may be summed without overflow, for all inputs there can be.

Activations are never negative, so the largest sum takes them all at their maximum under the positive weights and at
zero under the negative ones, and the smallest the other way round. The native engine checks the same bounds again when
it packs a model, and refuses one that breaks them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INT16_MAX = 2**15 - 1
INT32_MAX = 2**31 - 1
# The 8-bit product adds input channels k..k+7 in two int16 lanes before it widens: (0, 1, 4, 5) and (2, 3, 6, 7) of
# each eight, two products to each of two multiply-add instructions.
RUN = 8
LANES = ((0, 1, 4, 5), (2, 3, 6, 7))


def worst_sums(kernel: NDArray[np.generic], highest: int, *, signed: bool = False) -> NDArray[np.int64]:
    """Return the largest magnitude that each output's sum can have.

    Args:
        kernel: whole numbers ``(depth, outputs)``.
        highest: largest magnitude of an input.
        signed: whether inputs may be negative as well (the stem's).

    Returns:
        int64 ``(outputs,)``.
    """
    whole = kernel.astype(np.int64)
    positive, negative = np.maximum(whole, 0).sum(axis=0), np.maximum(-whole, 0).sum(axis=0)
    worst: NDArray[np.int64] = (positive + negative if signed else np.maximum(positive, negative)) * highest
    return worst


def worst_lane_sums(kernel: NDArray[np.generic], highest: int = 255) -> NDArray[np.int64]:
    """Return the largest magnitude that any int16 lane can have, for each output of an 8-bit product.

    Args:
        kernel: int8 ``(depth, outputs)``; depth is counted from the first channel, zeros after the last.
        highest: largest input.

    Returns:
        int64 ``(outputs,)``; above ``INT16_MAX`` means that some input would overflow.
    """
    depth, outputs = kernel.shape
    padded = np.zeros((-(-depth // RUN) * RUN, outputs), np.int64)
    padded[:depth] = kernel
    runs = padded.reshape(-1, RUN, outputs)
    worst = np.zeros(outputs, np.int64)
    for lane in LANES:
        products = runs[:, lane]
        sums = np.maximum(np.maximum(products, 0).sum(axis=1), np.maximum(-products, 0).sum(axis=1))
        worst = np.maximum(worst, sums.max(axis=0, initial=0))
    return worst * highest
