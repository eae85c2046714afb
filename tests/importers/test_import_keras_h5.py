"""Keras' HDF5 layouts: every array and every stated fact comes back, anything else is refused."""

import json
import sys

import numpy as np
import pytest

from tinysight.errors import CheckpointError, MissingExtraError, UsageError
from tinysight.importers import import_file
from tinysight.importers.derive import alpha_from_widths
from tinysight.importers.keras_config import read_model_config
from tinysight.importers.keras_h5 import read_keras_h5
from tinysight.models import import_model
from tinysight.spec import BLOCKS, STEM_FILTERS, Spec

h5py = pytest.importorskip("h5py", reason="needs h5py")
import h5_writer  # noqa: E402 - ours, and it needs h5py


def equal(imported, arrays):
    assert list(imported.arrays) == list(arrays)
    for name, array in arrays.items():
        assert imported.arrays[name].dtype == np.dtype(np.float32)
        assert imported.arrays[name].tobytes() == array.tobytes(), name


def layouts(path, arrays, layout):
    with h5py.File(path, "w") as root:
        if layout.startswith("legacy"):
            h5_writer.legacy(root, arrays, style=int(layout[-1]), weightless=layout != "legacy bare 2")
        elif layout == "Keras 2.12":
            h5_writer.numbered(root, arrays, names=False, container="_layer_checkpoint_dependencies", step=2)
        else:
            h5_writer.numbered(root, arrays, names=layout == "named")


@pytest.mark.parametrize("layout", ["legacy 2", "legacy bare 2", "legacy 3", "named", "nameless", "Keras 2.12"])
@pytest.mark.parametrize(
    "fields",
    [
        {"alpha": 0.25, "num_classes": 7},
        {"alpha": 0.35, "include_top": False},
        {"alpha": 0.3, "depth_multiplier": 2, "num_classes": 1001},
    ],
)
def test_every_layout_comes_back(tmp_path, make_checkpoint, layout, fields):
    checkpoint = make_checkpoint(**fields)
    path = tmp_path / "model.weights.h5"
    layouts(path, checkpoint.arrays, layout)
    imported = import_file(path)
    assert imported.spec == checkpoint.card.spec
    equal(imported, checkpoint.arrays)


def test_stored_names_win_over_counts(tmp_path, make_checkpoint):
    arrays = make_checkpoint(alpha=0.25, num_classes=7).arrays
    backwards = dict(reversed(arrays.items()))
    for layer in {name.split(".")[0] for name in arrays}:  # parts keep their order inside a layer
        parts = [name for name in arrays if name.split(".")[0] == layer]
        for name in parts:
            backwards[name] = backwards.pop(name)
    path = tmp_path / "backwards.h5"
    with h5py.File(path, "w") as root:
        h5_writer.numbered(root, backwards, names=True)
    equal(read_keras_h5(path), arrays)


@pytest.mark.parametrize("style", [2, 3])
@pytest.mark.parametrize(
    ("fields", "pads"),
    [
        ({"resolution": 160, "bn_epsilon": 1e-3}, "keras"),
        ({"resolution": 97, "bn_epsilon": 1e-5, "padding": "same"}, "same"),
        ({"resolution": 97, "padding": "symmetric"}, "symmetric"),
        ({"resolution": 96}, "explicit"),
    ],
)
def test_a_full_model_states_its_facts(tmp_path, make_checkpoint, fields, pads, style):
    checkpoint = make_checkpoint(alpha=0.25, num_classes=7, **fields)
    path = tmp_path / "full.h5"
    h5_writer.full_model(path, checkpoint.arrays, h5_writer.model_config(checkpoint.card.spec, pads=pads), style)
    imported = import_file(path)
    assert imported.spec == checkpoint.card.spec
    equal(imported, checkpoint.arrays)
    assert import_file(path, resolution=128).spec.resolution == 128


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"conv_dw_2": {"padding": "valid", "strides": [1, 1]}}, ["conv_dw_2", "strides", "expected 2"]),
        ({"pad_dw_4": {"padding": [[2, 2], [2, 2]]}}, ["pads in an unknown way"]),
        ({"pad_dw_4": {"padding": [[1, 0], [1, 0]]}}, ["pads in an unknown way"]),
        ({"conv_dw_1": {"padding": "valid"}}, ["conv_dw_1", "one pixel"]),
        ({"conv_dw_3": {"dilation_rate": [2, 2]}}, ["conv_dw_3", "dilated"]),
        ({"conv_pw_7_bn": {"epsilon": 1e-4}}, ["different epsilons"]),
        ({"conv_pw_7_bn": {"epsilon": "0.001"}}, ["conv_pw_7_bn", "no epsilon"]),
        ({"conv_pw_7_bn": {"epsilon": 10**400}}, ["conv_pw_7_bn", "no epsilon"]),
        ({"input_1": {"batch_input_shape": [None, 64, 96, 3]}}, ["[64, 96]", "square"]),
        ({"input_1": {"batch_input_shape": [None, 3]}}, ["expected 4 axes"]),
    ],
)
def test_a_model_set_up_otherwise_is_refused(options, words):
    with pytest.raises(CheckpointError) as caught:
        read_model_config(h5_writer.model_config(Spec(alpha=0.25, resolution=64), **options), "full.h5")
    assert all(word in str(caught.value) for word in ["full.h5", *words]), caught.value


