"""ONNX Runtime against the reference: every kind of spec, both kinds of input, and nothing that it does unasked."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lively_models import assert_references_answers, lively, pictures

import tinysight
from tinysight.checkpoint import Checkpoint
from tinysight.engines import check_probe
from tinysight.engines.native import default_threads
from tinysight.engines.onnx import OnnxEngine, is_installed
from tinysight.engines.reference import ReferenceEngine
from tinysight.errors import EngineError, MissingExtraError, UsageError
from tinysight.preprocess.scale import scale
from tinysight.spec import Spec

needs_onnx = pytest.mark.skipif(not is_installed(), reason="needs onnx and onnxruntime")


def check(checkpoint, images, threads=1):
    assert_references_answers(OnnxEngine(checkpoint, threads).run(images), ReferenceEngine(checkpoint).run(images))


@needs_onnx
@settings(max_examples=30, deadline=None)
@given(
    alpha=st.floats(0.02, 0.8),
    resolution=st.integers(32, 130),
    classes=st.integers(1, 40),
    padding=st.sampled_from(["keras", "same", "symmetric"]),
    top=st.booleans(),
    multiplier=st.integers(1, 2),
    threads=st.integers(1, 2),
)
def test_random_specs(alpha, resolution, classes, padding, top, multiplier, threads):
    spec = Spec(
        alpha=alpha,
        resolution=resolution,
        num_classes=classes,
        padding=padding,
        include_top=top,
        depth_multiplier=multiplier,
    )
    check(lively(spec, seed=resolution), pictures(spec, 2, seed=classes), threads)


@needs_onnx
@pytest.mark.weights
def test_the_real_weights(real_checkpoint):
    check(real_checkpoint, pictures(real_checkpoint.card.spec))
    engine = OnnxEngine(real_checkpoint)
    assert (engine.name, engine.precision, engine.spec) == ("onnx", "float32", real_checkpoint.card.spec)
    assert all(check_probe(engine, probe) < 1e-5 for probe in real_checkpoint.card.probes)


@needs_onnx
def test_threads_are_as_many_as_asked_for_and_soon_sleep():
    checkpoint = lively(Spec(alpha=0.1, resolution=32))
    for asked, expected in ((3, 3), (None, default_threads())):
        engine = OnnxEngine(checkpoint, asked)
        options = engine._session.get_session_options()
        assert engine.threads == options.intra_op_num_threads == expected
        assert options.get_session_config_entry("session.intra_op.spin_duration_us") == "100"
        assert engine._session.get_providers() == ["CPUExecutionProvider"]


@needs_onnx
def test_pixels_and_values_in_range_give_the_same_and_are_not_changed():
    checkpoint = lively(Spec(alpha=0.25, resolution=64, num_classes=5))
    images, engine = pictures(checkpoint.card.spec, 3), OnnxEngine(checkpoint, 1)
    values = scale(images, checkpoint.card.recipe.value_range)
    copies = images.copy(), values.copy()
    by_pixels, by_values = engine.run(images), engine.run(values)
    assert np.array_equal(by_pixels.logits, by_values.logits)
    assert np.array_equal(engine.run(images[:, :, ::-1][:, :, ::-1]).logits, by_pixels.logits)
    assert np.array_equal(images, copies[0]) and np.array_equal(values, copies[1])


@needs_onnx
def test_an_answer_does_not_depend_on_its_neighbours():
    checkpoint = lively(Spec(alpha=0.25, resolution=64, num_classes=5))
    images, engine = pictures(checkpoint.card.spec, 4), OnnxEngine(checkpoint, 2)
    together, alone = engine.run(images), [engine.run(image[None]) for image in images]
    assert np.array_equal(together.logits, np.concatenate([output.logits for output in alone]))
    assert np.array_equal(together.features, np.concatenate([output.features for output in alone]))
    none = engine.run(images[:0])
    assert none.logits.shape == (0, 5) and none.features.shape == (0, *together.features.shape[1:])


@needs_onnx
def test_many_threads_use_one_engine():
    checkpoint = lively(Spec(alpha=0.25, resolution=64, num_classes=5))
    images, engine = pictures(checkpoint.card.spec, 32), OnnxEngine(checkpoint, 2)
    expected = engine.run(images).logits
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            given = list(pool.map(lambda image: engine.run(image[None]).logits[0], images))
            assert np.array_equal(given, expected)


@needs_onnx
@pytest.mark.parametrize(
    "images", [np.zeros((64, 64, 3), np.uint8), np.zeros((1, 64, 64, 3)), np.full((1, 64, 64, 3), np.nan, np.float32)]
)
def test_wrong_input_is_refused(images):
    with pytest.raises(EngineError):
        OnnxEngine(lively(Spec(alpha=0.25, resolution=64)), 1).run(images)


@pytest.mark.parametrize("threads", [0, 65, True, 1.0])
def test_wrong_threads_are_refused(threads):
    with pytest.raises(UsageError, match="threads must be a whole number from 1 to 64"):
        OnnxEngine(lively(Spec(alpha=0.25, resolution=32)), threads)


def test_a_model_without_float_arrays_is_refused():
    card = lively(Spec(alpha=0.25, resolution=32)).card
    with pytest.raises(EngineError, match="needs float32 arrays, and this model holds integer ones only"):
        OnnxEngine(Checkpoint(card, {}))


@needs_onnx
def test_what_onnx_runtime_refuses_is_one_line(monkeypatch):
    checkpoint = lively(Spec(alpha=0.25, resolution=32))
    engine = OnnxEngine(checkpoint, 1)
    monkeypatch.setattr("tinysight.engines.onnx.network_input", lambda *_: np.zeros((1, 7, 7, 3), np.float32))
    with pytest.raises(EngineError, match=r"ONNX Runtime failed: .*Got: 7 Expected: 32") as caught:
        engine.run(pictures(checkpoint.card.spec))
    assert "\n" not in str(caught.value)
    monkeypatch.setattr("tinysight.engines.onnx.open_session", lambda runtime, *_: runtime.InferenceSession(b"?"))
    with pytest.raises(EngineError, match="ONNX Runtime does not open this network: "):
        OnnxEngine(checkpoint, 1)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(monkeypatch, package):
    if package == "onnx" and not is_installed():
        pytest.skip("needs onnx and onnxruntime")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package} is not installed; run: pip install 'tinysight\[onnx\]'"):
        OnnxEngine(lively(Spec(alpha=0.25, resolution=32)), 1)


def python(code, home):
    """Run a program as on a machine of its own: an empty home folder, and not in CI, where telemetry is off anyway."""
    package = Path(tinysight.__file__).parent.parent
    environment = {"HOME": str(home), "PYTHONPATH": str(package), "ORT_DISABLE_TELEMETRY": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=home, env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout + done.stderr


def test_asking_whether_it_is_there_imports_nothing(tmp_path):
    code = "import sys; from tinysight.engines.onnx import is_installed; is_installed(); print(*sys.modules)"
    assert not {"onnx", "onnxruntime"} & set(python(code, tmp_path).split())


@needs_onnx
def test_it_prints_nothing_sends_nothing_and_leaves_no_trace(tmp_path):
    """Without the switch, importing ONNX Runtime 1.32 leaves an identifier and a queue of messages in ~/.cache."""
    code = (
        "import os\n"
        "before = dict(os.environ)\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from tinysight.engines.onnx import import_onnxruntime\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    list(pool.map(lambda _: import_onnxruntime(), range(8)))\n"
        "assert before == dict(os.environ)\n"
    )
    assert python(code, tmp_path) == ""
    assert list(tmp_path.iterdir()) == []
