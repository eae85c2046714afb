"""The way back from our TensorFlow Lite files: the same bits, the whole card, and refusals of all others."""

import importlib.util
import struct
import sys
from dataclasses import replace

import numpy as np
import pytest
from own_exports import (
    FORMS,
    LABELS,
    assert_damage_is_refused_or_harmless,
    assert_folds_to,
    plain,
    round_trip,
    tiny,
    trained,
)

from tinysight.checkpoint import Checkpoint
from tinysight.errors import CheckpointError
from tinysight.export import ExportOptions
from tinysight.export.tflite import tflite_bytes
from tinysight.importers import import_file
from tinysight.importers.tflite_file import read_tflite
from tinysight.models import import_model, open_model
from tinysight.models.quantizing import quantize_model

NEEDED = ("tflite", "flatbuffers", "ai_edge_litert")
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(one) is None for one in NEEDED), reason="needs LiteRT (extra tflite)"
)


@pytest.fixture(scope="module")
def model():
    named = [label._replace(name=label.name.replace("\x1b", "")) for label in LABELS]
    made = trained()
    return Checkpoint(replace(made.card, labels=tuple(named)), made.arrays)


@pytest.fixture(scope="module")
def small():
    return tiny()


@pytest.mark.parametrize("options", FORMS)
@pytest.mark.parametrize("make", [trained, plain])
def test_float32_comes_back_to_the_bit_whatever_the_file_takes_and_gives(make, options):
    model = make()
    imported = read_tflite(tflite_bytes(model, options))
    assert_folds_to(imported, model)
    assert imported.card == model.card
    facts = (imported.name, imported.labels, imported.recipe, imported.licence, imported.source)
    card = model.card
    assert facts == (card.name, card.labels, card.recipe, card.licence, card.source)


def test_float16_comes_back_as_its_rounded_kernels_and_says_so(model):
    imported = read_tflite(tflite_bytes(model, ExportOptions("float16")))
    assert_folds_to(imported, model, half=True)
    assert imported.source == "runs/1; kernels rounded to float16"
    assert imported.card.probes == ()


def test_the_packages_that_write_are_not_needed_to_read(model, tmp_path, monkeypatch):
    (tmp_path / "a.bin").write_bytes(tflite_bytes(model, ExportOptions()))
    for package in (*NEEDED, "onnx", "h5py"):
        monkeypatch.setitem(sys.modules, package, None)
    assert import_file(tmp_path / "a.bin").name == "flowers"


@pytest.mark.parametrize("options", [[], ["--input", "pixels", "--batch", "3"], ["--scores", "probabilities"]])
def test_there_and_back_through_the_command_line(model, tmp_path, capsys, options):
    before, after, path = round_trip(model, "tflite", ".tflite", tmp_path, capsys, *options)
    assert after == before
    assert open_model(str(path)).card == model.card


def test_from_one_format_to_the_other_through_ours(model, tmp_path):
    onnx = pytest.importorskip("tinysight.export.onnx")
    pytest.importorskip("onnx", reason="needs onnx and onnxruntime (extra onnx)")
    (tmp_path / "a.tflite").write_bytes(tflite_bytes(model, ExportOptions()))
    between = import_model(tmp_path / "a.tflite")
    (tmp_path / "b.onnx").write_bytes(onnx.onnx_bytes(between, ExportOptions()))
    assert import_model(tmp_path / "b.onnx").card == model.card
    assert onnx.onnx_bytes(between, ExportOptions()) == onnx.onnx_bytes(model, ExportOptions())


def test_int8_is_refused_with_the_way_out(small):
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    data = tflite_bytes(quantize_model(small, images), ExportOptions("int8"))
    with pytest.raises(CheckpointError, match=r"is an int8 export, .*; import the float32 export of the model, or"):
        read_tflite(data)