RELU = "conv_pw_3_relu"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"input_1": {"class_name": "Rescaling"}}, ["layer input_1 is a Rescaling", "known: InputLayer,"]),
        ({"reshape_2": {"class_name": "Lambda"}}, ["layer reshape_2 is a Lambda"]),
        ({RELU: {"class_name": "Softplus\x1b"}}, [RELU, "Softplus\\x1b"]),
        ({RELU: {"max_value": None}}, [RELU, "max_value None after BatchNormalization", "expected relu6"]),
        ({RELU: {"max_value": 1}}, [RELU, "max_value 1"]),
        ({RELU: {"negative_slope": 0.1}}, [RELU, "expected relu6"]),
        ({RELU: {"threshold": 0.1}}, [RELU, "expected relu6"]),
        ({RELU: {"class_name": "Activation", "activation": "relu"}}, [RELU, "activation relu "]),
        ({RELU: {"class_name": "Activation", "activation": {"config": "swish"}}}, [RELU, "activation swish "]),
        ({RELU: {"class_name": "Dropout"}}, [RELU, "activation linear after BatchNormalization"]),
        ({RELU: {"class_name": "BatchNormalization"}}, [RELU, "activation linear"]),
        ({"conv_pw_3": {"activation": "tanh"}}, ["conv_pw_3 ", "tanh", "expected linear"]),
        ({"conv_pw_3": {"activation": "softmax"}}, ["conv_pw_3 ", "softmax", "expected linear"]),
        ({"conv_pw_3": {"strides": [2, 2]}}, ["conv_pw_3 ", "strides", "expected 1"]),
        ({"act_softmax": {"activation": "sigmoid"}}, ["act_softmax", "sigmoid", "expected linear or softmax"]),
        ({"reshape_2": {"class_name": "ReLU", "max_value": 6}}, ["reshape_2", "relu6", "expected linear or softmax"]),
        ({"global_average_pooling2d": {"class_name": "GlobalMaxPooling2D"}}, ["pools by GlobalMaxPooling2D"]),
        ({"global_average_pooling2d": {"class_name": "Reshape"}}, ["pools by nothing"]),
        ({"pad_dw_2": {"padding": 1}, "conv_dw_2": {"padding": "same"}}, ["unknown way"]),
        ({"act_softmax": {"class_name": "ZeroPadding2D", "activation": None}}, ["reshape_2", "padded"]),
    ],
    ids=str,
)
def test_a_layer_that_leaves_no_trace_in_the_weights_is_refused(tmp_path, make_checkpoint, options, words):
    checkpoint = make_checkpoint(alpha=0.25, num_classes=7, resolution=64)
    path = tmp_path / "full.h5"
    h5_writer.full_model(path, checkpoint.arrays, h5_writer.model_config(checkpoint.card.spec, **options))
    with pytest.raises(CheckpointError) as caught:
        import_file(path)
    assert all(word in str(caught.value) for word in ["full.h5", *words]), caught.value


def test_a_model_cut_off_before_its_last_relu6_is_refused():
    config = h5_writer.model_config(Spec(include_top=False), conv_pw_13_relu={"class_name": "cut"})
    layers = json.loads(config)["config"]["layers"]
    cut = next(index for index, layer in enumerate(layers) if layer["class_name"] == "cut")
    with pytest.raises(CheckpointError, match="last layer is a BatchNormalization, expected relu6"):
        read_model_config(json.dumps({"config": {"layers": layers[:cut]}}), "full.h5")


@pytest.mark.parametrize("function", ["relu6", {"class_name": "function", "config": "relu6"}], ids=str)
def test_relu6_as_older_keras_and_tutorials_write_it(function):
    changes = {f"{name}_relu": {"class_name": "Activation", "activation": function} for name in ("conv1", "conv_dw_4")}
    changes["conv_dw_4_bn"] = {"class_name": "BatchNormalizationV1"}
    facts = read_model_config(h5_writer.model_config(Spec(resolution=64), **changes), "full.h5")
    assert (facts.resolution, facts.padding) == (64, "keras")


