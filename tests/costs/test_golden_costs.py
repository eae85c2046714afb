"""The numbers that are known from outside: the paper, Keras' summary, the tutorial's example."""

from __future__ import annotations

import pytest

from tinysight.costs import (
    Convolution,
    depthwise_separable,
    expected_ratio,
    full_convolution_cost,
    network_cost,
    peak_activation,
    spatially_separable,
    standard,
)
from tinysight.errors import UsageError
from tinysight.spec import Spec

MULT_ADDS = {
    1.0: {224: 568_740_352, 192: 418_121_728, 160: 290_675_200, 128: 186_400_768},
    0.75: {224: 325_400_448, 192: 239_273_472, 160: 166_396_800, 128: 106_770_432},
    0.5: {224: 149_497_088, 192: 109_970_432, 160: 76_524_800, 128: 49_160_192},
    0.25: {224: 41_030_272, 192: 30_212_608, 160: 21_059_200, 128: 13_570_048},
}
PARAMS = {1.0: 4_253_864, 0.75: 2_601_976, 0.5: 1_342_536, 0.25: 475_544}
CELLS = [(alpha, side, count) for alpha, row in MULT_ADDS.items() for side, count in row.items()]


@pytest.mark.parametrize(("alpha", "resolution", "mult_adds"), CELLS)
def test_the_sixteen_released_networks(alpha: float, resolution: int, mult_adds: int) -> None:
    cost = network_cost(Spec(alpha=alpha, resolution=resolution))
    assert (cost.mult_adds, cost.params) == (mult_adds, PARAMS[alpha])


def test_trained_numbers_and_the_network_without_its_head() -> None:
    assert network_cost(Spec()).trainable_params == 4_231_976
    headless = network_cost(Spec(include_top=False))
    assert headless.params == 3_228_864
    assert headless == network_cost(Spec()).without_head()


def test_full_convolutions() -> None:
    full = full_convolution_cost(Spec())
    assert full.without_head().mult_adds == 4_866_269_184
    assert full.mult_adds == 4_866_269_184 + 1024 * 1000
    assert round(full.params / 1e6, 1) == 29.3
    assert len(full.layers) == 1 + 13 + 2
    assert [layer.name for layer in full.layers[:3]] == ["conv1", "conv_1", "conv_2"]


def test_single_layers() -> None:
    rows = {layer.name: layer for layer in network_cost(Spec()).layers}
    stem, depthwise, pointwise = rows["conv1"], rows["conv_dw_2"], rows["conv_pw_13"]
    assert (stem.weights, stem.params, stem.trainable_params, stem.mult_adds) == (864, 992, 928, 10_838_016)
    assert (depthwise.weights, depthwise.params, depthwise.mult_adds) == (576, 832, 1_806_336)
    assert (pointwise.params, pointwise.mult_adds) == (1_052_672, 51_380_224)
    assert rows["global_average_pooling2d"].params == rows["global_average_pooling2d"].mult_adds == 0
    head = rows["conv_preds"]
    assert (head.weights, head.params, head.trainable_params) == (1_024_000, 1_025_000, 1_025_000)
    assert sum(layer.weights > 0 for layer in rows.values()) == 28


def test_activation_memory() -> None:
    peak = peak_activation(Spec())
    assert peak.layers == ("conv_pw_1",)
    assert peak.int8_bytes == 112 * 112 * (32 + 64) == 1_204_224
    assert peak.float32_bytes == 4_816_896
    assert peak_activation(Spec(depth_multiplier=2)).int8_bytes == 112 * 112 * (64 + 64)
    fused = peak_activation(Spec(depth_multiplier=2), fused=True)
    assert (fused.layers, fused.int8_bytes) == (("conv_dw_1", "conv_pw_1"), 112 * 112 * (32 + 64))


TUTORIAL = Convolution((12, 12, 3), kernel_size=5, filters=256)


def test_the_tutorials_layer() -> None:
    assert TUTORIAL.output_shape == (8, 8, 256)
    full = standard(TUTORIAL)
    assert (full.weights, full.mult_adds) == (19_200, 1_228_800)
    split = depthwise_separable(TUTORIAL)
    assert [(s.weights, s.mult_adds, s.output_shape) for s in split.steps] == [
        (75, 4_800, (8, 8, 3)),
        (768, 49_152, (8, 8, 256)),
    ]
    assert (split.weights, split.mult_adds) == (843, 53_952)
    assert expected_ratio(TUTORIAL) * full.mult_adds == split.mult_adds
    assert expected_ratio(TUTORIAL) * full.weights == split.weights
    spatial = spatially_separable(TUTORIAL)
    assert [(s.weights, s.mult_adds, s.output_shape) for s in spatial.steps] == [
        (3_840, 368_640, (8, 12, 768)),
        (3_840, 245_760, (8, 8, 256)),
    ]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "output"),
    [
        ((12, 12, 1), 5, 1, "valid", (8, 8, 7)),
        ((12, 9, 1), 5, 1, "same", (12, 9, 7)),
        ((13, 12, 1), 3, 2, "same", (7, 6, 7)),
        ((13, 12, 1), 3, 2, "valid", (6, 5, 7)),
        ((5, 5, 1), 5, 3, "valid", (1, 1, 7)),
        ((2, 2, 1), 5, 1, "same", (2, 2, 7)),
    ],
)
def test_output_sizes(size, kernel, stride, padding, output) -> None:
    assert Convolution(size, kernel, 7, stride, padding).output_shape == output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((12, 12, 3), 13, 1), "does not fit"),
        (((12, 4, 3), 5, 1), "does not fit"),
        (((12, 12, 3), 0, 1), "kernel must be"),
        (((12, 12, 3), 3, 0), "filters must be"),
        (((12, 12, 3), 3, 1, 0), "stride must be"),
        (((12, 0, 3), 3, 1), "input width must be"),
        (((12, 12), 3, 1), "height, width and channels"),
        (((12, 12, 3), True, 1), "kernel must be"),
        (((12, 12, 3), 3.0, 1), "kernel must be"),
        (((12, 12, 3), 3, 1, 1, "full"), "padding must be one of valid, same"),
    ],
)
def test_a_layer_that_cannot_be(arguments, message) -> None:
    with pytest.raises(UsageError, match=message):
        Convolution(*arguments)
