import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinysight.errors import UsageError
from tinysight.spec import (
    RELEASED_ALPHAS,
    Spec,
    array_shapes,
    layers,
    released_specs,
    spec_from_dict,
    spec_from_name,
)

# Table 1 of the paper, its last depthwise stride corrected: (name, stride, output side, output channels).
TABLE_1 = [
    ("conv1", 2, 112, 32),
    ("conv_dw_1", 1, 112, 32),
    ("conv_pw_1", 1, 112, 64),
    ("conv_dw_2", 2, 56, 64),
    ("conv_pw_2", 1, 56, 128),
    ("conv_dw_3", 1, 56, 128),
    ("conv_pw_3", 1, 56, 128),
    ("conv_dw_4", 2, 28, 128),
    ("conv_pw_4", 1, 28, 256),
    ("conv_dw_5", 1, 28, 256),
    ("conv_pw_5", 1, 28, 256),
    ("conv_dw_6", 2, 14, 256),
    ("conv_pw_6", 1, 14, 512),
    *[row for block in range(7, 12) for row in ((f"conv_dw_{block}", 1, 14, 512), (f"conv_pw_{block}", 1, 14, 512))],
    ("conv_dw_12", 2, 7, 512),
    ("conv_pw_12", 1, 7, 1024),
    ("conv_dw_13", 1, 7, 1024),
    ("conv_pw_13", 1, 7, 1024),
    ("global_average_pooling2d", 1, 1, 1024),
    ("conv_preds", 1, 1, 1000),
]

specs = st.builds(
    Spec,
    alpha=st.floats(0.01, 3),
    resolution=st.integers(32, 400),
    depth_multiplier=st.integers(1, 3),
    num_classes=st.integers(1, 50),
    include_top=st.booleans(),
    padding=st.sampled_from(["keras", "same", "symmetric"]),
)


def test_default_is_table_1():
    rows = [(layer.name, layer.stride, layer.output_shape[0], layer.output_shape[2]) for layer in layers(Spec())]
    assert rows == TABLE_1


def test_defaults_are_those_of_the_released_weights():
    assert Spec().to_dict() == {
        "alpha": 1.0,
        "resolution": 224,
        "depth_multiplier": 1,
        "num_classes": 1000,
        "dropout": 1e-3,
        "include_top": True,
        "padding": "keras",
        "bn_epsilon": 1e-3,
    }


def test_137_arrays_and_28_weighted_layers():
    assert len(array_shapes(Spec())) == 137
    assert sum(layer.weight_shape != () for layer in layers(Spec())) == 28
    assert sum(math.prod(shape) for shape in array_shapes(Spec()).values()) == 4_253_864


def test_padding_of_even_sides_is_before_0_after_1():
    strided = [layer for layer in layers(Spec()) if layer.stride == 2]
    assert [layer.pad for layer in strided] == [(0, 1)] * 5
    assert all(layer.pad == (1, 1) for layer in layers(Spec()) if layer.kind == "depthwise" and layer.stride == 1)


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        ("keras", [49, 24, 12, 6, 3]),
        ("same", [49, 25, 13, 7, 4]),
        ("symmetric", [49, 25, 13, 7, 4]),
    ],
)
def test_odd_sides_follow_the_padding_rule(padding, sides):
    rows = layers(Spec(resolution=97, padding=padding))
    assert [layer.output_shape[0] for layer in rows if layer.stride == 2 and layer.kind != "pool"] == sides


@pytest.mark.parametrize("resolution", [224, 192, 160, 128])
def test_keras_and_same_padding_are_one_on_released_sizes(resolution):
    assert layers(Spec(resolution=resolution)) == layers(Spec(resolution=resolution, padding="same"))
    assert layers(Spec(resolution=resolution)) != layers(Spec(resolution=resolution, padding="symmetric"))


@given(specs)
def test_rows_fit_together(spec):
    rows = layers(spec)
    assert all(one.output_shape == two.input_shape for one, two in zip(rows, rows[1:], strict=False))
    assert all(min(layer.output_shape) >= 1 for layer in rows)
    for layer in rows:
        if layer.kind not in ("pool", "head"):
            side = layer.input_shape[0] + sum(layer.pad)
            assert (side - layer.kernel_size) // layer.stride + 1 == layer.output_shape[0]


@given(specs)
def test_dictionary_round_trip(spec):
    assert spec_from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    "fields",
    [
        {"alpha": 0},
        {"alpha": -1.0},
        {"alpha": math.nan},
        {"alpha": math.inf},
        {"alpha": True},
        {"alpha": "1.0"},
        {"resolution": 31},
        {"resolution": 224.0},
        {"depth_multiplier": 0},
        {"num_classes": 0},
        {"num_classes": True},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"include_top": 1},
        {"padding": "valid"},
        {"bn_epsilon": 0.0},
    ],
)
def test_values_out_of_range_are_refused_with_the_value(fields):
    (value,) = fields.values()
    with pytest.raises(UsageError, match="received") as caught:
        Spec(**fields)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize("fields", [None, [], {}, {"alpha": 1.0}, Spec().to_dict() | {"alpha2": 1}])
def test_foreign_dictionaries_are_refused(fields):
    with pytest.raises(UsageError):
        spec_from_dict(fields)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mobilenet_v1_1.0_224", Spec()),
        ("mobilenet_1.00_224", Spec()),
        ("mobilenet_1_0_224_tf", Spec()),
        ("mobilenet_7_5_160_tf", Spec(alpha=0.75, resolution=160)),
        ("mobilenet_0.50_192", Spec(alpha=0.5, resolution=192)),
        ("mobilenet_v1_0.25_128", Spec(alpha=0.25, resolution=128)),
    ],
)
def test_three_spellings_of_a_released_name(name, expected):
    assert spec_from_name(name) == expected


@pytest.mark.parametrize(
    "name",
    ["mobilenet", "mobilenet_v1_1.0_225", "mobilenet_v1_1_224", "Mobilenet_v1_1.0_224", "", "mobilenet_v2_1.0_224"],
)
def test_any_other_name_is_refused_with_the_list(name):
    with pytest.raises(UsageError, match=r"mobilenet_v1_1\.0_224.*mobilenet_v1_0\.25_128"):
        spec_from_name(name)


def test_sixteen_released_specs():
    assert len(released_specs()) == 16
    assert {spec.alpha for spec in released_specs().values()} == set(RELEASED_ALPHAS)
