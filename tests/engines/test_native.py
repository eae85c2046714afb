"""The native engine against the reference: every kind of spec, every instruction set, any number of threads."""

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_models import rounded
from lively_models import SPECS, assert_references_answers, lively, pictures

from tinysight.cli import run
from tinysight.engines import onnx, open_engine
from tinysight.engines.native import NativeEngine, available_isas, is_built, supports
from tinysight.engines.reference import ReferenceEngine
from tinysight.errors import EngineError, UsageError
from tinysight.spec import Spec

pytestmark = pytest.mark.skipif(not is_built(), reason="the package was built without a C++ compiler")
ISAS = available_isas() if is_built() else ()


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("fields", SPECS)
def test_logits_and_features_are_the_references(fields, isa):
    checkpoint = lively(Spec(**fields))
    images = pictures(checkpoint.card.spec, 2)
    engine = NativeEngine(checkpoint, 2, isa)
    assert engine.isa == isa
    assert_references_answers(engine.run(images), ReferenceEngine(checkpoint).run(images))


@settings(max_examples=30, deadline=None)
@given(
    alpha=st.floats(0.02, 0.8),
    resolution=st.integers(32, 130),
    classes=st.integers(1, 40),
    padding=st.sampled_from(["keras", "same", "symmetric"]),
    top=st.booleans(),
    isa=st.sampled_from(ISAS or ("portable",)),
)
def test_random_specs(alpha, resolution, classes, padding, top, isa):
    spec = Spec(alpha=alpha, resolution=resolution, num_classes=classes, padding=padding, include_top=top)
    checkpoint, images = lively(spec), pictures(spec)
    assert_references_answers(NativeEngine(checkpoint, 1, isa).run(images), ReferenceEngine(checkpoint).run(images))


@pytest.mark.parametrize("isa", ISAS)
def test_threads_batches_and_repetition_give_the_same_bits(isa):
    checkpoint = lively(Spec(alpha=0.5, resolution=100, num_classes=9))
    images = pictures(checkpoint.card.spec, 3)
    expected = NativeEngine(checkpoint, 1, isa).run(images)
    for threads in (2, 3, 5):
        engine = NativeEngine(checkpoint, threads, isa)
        for _ in range(3):
            given = engine.run(images)
            assert np.array_equal(given.logits, expected.logits)
            assert np.array_equal(given.features, expected.features)
        for index, image in enumerate(images):
            assert np.array_equal(engine.run(image[None]).logits[0], expected.logits[index])


def test_float_values_in_range_and_views_of_any_strides():
    checkpoint = lively(Spec(alpha=0.25, resolution=64, num_classes=5))
    images = pictures(checkpoint.card.spec, 2)
    engine = NativeEngine(checkpoint)
    expected = engine.run(images).logits
    values = images.astype(np.float32) / np.float32(127.5) - np.float32(1)
    assert np.array_equal(engine.run(values).logits, expected)
    assert np.array_equal(engine.run(images[:, ::-1][:, ::-1]).logits, expected)
    assert engine.run(images[:0]).logits.shape == (0, 5)


def test_many_threads_may_call_one_engine():
    checkpoint = lively(Spec(alpha=0.25, resolution=64, num_classes=5))
    images = pictures(checkpoint.card.spec, 32)
    engine = NativeEngine(checkpoint, 2)
    expected = engine.run(images).logits
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            given = list(pool.map(lambda image: engine.run(image[None]).logits[0], images))
            assert np.array_equal(given, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="platform: needs fork")
def test_a_forked_process_has_threads_of_its_own():
    checkpoint = lively(Spec(alpha=0.25, resolution=64, num_classes=5))
    images = pictures(checkpoint.card.spec)
    engine = NativeEngine(checkpoint, 2)
    expected = engine.run(images).logits
    code = (
        "import os, sys, signal; sys.path.insert(0, sys.argv[1])\n"
        "import numpy as np\n"
        "from lively_models import lively, pictures\n"
        "from tinysight.engines.native import NativeEngine\n"
        "from tinysight.spec import Spec\n"
        "c = lively(Spec(alpha=0.25, resolution=64, num_classes=5))\n"
        "e, x = NativeEngine(c, 2), pictures(c.card.spec)\n"
        "a = e.run(x).logits; pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.alarm(20); os._exit(0 if np.array_equal(e.run(x).logits, a) else 1)\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
    )
    subprocess.run([sys.executable, "-c", code, str(Path(__file__).parent.parent)], check=True, timeout=60)
    assert np.array_equal(engine.run(images).logits, expected)


