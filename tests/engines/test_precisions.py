"""Which engine runs a model in which precision, and what the model checks before it is used."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from integer_models import in_int8, with_probes

from tinysight.checkpoint import Checkpoint
from tinysight.checkpoint.integers import IntegerLayer
from tinysight.engines import PROBE_TOLERANCE, check_probes, choose, native, onnx, open_engine
from tinysight.engines.choice import order
from tinysight.engines.overflow import check_sums
from tinysight.engines.reference import ReferenceEngine
from tinysight.engines.reference_integer import IntegerReferenceEngine
from tinysight.errors import EngineError, MissingExtraError, UsageError

HERE = {"native": True, "onnx": True}


@pytest.fixture
def floats(make_checkpoint):
    return with_probes(make_checkpoint(alpha=0.25, resolution=32, num_classes=5))


@pytest.fixture
def machine(monkeypatch):
    """Say which engines this machine has: ``machine(native=False, onnx=True)``."""

    def have(**engines):
        monkeypatch.setattr(native, "is_built", lambda: engines.get("native", False))
        monkeypatch.setattr(onnx, "is_installed", lambda: engines.get("onnx", False))

    return have


def with_kernel(checkpoint, name, kernel):
    """The same int8 model with one kernel replaced, and without probes."""
    layer = checkpoint.integers.layers[name]
    changed = IntegerLayer(kernel, layer.scale, layer.bias, layer.step)
    integers = replace(checkpoint.integers, layers={**checkpoint.integers.layers, name: changed}, probe_outputs=None)
    return Checkpoint(replace(checkpoint.card, probes=()), {}, integers)


def test_the_order_is_the_one_that_is_written_down(both):
    assert [f"{engine} {precision}" for engine, precision in order(both)] == [
        "native int8",
        "native int16",
        "native float32",
        "onnx float32",
        "reference float32",
        "reference int8",
        "reference int16",
    ]


@pytest.mark.parametrize(
    ("model", "has", "chosen"),
    [
        ("both", {"native": True, "onnx": True}, ("native", "int8")),
        ("floats", {"native": True, "onnx": True}, ("native", "int16")),
        ("int8_only", {"native": True, "onnx": True}, ("native", "int8")),
        ("both", {"onnx": True}, ("onnx", "float32")),
        ("int8_only", {"onnx": True}, ("reference", "int8")),
        ("both", {}, ("reference", "float32")),
        ("floats", {}, ("reference", "float32")),
        ("int8_only", {}, ("reference", "int8")),
    ],
)
def test_auto_takes_the_first_that_the_machine_has(request, machine, model, has, chosen):
    machine(**has)
    assert choose(request.getfixturevalue(model)) == chosen


@pytest.mark.parametrize(
    ("name", "precision", "chosen"),
    [
        ("auto", "float32", ("native", "float32")),
        ("auto", "int16", ("native", "int16")),
        ("native", "auto", ("native", "int8")),
        ("onnx", "auto", ("onnx", "float32")),
        ("reference", "auto", ("reference", "float32")),
        ("reference", "int8", ("reference", "int8")),
        ("reference", "int16", ("reference", "int16")),
    ],
)
def test_what_is_asked_for_is_taken(machine, both, name, precision, chosen):
    machine(native=True, onnx=True)
    assert choose(both, name, precision) == chosen


@pytest.mark.parametrize(
    ("model", "has", "name", "precision", "message"),
    [
        ("int8_only", HERE, "auto", "float32", "holds int8, not float32; open the file with the float32 weights"),
        ("int8_only", HERE, "native", "int16", "holds int8, not int16; open the file"),
        ("floats", HERE, "auto", "int8", "holds int16, float32, not int8; make one that does with: tinysight quantize"),
        ("int8_only", HERE, "onnx", "auto", "engine onnx computes in float32; the file of model .* holds int8"),
        ("both", HERE, "onnx", "int16", "engine onnx computes in float32, not int16"),
        ("both", {}, "native", "auto", "no native engine: it was built without"),
        ("both", {}, "native", "int8", "no native engine: it was built without"),
    ],
)
def test_what_cannot_be_is_refused(request, machine, model, has, name, precision, message):
    machine(**has)
    with pytest.raises(EngineError, match=message) as caught:
        choose(request.getfixturevalue(model), name, precision)
    assert "\n" not in str(caught.value)


def test_a_missing_runtime_names_the_extra(machine, both):
    machine(native=True)
    with pytest.raises(MissingExtraError, match=r"pip install 'tinysight\[onnx\]'"):
        choose(both, "onnx")


@pytest.mark.parametrize("options", [{"name": "onnxruntime"}, {"precision": "int4"}, {"precision": ""}])
def test_unknown_names_are_refused(both, options):
    with pytest.raises(UsageError, match="must be one of auto, "):
        choose(both, **options)


def test_several_depthwise_outputs_are_left_to_numpy(machine, make_checkpoint):
    machine(native=True)
    model = make_checkpoint(alpha=0.25, resolution=32, depth_multiplier=2)
    assert choose(model) == ("reference", "float32")
    assert choose(in_int8(model)) == ("reference", "int8")


def test_a_range_of_pixels_that_16_bits_do_not_hold_is_left_to_float32(machine, floats):
    machine(native=True)
    card = replace(floats.card, recipe=replace(floats.card.recipe, value_range=(10.0, 11.0)), probes=())
    odd = Checkpoint(card, floats.arrays)
    assert choose(odd) == ("native", "float32")
    with pytest.raises(EngineError, match=r"range \(10\.0, 11\.0\) in int16"):
        choose(odd, "native", "int16")


def test_the_way_is_logged(caplog, machine, both):
    machine()
    caplog.set_level(logging.DEBUG, "tinysight")
    open_engine(both)
    said = [record.getMessage() for record in caplog.records]
    assert said[0].startswith("not native in int8: this installation has no native engine")
    assert said[3] == "not onnx in float32: onnxruntime is not installed; run: pip install 'tinysight[onnx]'"
    assert said[4:] == ["engine reference, float32, for mobilenet_v1_0.25_32"]


@pytest.mark.parametrize("name", ["reference", "native"])
@pytest.mark.parametrize("precision", ["float32", "int16", "int8"])
def test_every_engine_in_every_precision_is_what_it_says(both, name, precision):
    if name == "native" and not native.is_built():
        pytest.skip("needs the native engine")
    engine = open_engine(both, name, precision)
    assert (engine.name, engine.precision) == (name, precision)
    assert check_probes(engine, both) <= PROBE_TOLERANCE[precision] / 4
    exact = ReferenceEngine(both)
    integer = IntegerReferenceEngine(both.card, both.integers)
    pictures = np.random.default_rng(5).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    given, wanted = engine.run(pictures).logits, (integer if precision == "int8" else exact).run(pictures).logits
    assert np.abs(given - wanted).max() < {"float32": 1e-4, "int16": 2e-2, "int8": 1e-4}[precision]
    assert (precision == "float32") == (np.abs(given - exact.run(pictures).logits).max() < 1e-5)


@pytest.mark.parametrize("name", ["reference", "native"])
def test_int8_is_checked_against_its_own_outputs(int8_only, name):
    if name == "native" and not native.is_built():
        pytest.skip("needs the native engine")
    outputs = int8_only.integers.probe_outputs.copy()
    outputs[0, 2] += 2e-4 * max(1, np.abs(outputs[0]).max())
    changed = Checkpoint(int8_only.card, {}, replace(int8_only.integers, probe_outputs=outputs))
    with pytest.raises(EngineError, match=r"\(int8\) fails the model's own probe"):
        open_engine(changed, name)
    second = int8_only.integers.probe_outputs.copy()
    second[1, 0] += 1
    changed = Checkpoint(int8_only.card, {}, replace(int8_only.integers, probe_outputs=second))
    engine = open_engine(changed, name)  # opening runs the first probe only
    with pytest.raises(EngineError, match="fails the model's own probe"):
        check_probes(engine, changed)


def test_another_padding_is_found_in_every_precision(both):
    card = replace(both.card, spec=replace(both.card.spec, padding="symmetric"))
    for precision in both.precisions:
        with pytest.raises(EngineError, match="fails the model's own probe"):
            open_engine(Checkpoint(card, both.arrays, both.integers), precision=precision)


@pytest.mark.parametrize("name", ["reference", "native"])
@pytest.mark.parametrize(
    ("layer", "value", "message"),
    [
        ("conv_pw_3", 127, "conv_pw_3"),  # 4 x 127 x 255 in a 16-bit lane
        ("conv_pw_3", -127, "conv_pw_3"),
        ("conv_preds", None, None),  # the control: nothing changed
    ],
)
def test_weights_whose_sums_can_overflow_are_refused(int8_only, name, layer, value, message):
    if name == "native" and not native.is_built():
        pytest.skip("needs the native engine")
    kernel = int8_only.integers.layers[layer].kernel.copy()
    if value is None:
        open_engine(with_kernel(int8_only, layer, kernel), name)
        return
    kernel[..., 0] = value
    with pytest.raises(EngineError, match=f"not safe: .*{message if name == 'reference' else 'channel 0'}"):
        open_engine(with_kernel(int8_only, layer, kernel), name)


def test_sums_beyond_32_bits_are_refused(int8_only):
    kernel = np.zeros_like(int8_only.integers.layers["conv1"].kernel)
    largest = 4080 * 32767  # a pixel's largest magnitude under the default range, times the largest weight
    fitting = (2**31 - 1) // largest
    kernel.reshape(27, -1)[:fitting, 1] = 32767
    check_sums(int8_only.card.spec, int8_only.card.recipe, with_kernel(int8_only, "conv1", kernel).integers)
    kernel.reshape(27, -1)[fitting, 1] = -32767  # pixels have both signs, so its sign does not matter
    message = rf"layer conv1, output 1: a sum can reach {largest * (fitting + 1)}, beyond 2147483647"
    with pytest.raises(EngineError, match=message):
        open_engine(with_kernel(int8_only, "conv1", kernel), "reference")
