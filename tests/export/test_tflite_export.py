"""TensorFlow Lite files: our answers in LiteRT for every padding, and metadata that its tools look for."""

import importlib.util
import io
import json
import struct
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from integer_models import with_probes
from lively_models import lively, pictures

from tinysight.agreement import signal_to_noise_db
from tinysight.checkpoint import write_checkpoint
from tinysight.checkpoint.card import card_from_json
from tinysight.cli import run
from tinysight.engines import open_engine
from tinysight.errors import EngineError, GateError, MissingExtraError, UsageError
from tinysight.export import ExportOptions, export_model
from tinysight.export.tflite import CARD_NAME, open_tflite, tflite_bytes
from tinysight.labels import Label, softmax
from tinysight.models.quantizing import quantize_model
from tinysight.spec import Spec
from tinysight.tflite_graph import METADATA_NAME, metadata_bytes, read_labels, read_metadata
from tinysight.tflite_graph.int8 import round_kernel

PACKAGES = ("tflite", "flatbuffers", "ai_edge_litert")
pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(one) is None for one in PACKAGES), reason="needs LiteRT (extra tflite)"
)
LABELS = tuple(Label(None, name) for name in ("sun flower", "rose", "tulip"))


@pytest.fixture(scope="module")
def model():
    made = with_probes(lively(Spec(alpha=0.25, resolution=64, num_classes=3)))
    return replace(made, card=replace(made.card, labels=LABELS))


@pytest.mark.parametrize("padding", ["keras", "same", "symmetric"])
@pytest.mark.parametrize("resolution", [64, 71, 97])
def test_every_padding_gives_our_answers(padding, resolution):
    model = with_probes(lively(Spec(alpha=0.1, resolution=resolution, num_classes=5, padding=padding)))
    images = np.stack(pictures(model.card.spec, 3))
    wanted = open_engine(model, precision="float32").run(images).logits
    np.testing.assert_allclose(open_tflite(tflite_bytes(model, ExportOptions())).run(images), wanted, atol=1e-4)


