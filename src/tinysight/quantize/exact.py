"""Products and a factorisation that give the same bits on every machine.

A BLAS library adds in an order of its own, which changes with the processor, the number of threads and the version; the
last bits of a float64 sum change with it, and a weight that lies half-way between two whole numbers may then be rounded
the other way. Sums of whole numbers below 2**53 have no last bits to lose: they are exact in any order. So matrices of
real numbers are cut into slices of few bits, whose products are such sums.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

EXACT_BITS = 53  # float64 holds every whole number up to 2**53
SLICES = 2  # of a real matrix in a product: about 40 bits below the largest entry
BLOCK = 64  # columns that are eliminated one by one before the rest is updated by products


def _slice(values: Matrix, bits: int) -> tuple[Matrix, Matrix]:
    """Return the upper ``bits`` bits, counted from the largest magnitude, and what is left."""
    largest = float(np.abs(values).max(initial=0))
    if largest == 0:
        return values, np.zeros_like(values)
    unit = 2.0 ** (int(np.frexp(largest)[1]) - bits)
    upper = np.rint(values / unit) * unit
    return upper, values - upper


def product(left: Matrix, right: Matrix) -> Matrix:
    """Return ``left @ right``, the same bits on every machine.

    Args:
        left: float64 ``(m, depth)``, finite.
        right: float64 ``(depth, n)``, finite.

    Returns:
        float64 ``(m, n)``, off by less than 2**-35 of the product of both largest magnitudes times the depth.
    """
    bits = (EXACT_BITS - int(left.shape[1]).bit_length()) // 2 - 1
    total = np.zeros((left.shape[0], right.shape[1]))
    rest_left = left
    for number in range(SLICES):
        upper_left, rest_left = _slice(rest_left, bits)
        rest_right = right
        for _ in range(SLICES - number):
            upper_right, rest_right = _slice(rest_right, bits)
            total += upper_left @ upper_right
    return total


def cholesky(matrix: Matrix) -> Matrix:
    """Return the lower triangle L with L @ L.T = matrix, the same bits on every machine.

    Args:
        matrix: float64 ``(n, n)``, symmetric, positive definite by a margin above 2**-30 of its largest entry.

    Returns:
        float64 ``(n, n)``, zeros above the diagonal.

    Raises:
        ValueError: not positive definite.
    """
    rest, size = matrix.copy(), len(matrix)
    lower = np.zeros_like(rest)
    for start in range(0, size, BLOCK):
        end = min(start + BLOCK, size)
        for column in range(start, end):
            pivot = rest[column, column]
            if not pivot > 0:
                raise ValueError("the matrix is not positive definite")
            below = rest[column:, column] / np.sqrt(pivot)
            lower[column:, column] = below
            later = slice(column + 1, end)
            rest[column + 1 :, later] -= below[1:, None] * below[None, 1 : end - column]
        panel = lower[end:, start:end]
        rest[end:, end:] -= product(panel, np.ascontiguousarray(panel.T))
    return lower


def on_grid(values: Matrix, terms: int, factor: int) -> Matrix:
    """Round values so that sums of ``terms`` of them, each times a whole number up to ``factor``, are exact.

    Args:
        values: float64, any shape.
        terms: how many products are summed at most.
        factor: largest magnitude of the whole numbers.

    Returns:
        float64 of the same shape.
    """
    bits = EXACT_BITS - int(terms).bit_length() - int(factor).bit_length()
    return _slice(values, bits)[0]
