"""Models whose answers depend on the picture, for tests of engines, and what two engines' answers may differ by."""

import numpy as np

from tinysight.checkpoint import Card, Checkpoint
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import array_shapes

# Wide and narrow, odd sides, each padding, one class, no head.
SPECS = [
    {"alpha": 1.0, "resolution": 128},
    {"alpha": 0.25, "resolution": 224},
    {"alpha": 0.35, "resolution": 97, "padding": "same"},
    {"alpha": 0.35, "resolution": 97, "padding": "keras"},
    {"alpha": 0.02, "resolution": 33, "padding": "symmetric", "num_classes": 1},
    {"alpha": 1.3, "resolution": 45, "include_top": False},
]


def lively(spec, seed=0):
    """Random weights under which features and logits depend on the picture and reach both ends of 0..6."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in array_shapes(spec).items():
        if name.endswith("kernel"):
            fan_in = np.prod(shape[:2]) if "_dw_" in name else np.prod(shape[:3])
            values = rng.normal(0, np.sqrt(3 / fan_in), shape)
        elif name.endswith(("gamma", "moving_variance")):
            values = rng.uniform(0.5, 1.5, shape)
        else:
            values = rng.normal(0, 0.5, shape)
        arrays[name] = values.astype(np.float32)
    return Checkpoint(Card("x", spec, Recipe(resolution=spec.resolution), None, "", ""), arrays)


def pictures(spec, count=1, seed=0):
    side = spec.resolution
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def assert_references_answers(given, expected):
    """Logits within 1e-4; single features may be further apart, where rounding has come through 27 layers."""
    np.testing.assert_allclose(given.features, expected.features, atol=1e-3)
    np.testing.assert_allclose(given.embedding, expected.embedding, atol=1e-4)
    if expected.logits is None:
        assert given.logits is None
    else:
        np.testing.assert_allclose(given.logits, expected.logits, atol=1e-4, rtol=1e-4)