@pytest.mark.parametrize(
    "options", [ExportOptions(pixels=True), ExportOptions(batch=4), ExportOptions(pixels=True, batch=3)]
)
def test_every_form_of_input_gives_our_answers(model, options):
    images = np.stack(pictures(model.card.spec, 7))
    wanted = open_engine(model, precision="float32").run(images).logits
    np.testing.assert_allclose(open_tflite(tflite_bytes(model, options)).run(images), wanted, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_probabilities_are_the_softmax_of_the_logits(model, precision):
    whole = quantize_model(model, np.stack(pictures(model.card.spec, 20)))
    images = np.stack(pictures(model.card.spec, 4))
    logits, scores = (
        open_tflite(tflite_bytes(whole, ExportOptions(precision, probabilities=one))) for one in (False, True)
    )
    assert scores.probabilities and not logits.probabilities
    np.testing.assert_allclose(scores.run(images), softmax(logits.run(images)), atol=1e-6)


def test_more_channels_from_each_depthwise_layer():
    model = with_probes(lively(Spec(alpha=0.1, resolution=64, num_classes=5, depth_multiplier=2)))
    images = np.stack(pictures(model.card.spec, 2))
    wanted = open_engine(model, precision="float32").run(images).logits
    np.testing.assert_allclose(open_tflite(tflite_bytes(model, ExportOptions())).run(images), wanted, atol=1e-4)


def test_float16_has_half_of_the_bytes_and_nearly_the_same_answers(model):
    whole, half = (tflite_bytes(model, ExportOptions(precision)) for precision in ("float32", "float16"))
    assert len(half) < 0.6 * len(whole)
    images = np.stack(pictures(model.card.spec, 5))
    wanted = open_engine(model, precision="float32").run(images).logits
    assert 0 < np.abs(open_tflite(half).run(images) - wanted).max() < 0.03 * np.abs(wanted).max()


@pytest.mark.parametrize("pixels", [False, True])
def test_int8_is_near_our_int8_and_a_quarter_of_the_size(model, pixels):
    whole = quantize_model(model, np.stack(pictures(model.card.spec, 20)))
    images = np.stack(pictures(model.card.spec, 20, seed=6))
    data = tflite_bytes(whole, ExportOptions("int8", pixels, batch=3))
    found, wanted = open_tflite(data).run(images), open_engine(whole, precision="int8").run(images).logits
    assert signal_to_noise_db(found, wanted) > 10, "a network of random numbers multiplies every error"
    assert len(data) < 0.45 * len(tflite_bytes(whole, ExportOptions()))


def test_rounding_keeps_the_sum_of_each_output():
    kernel = np.random.default_rng(0).normal(size=(9, 200))
    whole, scale = round_kernel(kernel)
    assert np.abs(whole.sum(axis=0, dtype=int) - (kernel / scale).sum(axis=0)).max() <= 0.5 + 1e-6
    assert np.abs(whole * scale - kernel).max(axis=0) == pytest.approx(scale, abs=float(scale.max()))
    assert np.abs(whole).max() <= 127
    assert np.abs(whole).max(axis=0).min() >= 126, "all 8 bits are used for every output"


def test_the_weights_take_nearly_all_of_the_file(model):
    from tinysight.fold import fold

    weights = sum(one.kernel.nbytes + one.bias.nbytes for one in fold(model.card.spec, model.arrays).values())
    assert weights < len(tflite_bytes(model, ExportOptions())) < weights + len(model.card.to_json()) + 20_000


def test_card_and_labels_are_inside(model):
    data = tflite_bytes(model, ExportOptions())
    assert card_from_json(read_metadata(data, CARD_NAME).decode()) == model.card
    assert read_labels(data) == ("sun flower", "rose", "tulip")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert [entry.compress_type for entry in archive.infolist()] == [zipfile.ZIP_STORED]
    assert data[4:8] == b"TFL3"
    assert read_metadata(data, METADATA_NAME)[4:8] == b"M001"
    assert data == tflite_bytes(model, ExportOptions())


def field(data, table, number):
    """Return where a flatbuffer table's field is, by the format's own rules; None where it is not set."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    if 4 + 2 * number >= struct.unpack_from("<H", data, vtable)[0]:
        return None
    offset = struct.unpack_from("<H", data, vtable + 4 + 2 * number)[0]
    return table + offset if offset else None


def follow(data, place):
    return place + struct.unpack_from("<I", data, place)[0]


def item(data, place, number=0):
    return follow(data, follow(data, place) + 4 + 4 * number)


def text(data, place):
    start = follow(data, place)
    return data[start + 4 : start + 4 + struct.unpack_from("<I", data, start)[0]].decode()


def floats(data, place):
    start = follow(data, place)
    return list(struct.unpack_from(f"<{struct.unpack_from('<I', data, start)[0]}f", data, start + 4))


def test_metadata_say_what_the_input_is_and_where_labels_are():
    data = metadata_bytes("flowers", "about", "none", 127.5, 127.0, True)
    root = follow(data, 0)
    assert [text(data, field(data, root, number)) for number in (0, 1, 4, 5)] == [
        "flowers",
        "about",
        "tinysight",
        "none",
    ]
    graph = item(data, field(data, root, 3))
    image, scores = (item(data, field(data, graph, number)) for number in (2, 3))
    unit = item(data, field(data, image, 4))
    normalization = follow(data, field(data, unit, 1))
    assert floats(data, field(data, normalization, 0)) == [127.5] * 3
    assert floats(data, field(data, normalization, 1)) == [127.0] * 3
    file = item(data, field(data, scores, 6))
    assert text(data, field(data, file, 0)) == "labels.txt"
    assert data[field(data, file, 2)] == 2
    assert data[field(data, follow(data, field(data, image, 3)), 0)] == 2


def test_the_verb(model, tmp_path, capsys):
    write_checkpoint(tmp_path / "m.safetensors", model)
    target = tmp_path / "m.tflite"
    command = ["export", "--model", str(tmp_path / "m.safetensors"), "-f", "tflite", "-o", str(target)]
    assert run([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["bytes"] == target.stat().st_size
    assert printed["parity"]["labels_equal"] is True
    assert printed["parity"]["runtime"].startswith("LiteRT")
    assert run([*command, "--force", "--scores", "probabilities"]) == 0
    assert run([*command, "--force", "--batch", "any"]) == 2
    assert "fixed batch" in capsys.readouterr().err
    assert run([*command, "--force", "--precision", "int8"]) == 2
    assert "holds no int8 numbers" in capsys.readouterr().err


def test_the_gate_refuses_what_answers_otherwise(model, tmp_path, monkeypatch):
    from tinysight import export
    from tinysight.checkpoint import Checkpoint

    arrays = {name: array.copy() for name, array in model.arrays.items()}
    arrays["conv_dw_3.kernel"] = arrays["conv_dw_3.kernel"][:, :, ::-1]
    for wrong in (
        Checkpoint(model.card, arrays),
        replace(model, card=replace(model.card, labels=(*LABELS[1:], LABELS[0]))),
    ):
        data = tflite_bytes(wrong, ExportOptions())
        monkeypatch.setitem(
            export.FORMATS, "tflite", export.FORMATS["tflite"]._replace(make=lambda *_, data=data: data)
        )
        with pytest.raises(GateError):
            export_model(model, "tflite", tmp_path / "a.tflite")
    assert not list(tmp_path.iterdir())


def test_what_a_file_cannot_hold_is_refused(model, make_checkpoint, monkeypatch):
    with pytest.raises(UsageError, match="has no head"):
        tflite_bytes(make_checkpoint(alpha=0.25, resolution=32, include_top=False), ExportOptions())
    lines = replace(model, card=replace(model.card, labels=(Label(None, "a\nb"), *LABELS[1:])))
    with pytest.raises(UsageError, match="a line each"):
        tflite_bytes(lines, ExportOptions())
    with pytest.raises(EngineError, match="does not open"):
        open_tflite(b"no model")
    monkeypatch.setitem(__import__("sys").modules, "tflite", None)
    with pytest.raises(MissingExtraError, match=r"tinysight\[tflite\]"):
        tflite_bytes(model, ExportOptions())
