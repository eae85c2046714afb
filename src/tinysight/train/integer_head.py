"""A head in 8 bits for a network whose other layers are in 8 bits already."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.integers import POOL_UNITS, IntegerLayer
from tinysight.quantize.exact import Matrix
from tinysight.quantize.int8 import DAMPING, SMALLEST_DAMPING
from tinysight.quantize.rounding import finest_scale, head_room, round_weights

Floats = NDArray[np.float32]


def integer_head(kernel: Floats, bias: Floats, step: Floats, embeddings: Floats | None = None) -> IntegerLayer:
    """Round a head as ``quantize_int8`` rounds it.

    Args:
        kernel: float32 ``(c, C)``, for embeddings as they are.
        bias: float32 ``(C,)``.
        step: float32 ``(c,)``, what one unit of the last layer's activations is worth.
        embeddings: float32 ``(M, c)`` of pictures such as the network will see: the weights are rounded so that their
            logits change least, and the bias takes away what is left of the mean change. None rounds each weight by
            itself.

    Returns:
        What the int8 engines run: ``float32(sum) * scale + bias`` over inputs in ``POOL_UNITS`` parts of a step.
    """
    unit = step.astype(np.float64) / POOL_UNITS["int8"]
    weights = kernel.astype(np.float64) * unit[:, None]
    room = head_room(len(weights))
    scale = finest_scale(weights, room).astype(np.float32)
    inputs = np.empty((0, len(unit))) if embeddings is None else np.rint(embeddings / unit)
    whole = round_weights(weights, _moments(inputs), scale.astype(np.float64), room)
    if len(inputs):
        change = inputs.mean(axis=0) @ (weights - whole * scale)
        bias = (bias + change).astype(np.float32)
    return IntegerLayer(whole.astype(np.int8).reshape(1, 1, *kernel.shape), scale, bias.astype(np.float32), None)


def _moments(inputs: Matrix) -> Matrix:
    """Return what an error of the weights costs, ``(c, c)``: the identity where no picture tells."""
    depth = inputs.shape[1]
    if not len(inputs):
        return np.eye(depth)
    centred = inputs - inputs.mean(axis=0)
    moments: Matrix = centred.T @ centred
    moments[np.diag_indices(depth)] += DAMPING * np.diag(moments).mean() + SMALLEST_DAMPING
    return moments
