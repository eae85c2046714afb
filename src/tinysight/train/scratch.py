"""Random numbers to start a network from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinysight.spec import Spec, array_shapes
from tinysight.train.chance import Purpose, stream


def random_start(spec: Spec, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return arrays of a network that can learn: He's normal kernels (arXiv 1502.01852), neutral batch norms, no bias.

    Args:
        spec: with a head.
        seed: a whole number from 0.

    Returns:
        float32 by name, as ``spec.array_shapes`` lists them.
    """
    chance = stream(seed, Purpose.START)
    arrays = {}
    for name, shape in array_shapes(spec).items():
        if name.endswith("kernel"):
            inputs = 9 if "_dw_" in name else int(np.prod(shape[:3]))
            gain = 1.0 if name.startswith("conv_preds") else 2.0
            arrays[name] = chance.normal(0, np.sqrt(gain / inputs), shape).astype(np.float32)
        else:
            ones = name.endswith(("gamma", "moving_variance"))
            arrays[name] = np.full(shape, float(ones), np.float32)
    return arrays
