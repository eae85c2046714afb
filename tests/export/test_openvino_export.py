"""OpenVINO's folders: our answers in OpenVINO in every precision and form of input, the card inside, no usage data."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from integer_models import with_probes
from lively_models import lively, pictures

from tinysight.checkpoint import Checkpoint, write_checkpoint
from tinysight.checkpoint.card import card_from_json
from tinysight.cli import run
from tinysight.engines import open_engine
from tinysight.errors import EngineError, GateError, MissingExtraError, UsageError
from tinysight.export import FORMATS, ExportOptions, export_model, report_path
from tinysight.export.openvino import import_openvino, open_openvino, openvino_files
from tinysight.labels import Label, softmax
from tinysight.models.quantizing import quantize_model
from tinysight.spec import Spec

LABELS = tuple(Label(None, name) for name in ("sun flower", "r<o>s&e'\"", "tulip"))
OPTIONS = [ExportOptions("float32"), ExportOptions("float16", probabilities=True), ExportOptions("int8", True, None)]
# A program that has imported OpenVINO as anybody would, or has not; then all that sends ends the program.
SENDING = """
import sys
if {before}:
    import openvino
import threading
from tinysight.checkpoint import read_checkpoint
from tinysight.export import ExportOptions
from tinysight.export.openvino import open_openvino, openvino_files
model = read_checkpoint(sys.argv[1])
if {before}:
    import openvino_telemetry
    def found(*_, **__):
        sys.exit("usage data were sent")
    for name in ("start_session", "send_event", "send_error", "send_stack_trace"):
        setattr(openvino_telemetry.Telemetry, name, found)