@pytest.mark.parametrize(
    "images", [np.zeros((64, 64, 3), np.uint8), np.zeros((1, 64, 64, 3)), np.full((1, 64, 64, 3), np.nan, np.float32)]
)
def test_wrong_input_is_refused(images):
    with pytest.raises(EngineError):
        NativeEngine(lively(Spec(alpha=0.25, resolution=64))).run(images)


@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": 65}, {"threads": True}, {"isa": "avx9"}, {"isa": ""}])
def test_wrong_options_are_refused(options):
    with pytest.raises(UsageError, match="must be"):
        NativeEngine(lively(Spec(alpha=0.25, resolution=32)), **options)


@pytest.mark.parametrize(
    ("precision", "part"),
    [*((name, part) for name in ("float32", "int16", "int8") for part in ("kernel", "bias")), ("int8", "step")],
)
def test_weights_of_other_sizes_never_reach_the_compiled_part(precision, part):
    """A file cannot hold them, a ``Checkpoint`` that was made in Python can."""
    checkpoint = lively(Spec(alpha=0.25, resolution=32))
    if precision == "int8":
        integers = rounded(checkpoint)
        layer = integers.layers["conv_pw_13"]
        one = {name: getattr(layer, name)[:1] for name in ("scale", "bias", "step")}
        shorter = {"kernel": {"kernel": layer.kernel[..., :16, :]}, "bias": one, "step": {"step": one["step"]}}[part]
        wrong = {**integers.layers, "conv_pw_13": replace(layer, **shorter)}
        checkpoint = replace(checkpoint, integers=replace(integers, layers=wrong))
    else:
        name = {"kernel": "conv_pw_13.kernel", "bias": "conv_preds.bias"}[part]
        cut = checkpoint.arrays[name]
        checkpoint.arrays[name] = cut[:16] if part == "bias" else cut[..., :16, :]
    with pytest.raises(EngineError, match="the spec says"):
        NativeEngine(checkpoint, precision=precision)


def test_an_instruction_set_is_for_the_native_engine_alone():
    with pytest.raises(EngineError, match="instruction set portable was asked for"):
        open_engine(lively(Spec(alpha=0.25, resolution=32)), "reference", isa="portable")


def test_what_it_does_not_run_is_left_to_others():
    checkpoint = lively(Spec(alpha=0.25, resolution=32, depth_multiplier=2))
    assert not supports(checkpoint.card.spec)
    assert open_engine(checkpoint).name == ("onnx" if onnx.is_installed() else "reference")
    with pytest.raises(EngineError, match="depth_multiplier 1, received 2"):
        open_engine(checkpoint, "native")


def test_auto_takes_it_and_says_so(caplog):
    caplog.set_level(logging.DEBUG, "tinysight")
    engine = open_engine(lively(Spec(alpha=0.25, resolution=32)), isa="portable", threads=1)
    assert (engine.name, engine.isa, engine.threads) == ("native", "portable", 1)
    assert "engine native, portable, 1 threads" in caplog.text


def test_variables_force_instruction_set_and_threads(checkpoint_file, tmp_path, monkeypatch, capsys):
    from tinysight.preprocess import encode_png

    (tmp_path / "x.png").write_bytes(encode_png(pictures(Spec(resolution=40))[0]))
    command = ["predict", "--json", "-m", str(checkpoint_file), str(tmp_path / "x.png")]
    for variable, good, bad in (("TINYSIGHT_ISA", "portable", "mmx"), ("TINYSIGHT_THREADS", "1", "many")):
        monkeypatch.setenv(variable, good)
        assert run(command) == 0
        monkeypatch.setenv(variable, bad)
        assert run(command) == 2
        assert bad in capsys.readouterr().err
        monkeypatch.delenv(variable)
