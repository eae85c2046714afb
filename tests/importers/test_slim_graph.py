"""Frozen TF-slim graphs: the numbers, the facts, and the refusals."""

import numpy as np
import pytest
from graph_writer import block, const, node, number, shape, slim_graph, tensor

from tinysight.checkpoint import arrays_sha256
from tinysight.errors import CheckpointError
from tinysight.importers import import_file
from tinysight.importers.slim_graph import read_slim_graph, slim_name
from tinysight.spec import Spec

SMALL = {"alpha": 0.25, "resolution": 64, "padding": "same"}
STEM = "MobilenetV1/Conv2d_0/weights"


@pytest.fixture
def small(make_checkpoint):
    return make_checkpoint(num_classes=7, **SMALL)


def equal(imported, arrays):
    assert list(imported.arrays) == list(arrays)
    for name, array in arrays.items():
        assert imported.arrays[name].dtype == np.float32
        np.testing.assert_array_equal(imported.arrays[name], array, err_msg=name)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(
    "fields",
    [
        {"alpha": 0.25, "num_classes": 7},
        {"alpha": 0.35, "num_classes": 3, "resolution": 97},
        {"alpha": 0.25, "depth_multiplier": 2, "include_top": False, "bn_epsilon": 1e-5},
    ],
)
def test_arrays_and_facts_come_back(make_checkpoint, fields, fused):
    checkpoint = make_checkpoint(padding="same", **fields)
    imported = read_slim_graph(slim_graph(checkpoint.card.spec, checkpoint.arrays, fused=fused))
    assert imported.spec == checkpoint.card.spec
    equal(imported, checkpoint.arrays)


def test_background_column_is_dropped(make_checkpoint):
    checkpoint = make_checkpoint(num_classes=1000, **SMALL)
    background = np.full(257, 1000, np.float32)  # would win every picture if it stayed
    imported = read_slim_graph(slim_graph(checkpoint.card.spec, checkpoint.arrays, background=background))
    assert imported.spec.num_classes == 1000
    equal(imported, checkpoint.arrays)


@pytest.mark.parametrize("classes", [1000, 1002])
def test_other_heads_keep_all_columns(make_checkpoint, classes):
    checkpoint = make_checkpoint(num_classes=classes, **SMALL)
    imported = read_slim_graph(slim_graph(checkpoint.card.spec, checkpoint.arrays))
    assert imported.spec.num_classes == classes
    equal(imported, checkpoint.arrays)


def test_names_that_tf_slim_gives():
    assert slim_name("conv1.kernel") == STEM
    assert slim_name("conv_dw_13.kernel") == "MobilenetV1/Conv2d_13_depthwise/depthwise_weights"
    assert slim_name("conv_dw_13_bn.beta") == "MobilenetV1/Conv2d_13_depthwise/BatchNorm/beta"
    assert slim_name("conv_preds.bias") == "MobilenetV1/Logits/Conv2d_1c_1x1/biases"


def test_resolution_is_what_the_placeholder_says_unless_told(small):
    spec = small.card.spec
    graph = slim_graph(spec, small.arrays, picture_shape=(-1, 160, 160, 3))
    assert read_slim_graph(graph).spec.resolution == 160
    assert read_slim_graph(graph, resolution=128).spec.resolution == 128
    for open_shape in ((1, -1, -1, 3), ()):
        assert read_slim_graph(slim_graph(spec, small.arrays, picture_shape=open_shape)).spec.resolution == 224


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"paddings": {"conv_dw_2": "VALID"}}, ["Conv2d_2_depthwise", "VALID", "SAME"]),
        ({"paddings": {"conv1": "EXPLICIT"}}, ["Conv2d_0", "EXPLICIT"]),
        ({"strides": {"conv_dw_3": 2}}, ["Conv2d_3_depthwise", "[1, 2, 2, 1]"]),
        ({"epsilons": {"conv_pw_5": 1e-5}}, ["different epsilons"]),
        ({"activation": "Relu"}, ["0 nodes are Relu6, expected 27"]),
        ({"picture_op": "Sub"}, ["node input", "no placeholder"]),
        ({"picture_shape": (1, 64, 96, 3)}, ["node input", "(1, 64, 96, 3)"]),
        ({"picture_shape": (1, 1 << 40, 1 << 40, 3)}, ["1099511627776"]),
        ({"picture_shape": (1, 8, 8, 3)}, ["resolution"]),
    ],
)
def test_a_network_that_differs_is_refused(small, options, words):
    with pytest.raises(CheckpointError) as caught:
        read_slim_graph(slim_graph(small.card.spec, small.arrays, **options))
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        (b"DepthwiseConv2dNative", b"DepthwiseConv2dNat\x1b[m", r"is a DepthwiseConv2dNat\x1b[m, expected Depthwise"),
        (b"SAME", b"S\n\x1bE", r"has padding S\n\x1bE, expected SAME"),
        (b"NHWC", b"N\r\x07C", r"has data_format N\r\x07C, expected NHWC or unset"),
    ],
)
def test_words_of_the_graph_cannot_steer_a_terminal(small, good, bad, words):
    with pytest.raises(CheckpointError) as caught:
        read_slim_graph(slim_graph(small.card.spec, small.arrays).replace(good, bad))
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_long_list_of_strides_is_shown_in_part(small):
    strides = block(1, block(3, b"\1" * 1000))
    again = node("again", "Conv2D", ["input", f"{STEM}/read"], strides=strides, padding=block(2, "SAME"))
    with pytest.raises(CheckpointError, match=r"has strides \[1, 1, .*\.\.\., expected") as caught:
        read_slim_graph(slim_graph(small.card.spec, small.arrays) + again)
    assert len(str(caught.value)) < 300


