"""ONNX files: our answers in ONNX Runtime, in every precision and form of input, with the card inside."""

import json

import numpy as np
import pytest
from integer_models import with_probes
from lively_models import lively, pictures

from tinysight.checkpoint import write_checkpoint
from tinysight.checkpoint.card import card_from_json
from tinysight.cli import run
from tinysight.engines import open_engine
from tinysight.engines.onnx import is_installed
from tinysight.errors import GateError, MissingExtraError, UsageError
from tinysight.export import ExportOptions, export_model, report_path
from tinysight.export.onnx import CARD_KEY, onnx_bytes, open_onnx
from tinysight.labels import Label, softmax
from tinysight.models.quantizing import quantize_model
from tinysight.preprocess.scale import scale
from tinysight.spec import Spec

pytestmark = pytest.mark.skipif(not is_installed(), reason="needs onnx and onnxruntime (extra onnx)")
LABELS = tuple(Label(None, name) for name in ("sun flower", "rose", "tulip"))


@pytest.fixture(scope="module")
def model():
    from dataclasses import replace

    made = with_probes(lively(Spec(alpha=0.25, resolution=64, num_classes=3)))
    whole = quantize_model(made, np.stack(pictures(made.card.spec, 20)))
    return replace(whole, card=replace(whole.card, labels=LABELS))


def ours(model, images, precision):
    return open_engine(model, precision=precision, threads=1).run(images).logits


@pytest.mark.parametrize("batch", [1, 3, None])
@pytest.mark.parametrize("pixels", [False, True])
def test_float32_gives_our_answers_in_every_form(model, pixels, batch):
    images = np.stack(pictures(model.card.spec, 7, seed=5))
    artefact = open_onnx(onnx_bytes(model, ExportOptions("float32", pixels, batch)))
    wanted = ours(model, images, "float32")
    np.testing.assert_allclose(artefact.run(images), wanted, atol=1e-4 * max(1, np.abs(wanted).max() / 16))
    assert artefact.labels == tuple(label.name for label in LABELS)


@pytest.mark.parametrize("pixels", [False, True])
def test_int8_gives_the_answers_of_our_int8(model, pixels):
    images = np.stack(pictures(model.card.spec, 20, seed=6))
    found = open_onnx(onnx_bytes(model, ExportOptions("int8", pixels))).run(images)
    wanted = ours(model, images, "int8")
    noise = np.square(found - wanted).mean() / np.square(wanted - ours(model, images, "float32")).mean()
    assert noise < 0.25, "what ONNX Runtime adds must be far below what int8 costs"


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_probabilities_are_the_softmax_of_the_logits(model, precision, tmp_path):
    images = np.stack(pictures(model.card.spec, 4))
    logits, scores = (
        open_onnx(onnx_bytes(model, ExportOptions(precision, probabilities=one))) for one in (False, True)
    )
    assert scores.probabilities and not logits.probabilities
    np.testing.assert_allclose(scores.run(images), softmax(logits.run(images)), atol=1e-6)
    assert export_model(model, "onnx", tmp_path / "a.onnx", ExportOptions(precision, probabilities=True)) is not None


def test_float16_has_half_of_the_bytes_and_nearly_the_same_answers(model):
    whole, half = (onnx_bytes(model, ExportOptions(precision)) for precision in ("float32", "float16"))
    assert len(half) < 0.6 * len(whole)
    images = np.stack(pictures(model.card.spec, 5))
    wanted = ours(model, images, "float32")
    assert 0 < np.abs(open_onnx(half).run(images) - wanted).max() < 0.03 * np.abs(wanted).max()


def test_the_weights_take_nearly_all_of_the_file(model):
    from tinysight.fold import fold

    weights = sum(one.kernel.nbytes + one.bias.nbytes for one in fold(model.card.spec, model.arrays).values())
    card = len(model.card.to_json())
    assert weights < len(onnx_bytes(model, ExportOptions())) < 1.02 * weights + card + 8000


def test_the_card_and_the_keys_of_the_model_api_are_inside(model):
    import onnx

    file = onnx.load_from_string(onnx_bytes(model, ExportOptions()))
    onnx.checker.check_model(file, full_check=True)
    found = {entry.key: entry.value for entry in file.metadata_props}
    assert card_from_json(found[CARD_KEY]) == model.card
    assert found["model_info model_type"] == "Classification"
    assert found["model_info labels"] == "sun_flower rose tulip"
    assert found["model_info mean_values"] == "127.5 127.5 127.5"
    pixels = onnx.load_from_string(onnx_bytes(model, ExportOptions(pixels=True)))
    assert "model_info mean_values" not in {entry.key for entry in pixels.metadata_props}


