"""The reference against loops that are too slow and too plain to be wrong, and against stored logits."""

from pathlib import Path

import numpy as np
import pytest

from tinysight.classify import Classifier
from tinysight.engines import open_engine
from tinysight.engines.reference import ReferenceEngine, depthwise, standard
from tinysight.errors import EngineError
from tinysight.spec import Layer

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def plain_convolution(images, kernel, stride, pad, depthwise_kernel):
    """Convolution as its definition reads, one multiply-add at a time, in float64."""
    count, height, width, channels = images.shape
    size, before = kernel.shape[0], pad[0]
    out_h = (height + sum(pad) - size) // stride + 1
    out_w = (width + sum(pad) - size) // stride + 1
    filters = channels * kernel.shape[3] if depthwise_kernel else kernel.shape[3]
    result = np.zeros((count, out_h, out_w, filters))
    for n, y, x, f in np.ndindex(result.shape):
        for i, j in np.ndindex(size, size):
            row, column = y * stride + i - before, x * stride + j - before
            if not (0 <= row < height and 0 <= column < width):
                continue
            if depthwise_kernel:
                c, m = divmod(f, kernel.shape[3])
                result[n, y, x, f] += float(images[n, row, column, c]) * float(kernel[i, j, c, m])
            else:
                result[n, y, x, f] += images[n, row, column].astype(float) @ kernel[i, j, :, f].astype(float)
    return result


@pytest.mark.parametrize("side", [5, 6])
@pytest.mark.parametrize(("stride", "pad"), [(1, (1, 1)), (2, (0, 1)), (2, (1, 1))])
@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_is_its_definition(side, stride, pad, multiplier):
    rng = np.random.default_rng(side)
    images = rng.normal(size=(2, side, side, 3)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 3, multiplier)).astype(np.float32)
    expected = plain_convolution(images, kernel, stride, pad, depthwise_kernel=True)
    layer = Layer("x", "depthwise", 3, stride, pad, images.shape[1:], expected.shape[1:])
    np.testing.assert_allclose(depthwise(images, kernel, layer), expected, atol=1e-5)


@pytest.mark.parametrize("pad", [(0, 1), (1, 1)])
@pytest.mark.parametrize("side", [6, 7])
def test_stem_is_its_definition(side, pad):
    rng = np.random.default_rng(side)
    images = rng.normal(size=(1, side, side, 3)).astype(np.float32)
    kernel = rng.normal(size=(3, 3, 3, 4)).astype(np.float32)
    expected = plain_convolution(images, kernel, 2, pad, depthwise_kernel=False)
    layer = Layer("conv1", "stem", 3, 2, pad, images.shape[1:], expected.shape[1:])
    np.testing.assert_allclose(standard(images, kernel, layer), expected, atol=1e-5)


def test_batch_equals_single_pictures(make_checkpoint):
    engine = open_engine(make_checkpoint(alpha=0.25, resolution=48, num_classes=5))
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    together = engine.run(images)
    for index, image in enumerate(images):
        alone = engine.run(image[None])
        np.testing.assert_allclose(alone.logits[0], together.logits[index], atol=1e-5)
        np.testing.assert_allclose(alone.embedding[0], together.embedding[index], atol=1e-5)


def test_uint8_pixels_are_scaled_to_the_recipes_range(make_checkpoint):
    engine = open_engine(make_checkpoint(alpha=0.25, resolution=32))
    pixels = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    scaled = (pixels / 255 - 0.5).astype(np.float32) * 2
    np.testing.assert_allclose(engine.run(pixels).logits, engine.run(scaled).logits, atol=1e-4)


def test_without_head_there_are_features_only(make_checkpoint):
    output = open_engine(make_checkpoint(alpha=0.25, resolution=64, include_top=False)).run(
        np.zeros((1, 64, 64, 3), np.uint8)
    )
    assert output.logits is None
    assert output.features.shape == (1, 2, 2, 256)
    assert output.embedding.shape == (1, 256)
    assert output.features.min() >= 0 and output.features.max() <= 6


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((1, 33, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 4), np.uint8),
        np.zeros((1, 32, 32, 3), np.float64),
        np.full((1, 32, 32, 3), np.nan, np.float32),
        np.full((1, 32, 32, 3), np.inf, np.float32),
    ],
)
def test_wrong_input_is_refused(make_checkpoint, images):
    with pytest.raises(EngineError):
        ReferenceEngine(make_checkpoint(alpha=0.25, resolution=32)).run(images)


def test_empty_batch_gives_empty_logits(make_checkpoint):
    output = ReferenceEngine(make_checkpoint(alpha=0.25, resolution=32, num_classes=4)).run(
        np.zeros((0, 32, 32, 3), np.uint8)
    )
    assert output.logits.shape == (0, 4)


def test_golden_logits_of_a_small_network(make_checkpoint):
    """Odd side, two filters a channel, seeded weights: the numbers that this file has always given."""
    checkpoint = make_checkpoint(seed=7, alpha=0.25, resolution=33, num_classes=8, depth_multiplier=2)
    pixels = (np.arange(33 * 33 * 3) * 37 % 256).astype(np.uint8).reshape(1, 33, 33, 3)
    golden = [0.113705, 0.022169, -0.830627, -0.388308, -0.034005, 1.122369, -0.397835, 0.342218]
    np.testing.assert_allclose(ReferenceEngine(checkpoint).run(pixels).logits[0], golden, atol=2e-5)


@pytest.mark.weights
def test_golden_logits_of_the_released_network(real_checkpoint):
    output = Classifier(real_checkpoint, engine="reference", precision="float32").run([EXAMPLES / "candle.jpg"])
    # candle, analog clock, beacon, tench, toilet tissue; decoding JPEG may differ by a level between builds
    golden = [23.5455, 4.9308, 9.6360, -4.1411, 5.5443]
    np.testing.assert_allclose(output.logits[0, [470, 409, 437, 0, 999]], golden, atol=0.05)