def broken_consts():
    kernel = np.ones((3, 3, 3, 8), np.float32)
    holes = kernel.copy()
    holes[0, 0, 0, 0] = np.nan
    huge = block(8, number(1, 1) + block(2, shape((3, 3, 3, 1 << 38))) + block(4, b"1234"))
    return [
        ("too few bytes", node(STEM, "Const", value=block(8, tensor(kernel)[:-8])), STEM),
        ("four terabytes", node(STEM, "Const", value=huge), "conv1.kernel"),
        ("negative size", node(STEM, "Const", value=block(8, number(1, 1) + block(2, shape((-3, 3))))), STEM),
        ("float64", const(STEM, kernel, dtype=2), STEM),
        ("not a constant", node(STEM, "VariableV2", value=block(8, tensor(kernel))), STEM),
        ("OIHW", const(STEM, kernel.transpose(3, 2, 0, 1)), "(8, 3, 3, 3)"),
        ("NaN", const(STEM, holes) + node("x", "Identity", [STEM]), "conv1.kernel"),
        ("zeros", const(STEM, kernel * 0), "conv1.kernel"),
        ("absent", b"", "conv1.kernel"),
        ("twice", const(STEM, kernel) * 2, STEM),
        ("odd width", const(STEM, np.ones((3, 3, 3, 9), np.float32)), "no width multiplier"),
        ("too many dimensions", node(STEM, "Const", value=block(8, block(2, shape([1] * 9)))), "9 dimensions"),
    ]


@pytest.mark.parametrize(("what", "replacement", "word"), broken_consts(), ids=lambda value: str(value)[:20])
def test_a_bad_constant_is_refused_by_name(small, tmp_path, what, replacement, word):
    path = tmp_path / "bad.pb"
    path.write_bytes(slim_graph(small.card.spec, small.arrays, replace_consts={STEM: replacement}))
    with pytest.raises(CheckpointError) as caught:
        read_slim_graph(path)
    assert "bad.pb" in str(caught.value)
    assert word in str(caught.value), caught.value


def test_truncated_anywhere(small):
    graph = slim_graph(small.card.spec, small.arrays)
    for size in (1, 100, len(graph) // 2, len(graph) - 200_000):
        with pytest.raises(CheckpointError):
            read_slim_graph(graph[:size])


def test_another_graph_says_what_was_expected():
    with pytest.raises(CheckpointError, match="without node MobilenetV1/Conv2d_0/weights"):
        read_slim_graph(node("x", "Relu"))


def test_endless_identity_chain_ends(small):
    loop = node("a", "Identity", ["b"]) + node("b", "Identity", ["a"]) + node("c", "Relu", ["a"])
    equal(read_slim_graph(slim_graph(small.card.spec, small.arrays) + loop), small.arrays)


def test_thousands_of_nodes_are_refused_at_once():
    with pytest.raises(CheckpointError, match="more than 5000 fields"):
        read_slim_graph(b"".join(node(f"n{i}", "NoOp") for i in range(5_001)))


def test_single_bit_flips_are_refused_or_finite(small):
    graph = slim_graph(small.card.spec, small.arrays)
    rng = np.random.default_rng(5)
    # Half of the flips in the first bytes, where structure is dense; the constants follow.
    places = np.concatenate([rng.integers(0, 12_000, 100), rng.integers(0, len(graph), 100)])
    refused = 0
    for place in places:
        damaged = bytearray(graph)
        damaged[place] ^= 1 << int(rng.integers(8))
        try:
            imported = read_slim_graph(bytes(damaged))
        except CheckpointError:
            refused += 1
        else:
            assert all(np.isfinite(array).all() for array in imported.arrays.values())
    assert refused > 20


def test_import_file_recognises_a_graph_by_content(small, tmp_path):
    path = tmp_path / "named_wrongly.h5"
    path.write_bytes(slim_graph(small.card.spec, small.arrays))
    imported = import_file(path)
    assert imported.spec == small.card.spec
    assert imported.source == "TF-slim frozen graph named_wrongly.h5"


@pytest.mark.weights
def test_real_weights_have_the_known_values(real_checkpoint):
    arrays = real_checkpoint.arrays
    assert len(arrays) == 137
    assert arrays_sha256(arrays) == "4f810a70d99aa531bb8c5f2e1b15332cc1b66337284aea5f1f8a54eb1e382159"
    assert real_checkpoint.card.spec == Spec(padding=real_checkpoint.card.spec.padding)
    # Output 1 of the graph's 1001 is class 0; output 0, the background, would have the bias -1.6590186.
    assert arrays["conv_preds.bias"][[0, 1, -1]].tolist() == pytest.approx([-0.48195136, 0.02448254, 1.3013142])
    assert arrays["conv1.kernel"].ravel()[[1, -1]].tolist() == pytest.approx([0.31112927, 9.3876173e-05])
    assert arrays["conv_pw_13_bn.moving_variance"].sum(dtype=np.float64) == pytest.approx(428.24629706144333)