def test_int8_has_no_other_nodes_and_integer_kernels_take_the_pointwise_layers(model, tmp_path):
    import onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 3
    data = onnx_bytes(model, ExportOptions("int8"))
    onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert kinds.count("QLinearConv") == 13


def test_the_same_model_gives_the_same_bytes(model):
    assert onnx_bytes(model, ExportOptions("int8")) == onnx_bytes(model, ExportOptions("int8"))


def test_a_file_takes_floats_in_range_or_pixels(model):
    import onnxruntime

    images = np.stack(pictures(model.card.spec, 1))
    floats, pixels = (
        onnxruntime.InferenceSession(onnx_bytes(model, ExportOptions(pixels=one)), providers=["CPUExecutionProvider"])
        for one in (False, True)
    )
    a = floats.run(None, {"images": scale(images, model.card.recipe.value_range)})[0]
    np.testing.assert_allclose(a, pixels.run(None, {"images": images})[0], atol=1e-5)


def test_the_verb_writes_a_file_and_what_was_found(model, tmp_path, capsys):
    write_checkpoint(tmp_path / "m.safetensors", model)
    target = tmp_path / "m.onnx"
    command = ["export", "--model", str(tmp_path / "m.safetensors"), "-f", "onnx", "-o", str(target)]
    assert run([*command, "--json", "--input", "pixels", "--batch", "any"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["bytes"] == target.stat().st_size
    stored = json.loads(report_path(target).read_text())
    assert stored | {"format": "onnx"} == {"format": "onnx", "model": printed["model"], **printed["parity"]}
    assert printed["parity"]["labels_equal"] is True
    assert run([*command, "--force", "--precision", "int8"]) == 0
    assert "as our int8 engine" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch", "0"], "--batch must be a whole number from 1 to 256, or any, received '0'"),
        (["--batch", "x" * 50], "--batch must be"),
        (["--min-agreement", "0.9"], "needs --check FOLDER"),
    ],
)
def test_wrong_options_are_refused_in_a_line(model, tmp_path, capsys, options, message):
    write_checkpoint(tmp_path / "m.safetensors", model)
    command = ["export", "--model", str(tmp_path / "m.safetensors"), "-f", "onnx", "-o", str(tmp_path / "m.onnx")]
    assert run([*command, *options]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error
    assert not (tmp_path / "m.onnx").exists()


def test_int8_of_a_model_without_it_and_a_model_without_a_head_are_refused(make_checkpoint, tmp_path):
    plain = make_checkpoint(alpha=0.25, resolution=32, num_classes=3)
    with pytest.raises(UsageError, match="holds no int8 numbers; tinysight quantize adds them"):
        export_model(plain, "onnx", tmp_path / "a.onnx", ExportOptions("int8"))
    with pytest.raises(UsageError, match="has no head"):
        export_model(make_checkpoint(alpha=0.25, resolution=32, include_top=False), "onnx", tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_packages_the_extra_is_named(model, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"tinysight\[onnx\]"):
        export_model(model, "onnx", tmp_path / "a.onnx")


def _faults():
    def damaged(model):
        arrays = {name: array.copy() for name, array in model.arrays.items()}
        arrays["conv_pw_7.kernel"].flat[11] += 0.5
        return arrays, model.card

    def swapped(model):
        arrays = {name: array.copy() for name, array in model.arrays.items()}
        arrays["conv_dw_3.kernel"] = arrays["conv_dw_3.kernel"][:, :, ::-1]
        return arrays, model.card

    def shifted(model):
        from dataclasses import replace

        return model.arrays, replace(model.card, labels=(*LABELS[1:], LABELS[0]))

    return {"a damaged weight": damaged, "swapped channels": swapped, "shifted labels": shifted}


@pytest.mark.parametrize("fault", _faults())
def test_the_gate_refuses(model, tmp_path, monkeypatch, fault):
    from tinysight import export
    from tinysight.checkpoint import Checkpoint

    arrays, card = _faults()[fault](model)
    wrong = onnx_bytes(Checkpoint(card, arrays), ExportOptions())
    kind = export.FORMATS["onnx"]._replace(make=lambda *_: wrong)
    monkeypatch.setitem(export.FORMATS, "onnx", kind)
    with pytest.raises(GateError):
        export_model(model, "onnx", tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_the_gate_refuses_too_few_equal_answers_and_the_verb_exits_with_3(model, tmp_path, monkeypatch, capsys):
    from tinysight.export import parity
    from tinysight.preprocess import encode_png

    monkeypatch.setattr(parity, "same_answers", lambda *_: 0.97)
    write_checkpoint(tmp_path / "m.safetensors", model)
    (tmp_path / "pictures").mkdir()
    for number, picture in enumerate(pictures(model.card.spec, 3)):
        (tmp_path / "pictures" / f"{number}.png").write_bytes(encode_png(picture))
    command = ["export", "--model", str(tmp_path / "m.safetensors"), "-f", "onnx", "-o", str(tmp_path / "m.onnx")]
    command += ["--precision", "int8", "--check", str(tmp_path / "pictures")]
    assert run([*command, "--min-agreement", "0.98"]) == 3
    error = capsys.readouterr().err.strip()
    assert "0.9700 of the first answers are float32's" in error
    assert "\n" not in error
    assert not (tmp_path / "m.onnx").exists()
    assert run([*command, "--min-agreement", "0.96"]) == 0


@pytest.mark.parametrize("key", ["labels", "scale_values", "reverse_input_channels", "resize_type"])
def test_what_model_api_reads_must_be_what_the_card_says(model, key):
    import onnx

    file = onnx.load_model_from_string(onnx_bytes(model, ExportOptions()))
    entry = next(one for one in file.metadata_props if one.key == f"model_info {key}")
    entry.value = " ".join(reversed(entry.value.split())) + " 0"
    with pytest.raises(GateError, match=f"model_info {key} does not say what its card says"):
        open_onnx(file.SerializeToString())


def test_another_models_card_is_refused(model, tmp_path, monkeypatch):
    from dataclasses import replace

    from tinysight import export

    other = replace(model, card=replace(model.card, recipe=replace(model.card.recipe, resample="nearest")))
    kind = export.FORMATS["onnx"]._replace(make=lambda *_: onnx_bytes(other, ExportOptions()))
    monkeypatch.setitem(export.FORMATS, "onnx", kind)
    with pytest.raises(GateError, match="the card in the file is not the model's"):
        export_model(model, "onnx", tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [float("nan"), -1, 1.5])
def test_a_limit_that_is_no_share_is_refused(model, tmp_path, limit):
    with pytest.raises(UsageError, match="min_agreement must be from 0 to 1, received"):
        export_model(model, "onnx", tmp_path / "m.onnx", min_agreement=limit)


@pytest.mark.parametrize("shape", [(0, 64, 64, 3), (2, 10, 10, 3), (64, 64, 3)])
def test_pictures_of_another_form_are_refused(model, tmp_path, shape):
    with pytest.raises(UsageError, match=r"images must be uint8 \(N, 64, 64, 3\) with N at least 1, received uint8"):
        export_model(model, "onnx", tmp_path / "m.onnx", images=np.zeros(shape, np.uint8))


def test_int8_alone_has_no_share_of_float32s_answers(model, tmp_path):
    from dataclasses import replace

    with pytest.raises(UsageError, match="holds no float32 numbers"):
        export_model(replace(model, arrays={}), "onnx", tmp_path / "m.onnx", ExportOptions("int8"), min_agreement=0.9)


def test_the_built_in_int8_is_held_against_float32(tmp_path, monkeypatch, capsys):
    """The model's float32 numbers lie in another file; where they cannot be had, --min-agreement is refused."""
    import shutil
    from pathlib import Path

    (tmp_path / "photos").mkdir()
    shutil.copy(Path(__file__).parents[2] / "examples" / "candle.jpg", tmp_path / "photos")
    monkeypatch.setenv("TINYSIGHT_CACHE", str(tmp_path / "cache"))
    command = ["export", "-f", "onnx", "--precision", "int8", "--offline", "--check", str(tmp_path / "photos"), "-o"]
    assert run([*command, str(tmp_path / "m.onnx"), "--min-agreement", "0.9"]) == 1
    assert not (tmp_path / "m.onnx").exists()
    assert run([*command, str(tmp_path / "m.onnx")]) == 0
    assert "not compared with float32's first answers" in capsys.readouterr().err
