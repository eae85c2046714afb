"""What the tests of weights share: one small network, and its numbers as NumPy arrays."""

import numpy as np

from tinysight.networks.keras_state import variables_by_name

SMALL = {"alpha": 0.25, "resolution": 32, "num_classes": 5}
KERAS_SMALL = {"alpha": 0.25, "input_shape": (32, 32, 3), "classes": 5}
CARD = {"name": "mine", "licence": "CC0-1.0", "source": "a test"}


def held(model) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in variables_by_name(model).items()}


def same(left, right) -> bool:
    return list(left) == list(right) and all(np.array_equal(left[name], right[name]) for name in left)
