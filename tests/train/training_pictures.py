"""Small pictures for the tests of what training reads."""

import numpy as np

from tinysight.train.crops import Crops, make_crops


def pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    """Smooth pictures of many sizes, so that a crop, a mirror image and a colour change are all visible."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        height, width = rng.integers(40, 90, 2)
        y, x = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)
        planes = [255 * (a * y + b * x) / (a + b) for a, b in rng.uniform(0.1, 1, (3, 2))]
        made.append(np.stack(planes, axis=-1).astype(np.uint8))
    return made


def crops_of(count: int, seed: int = 0) -> Crops:
    return make_crops(pictures(count, seed), count, folder=".")