def test_without_a_head_the_pooling_is_free():
    config = h5_writer.model_config(
        Spec(include_top=False), global_average_pooling2d={"class_name": "GlobalMaxPooling2D"}
    )
    assert read_model_config(config, "full.h5").padding == "keras"


def test_odd_sides_with_an_explicitly_padded_stem_are_refused():
    # (0, 1) at an odd side is neither of our rules for the stem.
    with pytest.raises(CheckpointError, match="unknown way"):
        read_model_config(h5_writer.model_config(Spec(alpha=0.25, resolution=97), pads="explicit"), "full.h5")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"config": {"layers": [3]}}', "[" * 100_000, '{"config": 1}'])
def test_a_damaged_config_is_refused(text):
    with pytest.raises(CheckpointError, match="does not list the layers"):
        read_model_config(text, "full.h5")


def test_open_sides_and_channels_first():
    spec = Spec(alpha=0.25, resolution=64)
    open_sides = h5_writer.model_config(spec, input_1={"batch_input_shape": [None, None, None, 3]})
    assert read_model_config(open_sides, "x").resolution is None
    first = h5_writer.model_config(spec, input_1={"batch_input_shape": [None, 3, 64, 64]})
    assert read_model_config(first, "x").resolution == 64


@pytest.mark.parametrize(
    ("name", "resolution"),
    [("mobilenet_5_0_192_tf.h5", 192), ("mobilenet_2_5_128_tf_no_top.h5", 128), ("mobilenet_2_5_128_tf.hdf5", 224)],
)
def test_resolution_comes_from_keras_file_names(tmp_path, make_checkpoint, name, resolution):
    with h5py.File(tmp_path / name, "w") as root:
        h5_writer.legacy(root, make_checkpoint(alpha=0.25, num_classes=7).arrays)
    assert import_file(tmp_path / name).spec.resolution == resolution


def test_a_stated_resolution_beyond_that_of_any_recipe_is_refused(tmp_path, make_checkpoint):
    checkpoint = make_checkpoint(alpha=0.25, num_classes=7)
    path = tmp_path / "large.h5"
    for stated in (5000, 10**3000):
        config = h5_writer.model_config(checkpoint.card.spec, input_1={"batch_shape": [None, stated, stated, 3]})
        h5_writer.full_model(path, checkpoint.arrays, config)
        with pytest.raises(CheckpointError, match=r"large\.h5: a resolution of \d+ px; at most 4096") as caught:
            import_model(path)
        assert len(str(caught.value)) < 300
    assert import_file(path, resolution=4096).spec.resolution == 4096
    with pytest.raises(UsageError, match="32 to 4096, received 5000"):
        import_file(path, resolution=5000)


@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.25, 0.35, 0.5, 0.7, 0.75, 1.0, 1.25, 1.4, 2.0])
def test_alpha_comes_from_widths(alpha):
    widths = tuple(max(1, int(filters * alpha)) for filters in (STEM_FILTERS, *(count for count, _ in BLOCKS)))
    found = alpha_from_widths(widths)
    assert found == alpha or tuple(max(1, int(f * found)) for f in (32, *(c for c, _ in BLOCKS))) == widths
    if alpha >= 0.1:
        assert found == alpha


def test_no_alpha_gives_these_widths():
    assert alpha_from_widths((32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1025)) is None
    assert alpha_from_widths((8, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)) is None


def test_big_endian_and_float64_are_converted_exactly_or_refused(tmp_path, make_checkpoint):
    arrays = make_checkpoint(alpha=0.25, num_classes=7).arrays
    for dtype in (">f4", "<f8", ">f8"):
        with h5py.File(tmp_path / "other.h5", "w") as root:
            h5_writer.legacy(root, {name: array.astype(dtype) for name, array in arrays.items()})
        equal(read_keras_h5(tmp_path / "other.h5"), arrays)
    more_digits = {name: array.astype("<f8") for name, array in arrays.items()}
    more_digits["conv_pw_3.kernel"] += 1e-12
    with h5py.File(tmp_path / "other.h5", "w") as root:
        h5_writer.legacy(root, more_digits)
    with pytest.raises(CheckpointError, match=r"conv_pw_3\.kernel is float64 with digits"):
        read_keras_h5(tmp_path / "other.h5")


def test_without_h5py_the_extra_is_named(tmp_path, make_checkpoint, monkeypatch):
    with h5py.File(tmp_path / "x.h5", "w") as root:
        h5_writer.legacy(root, make_checkpoint(alpha=0.25, num_classes=7).arrays)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tinysight\[h5\]'"):
        import_file(tmp_path / "x.h5")