def other_programs_file():
    import flatbuffers
    import tflite

    builder = flatbuffers.Builder(64)
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def test_other_programs_files_are_refused_with_what_is_read(tmp_path):
    (tmp_path / "other.tflite").write_bytes(other_programs_file())
    with pytest.raises(CheckpointError) as caught:
        import_file(tmp_path / "other.tflite")
    assert "other.tflite is a TensorFlow Lite model that tinysight did not write" in str(caught.value)
    assert "expected a Keras .h5" in str(caught.value)


def test_opening_one_names_the_command_that_imports_it(small, tmp_path):
    (tmp_path / "a.tflite").write_bytes(tflite_bytes(small, ExportOptions()))
    with pytest.raises(CheckpointError, match=r"is a TensorFlow Lite model, .*; run: tinysight models import"):
        open_model(str(tmp_path / "a.tflite"))


def places(data):
    """Return where the first kernel's bytes, its length and its shape are, by the official reader."""
    import tflite

    model = tflite.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    tensors = {graph.Tensors(n).Name(): graph.Tensors(n) for n in range(graph.TensorsLength())}
    kernel = tensors[b"conv1.kernel"]
    buffer = model.Buffers(kernel.Buffer())
    content = buffer._tab.Vector(buffer._tab.Offset(4))
    return {"content": content, "length": content - 4, "shape": kernel._tab.Vector(kernel._tab.Offset(4))}


FAULTS = {
    "NaN": ("content", b"\xff\xff\xff\x7f", "conv1.kernel holds values that are not finite"),
    "zeros": ("content", bytes(108), "conv1.kernel holds only zeros"),
    "short": ("length", struct.pack("<I", 104), "conv1.kernel has 104 bytes, expected 108"),
    "endless": ("length", b"\xff" * 4, "a list says 4294967295 items of 1 bytes where"),
    "other shape": ("shape", struct.pack("<i", 2), "(2, 3, 3, 3), expected float32 of shape (1, 3, 3, 3)"),
    "negative": ("shape", struct.pack("<i", -1), "(-1, 3, 3, 3), expected"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_changed_file_is_refused_by_the_name_of_what_is_wrong(small, tmp_path, fault):
    data = bytearray(tflite_bytes(small, ExportOptions()))
    where, new, words = FAULTS[fault]
    start = places(bytes(data))[where]
    data[start : start + len(new)] = new
    (tmp_path / "bad.tflite").write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        import_file(tmp_path / "bad.tflite")
    assert "bad.tflite" in str(caught.value)
    assert words in str(caught.value), caught.value


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"conv1.bias", b"conv1.bios", "conv1.bias is missing"),
        (b"conv1.bias\0", b"conv_preds.bias"[:10] + b"\0", "conv1.bias is missing"),
        (b"conv_dw_2.bias", b"conv_dw_3.bias", "conv_dw_3.bias stands twice"),
        (b"conv1.bias", b"conv1.b\xffas", "UTF-8"),
        (b"tinysight.card", b"tinysight.cord", "did not write"),
        (b'"labels"', b'"lebals"', "the card must have exactly the keys"),
    ],
)
def test_a_changed_word_is_named(small, old, new, words):
    data = tflite_bytes(small, ExportOptions())
    assert data.count(old) == 1
    with pytest.raises(CheckpointError, match=words):
        read_tflite(data.replace(old, new))


def test_weights_that_are_not_the_cards_are_found_by_its_probes(model, tmp_path):
    data = bytearray(tflite_bytes(model, ExportOptions()))
    start = places(bytes(data))["content"]
    data[start : start + 864] = np.frombuffer(bytes(data[start : start + 864]), "<f4")[::-1].tobytes()
    (tmp_path / "bad.tflite").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"bad.tflite does not give the answers that its own card says"):
        import_model(tmp_path / "bad.tflite")


def test_two_thousand_damaged_files(small):
    refused, accepted = assert_damage_is_refused_or_harmless(read_tflite, tflite_bytes(small, ExportOptions()), 12)
    assert refused > 500 and accepted > 100, (refused, accepted)