open_openvino(openvino_files(model, ExportOptions()))
assert {before} or "openvino_telemetry" not in sys.modules
"""


@pytest.fixture(scope="module")
def openvino():
    pytest.importorskip("onnx", reason="needs onnx (extra openvino)")
    try:
        return import_openvino()
    except MissingExtraError:
        pytest.skip("needs openvino (extra openvino)")


@pytest.fixture(scope="module")
def model(openvino):
    made = with_probes(lively(Spec(alpha=0.25, resolution=64, num_classes=3)))
    whole = quantize_model(made, np.stack(pictures(made.card.spec, 20)))
    return replace(whole, card=replace(whole.card, labels=LABELS))


def ours(model, images, precision):
    return open_engine(model, precision=precision, threads=1).run(images).logits


@pytest.mark.parametrize("batch", [1, 3, None])
@pytest.mark.parametrize("pixels", [False, True])
def test_float32_gives_our_answers_in_every_form(model, pixels, batch):
    images = np.stack(pictures(model.card.spec, 7, seed=5))
    artefact = open_openvino(openvino_files(model, ExportOptions("float32", pixels, batch)))
    wanted = ours(model, images, "float32")
    np.testing.assert_allclose(artefact.run(images), wanted, atol=1e-4 * max(1, np.abs(wanted).max() / 16))
    assert artefact.labels == tuple(label.name for label in LABELS)


@pytest.mark.parametrize("padding", ["same", "keras", "symmetric"])
def test_odd_sides_are_padded_as_the_model_is(openvino, padding):
    made = lively(Spec(alpha=0.25, resolution=97, num_classes=3, padding=padding))
    images = np.stack(pictures(made.card.spec, 3))
    wanted = ours(made, images, "float32")
    found = open_openvino(openvino_files(made, ExportOptions())).run(images)
    np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1, np.abs(wanted).max() / 16))


def test_int8_gives_the_answers_of_our_int8_in_integers(openvino, model):
    files = openvino_files(model, ExportOptions("int8"))
    images = np.stack(pictures(model.card.spec, 20, seed=6))
    found, wanted = open_openvino(files).run(images), ours(model, images, "int8")
    noise = np.square(found - wanted).mean() / np.square(wanted - ours(model, images, "float32")).mean()
    assert noise < 0.5
    graph = openvino.Core().read_model(files["model.xml"], files["model.bin"])
    kinds = [node.get_type_name() for node in graph.get_ordered_ops()]
    assert kinds.count("FakeQuantize") == 27
    assert len(files["model.bin"]) < 0.35 * len(openvino_files(model, ExportOptions())["model.bin"])


def test_float16_has_half_of_the_bytes_and_nearly_the_same_answers(model):
    whole, half = (openvino_files(model, ExportOptions(precision)) for precision in ("float32", "float16"))
    assert len(half["model.bin"]) < 0.51 * len(whole["model.bin"])
    images = np.stack(pictures(model.card.spec, 5))
    wanted = ours(model, images, "float32")
    assert 0 < np.abs(open_openvino(half).run(images) - wanted).max() < 0.03 * np.abs(wanted).max()


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_probabilities_are_the_softmax_of_the_logits(model, precision):
    images = np.stack(pictures(model.card.spec, 4))
    logits, scores = (
        open_openvino(openvino_files(model, ExportOptions(precision, probabilities=one))) for one in (False, True)
    )
    assert scores.probabilities and not logits.probabilities
    np.testing.assert_allclose(scores.run(images), softmax(logits.run(images)), atol=1e-6)


def test_the_card_and_the_keys_of_the_model_api_are_inside(openvino, model):
    def told(options, *path):
        files = openvino_files(model, options)
        return openvino.Core().read_model(files["model.xml"], files["model.bin"]).get_rt_info([*path]).astype(str)

    assert card_from_json(told(ExportOptions(), "tinysight", "card")) == model.card
    assert told(ExportOptions("float16"), "tinysight", "precision") == "float16"
    assert told(ExportOptions(), "model_info", "model_type") == "Classification"
    assert told(ExportOptions(), "model_info", "labels") == "sun_flower r<o>s&e'\" tulip"
    assert told(ExportOptions(), "model_info", "mean_values") == "127.5 127.5 127.5"
    with pytest.raises(RuntimeError):
        told(ExportOptions(pixels=True), "model_info", "mean_values")


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: options.precision)
def test_the_same_model_gives_the_same_bytes(model, options):
    assert openvino_files(model, options) == openvino_files(model, options)


def test_another_process_gives_the_same_bytes(model, tmp_path):
    write_checkpoint(tmp_path / "m.safetensors", model)
    program = (
        "import sys, hashlib; from tinysight.checkpoint import read_checkpoint; from tinysight.export import *;"
        "files = FORMATS['openvino'].make(read_checkpoint(sys.argv[1]), ExportOptions(), None);"
        "print(*(hashlib.sha256(data).hexdigest() for data in files.values()))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "m.safetensors")]
    hashes = {subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)}
    assert len(hashes) == 1


@pytest.mark.parametrize("before", [False, True])
def test_no_usage_data_are_sent(model, tmp_path, before):
    """As on a machine of its own: an empty home folder, and not in CI, where OpenVINO sends none anyway."""
    write_checkpoint(tmp_path / "m.safetensors", model)
    home = tmp_path / "home"
    home.mkdir()
    if before:  # what the program's own import would send is refused by its user
        (home / "intel").mkdir()
        (home / "intel" / "openvino_telemetry").write_text("0")
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {"HOME": str(home), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SENDING.format(before=before), str(tmp_path / "m.safetensors")]
    subprocess.run(command, check=True, env=environment)
    left = {path.name for path in home.rglob("*") if path.is_file()}
    assert left == ({"openvino_telemetry"} if before else set())


def _faults():
    def damaged(model):
        arrays = {name: array.copy() for name, array in model.arrays.items()}
        arrays["conv_pw_7.kernel"].flat[11] += 0.5
        return Checkpoint(model.card, arrays)

    def swapped(model):
        arrays = {name: array.copy() for name, array in model.arrays.items()}
        arrays["conv_dw_3.kernel"] = arrays["conv_dw_3.kernel"][:, :, ::-1]
        return Checkpoint(model.card, arrays)

    def shifted(model):
        return replace(model, card=replace(model.card, labels=(*LABELS[1:], LABELS[0])))

    return {"a damaged weight": damaged, "swapped channels": swapped, "shifted labels": shifted}


@pytest.mark.parametrize("fault", _faults())
def test_the_gate_refuses(model, tmp_path, monkeypatch, fault):
    wrong = openvino_files(_faults()[fault](model), ExportOptions())
    monkeypatch.setitem(FORMATS, "openvino", FORMATS["openvino"]._replace(make=lambda *_: wrong))
    with pytest.raises(GateError):
        export_model(model, "openvino", tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_the_verb_writes_a_folder_and_what_was_found(model, tmp_path, capsys):
    write_checkpoint(tmp_path / "m.safetensors", model)
    target = tmp_path / "m"
    command = ["export", "--model", str(tmp_path / "m.safetensors"), "-f", "openvino", "-o", str(target)]
    assert run([*command, "--json", "--input", "pixels", "--batch", "any"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {path.name for path in target.iterdir()} == {"model.xml", "model.bin"}
    assert printed["bytes"] == sum(path.stat().st_size for path in target.iterdir())
    assert json.loads(Path(report_path(target)).read_text())["runtime"].startswith("OpenVINO 20")
    assert run([*command, "--force", "--precision", "int8"]) == 0
    assert "as our int8 engine" in capsys.readouterr().out


@pytest.mark.parametrize(
    "files", [{}, {"model.xml": b"", "model.bin": b""}, {"model.xml": b"<net/>", "model.bin": b""}]
)
def test_other_files_are_not_opened(openvino, files):
    with pytest.raises(EngineError, match="OpenVINO does not open the files"):
        open_openvino(files)


def test_models_that_no_file_holds_are_refused(openvino, make_checkpoint):
    with pytest.raises(UsageError, match="has no head"):
        openvino_files(make_checkpoint(alpha=0.25, resolution=32, include_top=False), ExportOptions())
    with pytest.raises(UsageError, match="holds no int8 numbers"):
        openvino_files(make_checkpoint(alpha=0.25, resolution=32, num_classes=3), ExportOptions("int8"))


def test_without_the_package_the_extra_is_named(make_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    plain = make_checkpoint(alpha=0.25, resolution=32, num_classes=3)
    with pytest.raises(MissingExtraError, match=r"tinysight\[openvino\]"):
        export_model(plain, "openvino", tmp_path / "a")
    with pytest.raises(MissingExtraError, match=r"tinysight\[openvino\]"):
        open_openvino({})
