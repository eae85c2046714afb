import numpy as np
import pytest

from tinysight.engines.reference import depthwise, pointwise, standard
from tinysight.fold import fold, scale_and_shift
from tinysight.spec import layers


def run_folded(spec, arrays, images):
    """The whole network from folded kernels and biases only."""
    folded = fold(spec, arrays)
    values = images
    for layer in layers(spec):
        if layer.kind == "pool":
            values = values.mean(axis=(1, 2), keepdims=True)
            continue
        kernel, bias = folded[layer.name]
        if layer.kind == "stem":
            values = standard(values, kernel, layer)
        elif layer.kind == "depthwise":
            values = depthwise(values, kernel, layer)
        else:
            values = pointwise(values, kernel)
        values = values + bias
        if layer.has_bn:
            values = values.clip(0, 6)
    return values[:, 0, 0]


@pytest.mark.parametrize(
    "fields",
    [
        {"alpha": 0.25, "resolution": 64},
        {"alpha": 0.35, "resolution": 33, "padding": "same"},
        {"alpha": 0.25, "resolution": 48, "depth_multiplier": 2},
        {"alpha": 0.25, "resolution": 32, "padding": "symmetric", "bn_epsilon": 1e-5},
    ],
)
def test_folded_network_gives_the_same_logits(make_checkpoint, fields):
    from tinysight.engines.reference import ReferenceEngine

    checkpoint = make_checkpoint(num_classes=11, **fields)
    spec = checkpoint.card.spec
    images = np.random.default_rng(1).uniform(-1, 1, (2, spec.resolution, spec.resolution, 3)).astype(np.float32)
    expected = ReferenceEngine(checkpoint).run(images).logits
    np.testing.assert_allclose(run_folded(spec, checkpoint.arrays, images), expected, atol=2e-5, rtol=1e-5)


def test_scale_and_shift_by_hand():
    arrays = {
        "conv1_bn.gamma": np.float32([2]),
        "conv1_bn.beta": np.float32([1]),
        "conv1_bn.moving_mean": np.float32([3]),
        "conv1_bn.moving_variance": np.float32([3.999]),
    }
    scale, shift = scale_and_shift("conv1", arrays, 1e-3)
    np.testing.assert_allclose([scale[0], shift[0]], [1.0, -2.0], rtol=1e-6)  # 2 / sqrt(4) and 1 - 3 * 1


def test_folding_leaves_the_arrays_alone(make_checkpoint):
    checkpoint = make_checkpoint(alpha=0.25, resolution=32)
    before = {name: array.copy() for name, array in checkpoint.arrays.items()}
    fold(checkpoint.card.spec, checkpoint.arrays)
    assert all(np.array_equal(before[name], array) for name, array in checkpoint.arrays.items())
