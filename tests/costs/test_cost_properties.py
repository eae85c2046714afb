"""Costs of any network against a count that knows only the stored arrays and NumPy's shapes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

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
from tinysight.spec import BN_ARRAYS, Spec, array_shapes, layers

specs = st.builds(
    Spec,
    alpha=st.floats(0.01, 2.0, exclude_min=True),
    resolution=st.integers(32, 320),
    depth_multiplier=st.integers(1, 3),
    num_classes=st.integers(1, 2000),
    include_top=st.booleans(),
    padding=st.sampled_from(["keras", "same", "symmetric"]),
)
jobs = st.builds(
    Convolution,
    st.tuples(st.integers(7, 20), st.integers(7, 20), st.integers(1, 6)),
    kernel_size=st.integers(1, 7),
    filters=st.integers(1, 9),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["valid", "same"]),
)


def halved(side: int, times: int) -> int:
    for _ in range(times):
        side = (side + 1) // 2
    return side


@given(specs)
def test_params_are_the_numbers_in_the_stored_arrays(spec: Spec) -> None:
    sizes = {name: math.prod(shape) for name, shape in array_shapes(spec).items()}
    cost = network_cost(spec)
    assert cost.params == sum(sizes.values())
    statistics = sum(size for name, size in sizes.items() if name.endswith(("moving_mean", "moving_variance")))
    assert cost.trainable_params == sum(sizes.values()) - statistics
    assert cost.weights == sum(size for name, size in sizes.items() if name.endswith(".kernel"))
    for layer in cost.layers:
        own = (f"{layer.name}.kernel", f"{layer.name}.bias", *(f"{layer.name}_bn.{array}" for array in BN_ARRAYS))
        assert layer.params == sum(sizes.get(name, 0) for name in own)


# Table 1, written again: how often the side has been halved when each block's layers put out their result.
HALVINGS = (1, 2, 2, 3, 3, 4, 4, 4, 4, 4, 4, 5, 5)
FILTERS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)


@given(specs)
def test_mult_adds_counted_from_the_papers_table(spec: Spec) -> None:
    def width(filters: int) -> int:
        return max(1, math.floor(filters * spec.alpha))

    spec = replace(spec, resolution=-(-spec.resolution // 32) * 32)  # sides that halve evenly
    channels, side = width(32), spec.resolution
    count = (side // 2) ** 2 * 27 * channels
    for halvings, filters in zip(HALVINGS, FILTERS, strict=True):
        pixels, middle = (side >> halvings) ** 2, channels * spec.depth_multiplier
        count += pixels * 9 * middle + pixels * middle * width(filters)
        channels = width(filters)
    count += channels * spec.num_classes if spec.include_top else 0
    assert network_cost(spec).mult_adds == count


@given(st.integers(32, 400))
def test_odd_sides_are_halved_upwards_under_tensorflows_rule(resolution: int) -> None:
    rows = network_cost(Spec(resolution=resolution, padding="same")).layers
    assert rows[-2].input_shape == (halved(resolution, 5), halved(resolution, 5), 1024)


@given(st.integers(32, 400))
def test_keras_halves_odd_sides_upwards_at_the_stem_and_downwards_after_it(resolution: int) -> None:
    rows = network_cost(Spec(resolution=resolution, padding="keras")).layers
    side = (resolution + 1) // 2 // 16
    assert rows[-2].input_shape == (side, side, 1024)


@given(specs, st.floats(1.0, 2.0), st.integers(0, 64))
def test_wider_or_larger_never_costs_less(spec: Spec, factor: float, more_px: int) -> None:
    wider, larger = replace(spec, alpha=spec.alpha * factor), replace(spec, resolution=spec.resolution + more_px)
    for count in (network_cost, full_convolution_cost):
        assert count(wider).mult_adds >= count(spec).mult_adds
        assert count(wider).params >= count(spec).params
        assert count(larger).mult_adds >= count(spec).mult_adds
        assert count(larger).params == count(spec).params
    assert peak_activation(larger).numbers >= peak_activation(spec).numbers


@given(specs)
def test_full_convolutions_have_the_same_ends_and_no_depth_multiplier(spec: Spec) -> None:
    full, separable = full_convolution_cost(spec), network_cost(spec)
    assert full.layers[0] == separable.layers[0]
    assert full.layers[-1].output_shape == separable.layers[-1].output_shape
    assert [layer.output_shape for layer in full.layers[1:14]] == [
        layer.output_shape for layer in separable.layers if layer.kind == "pointwise"
    ]
    assert full == full_convolution_cost(replace(spec, depth_multiplier=1))
    assert all(a.output_shape == b.input_shape for a, b in zip(full.layers, full.layers[1:], strict=False))


@given(specs)
def test_peak_holds_every_layer_and_fusing_never_needs_more(spec: Spec) -> None:
    held = [math.prod(layer.input_shape) + math.prod(layer.output_shape) for layer in layers(spec)]
    peak = peak_activation(spec)
    assert peak.numbers == max(held)
    assert (peak.float32_bytes, peak.int8_bytes) == (4 * max(held), max(held))
    blocks = [
        math.prod(dw.input_shape) + math.prod(pw.output_shape)
        for dw, pw in zip(layers(spec)[1:26:2], layers(spec)[2:27:2], strict=True)
    ]
    ends = [held[0], *held[27:]]
    assert peak_activation(spec, fused=True).numbers == max(blocks + ends)


@given(jobs)
def test_depthwise_separable_has_the_papers_share(job: Convolution) -> None:
    full, split = standard(job), depthwise_separable(job)
    assert split.weights == expected_ratio(job) * full.weights
    assert split.mult_adds == expected_ratio(job) * full.mult_adds


@given(jobs)
def test_counts_against_numpys_windows(job: Convolution) -> None:
    """A multiplication is a (pixel, weight) pair: build the windows and count them."""
    height, width, channels = job.input_shape
    k, stride = job.kernel_size, job.stride

    def padding(side: int) -> tuple[int, int]:
        if job.padding == "valid":
            return 0, 0
        missing = max((-(-side // stride) - 1) * stride + k - side, 0)
        return missing // 2, missing - missing // 2

    rows, columns = padding(height), padding(width)
    image = np.zeros((height + sum(rows), width + sum(columns), channels), np.int8)
    windows = np.lib.stride_tricks.sliding_window_view(image, (k, k), axis=(0, 1))[::stride, ::stride]
    assert job.output_shape == (*windows.shape[:2], job.filters)
    assert standard(job).mult_adds == windows.size * job.filters
    depthwise, pointwise = depthwise_separable(job).steps
    assert depthwise.mult_adds == windows.size
    assert pointwise.mult_adds == windows[..., 0, 0].size * job.filters
    down = np.lib.stride_tricks.sliding_window_view(np.zeros((height + sum(rows), width, channels)), k, axis=0)[
        ::stride
    ]
    column, row = spatially_separable(job).steps
    assert column.mult_adds == down.size * job.filters
    assert row.mult_adds == windows[..., 0].size * job.filters
    assert spatially_separable(job).weights * k * k == standard(job).weights * 2 * k
