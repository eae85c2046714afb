"""The ONNX graph: made of these nodes and no others, of the spec's shapes, and another reader's answers are ours."""

import sys
from collections import Counter

import numpy as np
import pytest

from tinysight.engines.onnx import import_onnxruntime, is_installed
from tinysight.engines.reference import ReferenceEngine
from tinysight.errors import MissingExtraError, UsageError
from tinysight.onnx_graph import OPSET, onnx_model
from tinysight.preprocess.scale import scale
from tinysight.spec import Spec, array_shapes, layers

needs_onnx = pytest.mark.skipif(not is_installed(), reason="needs onnx and onnxruntime")
RANGE = (-1.0, 1.0)
SMALL = {"alpha": 0.1, "resolution": 35, "num_classes": 5}


def pictures(side, count=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def run(model, images):
    """Run a model in ONNX Runtime: output name -> array."""
    options = import_onnxruntime().SessionOptions()
    options.intra_op_num_threads = 1
    session = import_onnxruntime().InferenceSession(model.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


@needs_onnx
@pytest.mark.parametrize(
    ("fields", "options", "more"),
    [
        ({}, {}, {}),
        ({}, {"features": True}, {"Transpose": 2}),
        ({}, {"pixels": True}, {"Cast": 1, "Div": 1, "Add": 1}),
        ({"depth_multiplier": 2, "padding": "symmetric"}, {}, {}),
        ({"include_top": False}, {}, {"Transpose": 2, "Conv": 27, "GlobalAveragePool": 0, "Flatten": 0}),
    ],
)
def test_it_has_the_networks_nodes_and_no_others(make_checkpoint, fields, options, more):
    import onnx

    checkpoint = make_checkpoint(**SMALL | fields)
    model = onnx_model(checkpoint.card.spec, checkpoint.arrays, RANGE, **options)
    onnx.checker.check_model(model, full_check=True)
    expected = {"Transpose": 1, "Conv": 28, "Clip": 27, "GlobalAveragePool": 1, "Flatten": 1} | more
    assert Counter(node.op_type for node in model.graph.node) == Counter(expected)
    outputs = [output.name for output in model.graph.output]
    head = ["logits"] if checkpoint.card.spec.include_top else []
    assert outputs == head + (["features"] if "features" in options or not head else [])


@needs_onnx
@pytest.mark.parametrize("padding", ["keras", "same", "symmetric"])
@pytest.mark.parametrize("resolution", [64, 71, 97])
def test_every_layer_has_the_specs_shape(make_checkpoint, padding, resolution):
    import onnx

    checkpoint = make_checkpoint(alpha=0.1, resolution=resolution, padding=padding, depth_multiplier=2)
    spec = checkpoint.card.spec
    model = onnx.shape_inference.infer_shapes(onnx_model(spec, checkpoint.arrays, RANGE, batch=3), strict_mode=True)
    shapes = {
        value.name: tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
        for value in model.graph.value_info
    }
    for layer in layers(spec):
        height, width, channels = layer.output_shape
        assert shapes[layer.name] == (3, channels, height, width)


@needs_onnx
@pytest.mark.parametrize(
    "fields", [{}, {"padding": "same"}, {"padding": "symmetric", "depth_multiplier": 2}, {"include_top": False}]
)
def test_onnx_own_evaluator_gives_the_references_answers(make_checkpoint, fields):
    """The package's evaluator follows the operators' definitions in NumPy and shares no code with ONNX Runtime."""
    from onnx.reference import ReferenceEvaluator

    checkpoint = make_checkpoint(**SMALL | fields)
    model = onnx_model(checkpoint.card.spec, checkpoint.arrays, RANGE, pixels=True, features=True)
    images = pictures(35, 2)
    evaluator = ReferenceEvaluator(model)
    given = dict(zip(evaluator.output_names, evaluator.run(None, {"images": images}), strict=True))
    expected = ReferenceEngine(checkpoint).run(images)
    np.testing.assert_allclose(given["features"], expected.features, atol=1e-4)
    assert ("logits" in given) == (expected.logits is not None)
    if expected.logits is not None:
        np.testing.assert_allclose(given["logits"], expected.logits, atol=1e-4)


@needs_onnx
@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0), (0.0, 255.0), (-2.0, 3.0)])
def test_pixels_are_scaled_in_the_graph_as_everywhere(make_checkpoint, value_range):
    checkpoint = make_checkpoint(**SMALL)
    spec, images = checkpoint.card.spec, pictures(35, 2)
    with_pixels = onnx_model(spec, checkpoint.arrays, value_range, pixels=True)
    assert any(node.op_type == "Add" for node in with_pixels.graph.node) == (value_range[0] != 0)
    given = run(with_pixels, images)["logits"]
    expected = run(onnx_model(spec, checkpoint.arrays, value_range), scale(images, value_range))["logits"]
    assert np.array_equal(given, expected)


@needs_onnx
def test_the_number_of_pictures_is_open_or_fixed(make_checkpoint):
    checkpoint = make_checkpoint(**SMALL)
    spec, images = checkpoint.card.spec, pictures(35, 3)
    expected = ReferenceEngine(checkpoint).run(images)
    any_number = onnx_model(spec, checkpoint.arrays, RANGE, pixels=True, features=True)
    for count in (1, 3):
        given = run(any_number, images[:count])
        np.testing.assert_allclose(given["logits"], expected.logits[:count], atol=1e-4)
        np.testing.assert_allclose(given["features"], expected.features[:count], atol=1e-3)
    two = onnx_model(spec, checkpoint.arrays, RANGE, pixels=True, batch=2)
    assert run(two, images[:2])["logits"].shape == (2, 5)
    with pytest.raises(UsageError, match="batch must be at least 1 or None, received 0"):
        onnx_model(spec, checkpoint.arrays, RANGE, batch=0)


@needs_onnx
def test_old_runtimes_read_it_and_the_same_model_has_the_same_bytes(make_checkpoint):
    checkpoint = make_checkpoint(**SMALL)
    models = [onnx_model(checkpoint.card.spec, checkpoint.arrays, RANGE) for _ in range(2)]
    assert models[0].SerializeToString(deterministic=True) == models[1].SerializeToString(deterministic=True)
    assert [(entry.domain, entry.version) for entry in models[0].opset_import] == [("", OPSET)]
    assert models[0].ir_version == 7
    stored = sum(np.prod(constant.dims, dtype=int) for constant in models[0].graph.initializer)
    folded = sum(array.size for name, array in checkpoint.arrays.items() if name.endswith(("kernel", "beta", "bias")))
    assert stored == folded + 2  # and the two limits of ReLU6


def test_more_than_one_file_holds_is_refused():
    spec = Spec(alpha=40.0, resolution=32)
    arrays = {name: np.broadcast_to(np.float32(0), shape) for name, shape in array_shapes(spec).items()}
    with pytest.raises(UsageError, match="less than 2 GiB"):
        onnx_model(spec, arrays, RANGE)


def test_a_missing_package_is_named(make_checkpoint, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    checkpoint = make_checkpoint(**SMALL)
    with pytest.raises(MissingExtraError, match=r"onnx is not installed; run: pip install 'tinysight\[onnx\]'"):
        onnx_model(checkpoint.card.spec, checkpoint.arrays, RANGE)
