"""The way back from our ONNX files: the same bits, the whole card, and refusals of all others."""

import sys

import numpy as np
import pytest
from graph_writer import block, number
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

from tinysight.engines import open_engine
from tinysight.engines.onnx import is_installed
from tinysight.errors import CheckpointError
from tinysight.export import ExportOptions
from tinysight.export.onnx import CARD_KEY, onnx_bytes
from tinysight.importers import import_file
from tinysight.importers.onnx_file import read_onnx
from tinysight.labels import Label
from tinysight.models import import_model, open_model
from tinysight.models.quantizing import quantize_model

pytestmark = pytest.mark.skipif(not is_installed(), reason="needs onnx and onnxruntime (extra onnx)")
PACKAGES = ("onnx", "onnxruntime", "tflite", "flatbuffers", "h5py")


@pytest.fixture(scope="module")
def model():
    return trained()


@pytest.fixture(scope="module")
def small():
    return tiny()


@pytest.mark.parametrize("options", [*FORMS, ExportOptions(batch=None)])
@pytest.mark.parametrize("make", [trained, plain])
def test_float32_comes_back_to_the_bit_whatever_the_file_takes_and_gives(make, options):
    model = make()
    imported = read_onnx(onnx_bytes(model, options))
    assert_folds_to(imported, model)
    assert imported.card == model.card
    assert imported.spec == model.card.spec
    facts = (imported.name, imported.labels, imported.recipe, imported.licence, imported.source)
    card = model.card
    assert facts == (card.name, card.labels, card.recipe, card.licence, card.source)


def test_float16_comes_back_as_its_rounded_kernels_and_says_so(model):
    imported = read_onnx(onnx_bytes(model, ExportOptions("float16")))
    assert_folds_to(imported, model, half=True)
    assert imported.source == "runs/1; kernels rounded to float16"
    assert imported.card.probes == ()


def test_the_packages_that_write_are_not_needed_to_read(model, tmp_path, monkeypatch):
    (tmp_path / "a.bin").write_bytes(onnx_bytes(model, ExportOptions()))
    for package in PACKAGES:
        monkeypatch.setitem(sys.modules, package, None)
    assert import_file(tmp_path / "a.bin").labels == LABELS


def test_a_model_keeps_all_of_its_card_and_answers_to_the_bit(model, tmp_path):
    (tmp_path / "a.onnx").write_bytes(onnx_bytes(model, ExportOptions()))
    imported = import_model(tmp_path / "a.onnx")
    assert imported.card == model.card
    images = np.random.default_rng(0).integers(0, 256, (5, 97, 97, 3), dtype=np.uint8)
    found, wanted = (open_engine(one, precision="float32").run(images).logits for one in (imported, model))
    np.testing.assert_array_equal(found, wanted)


def test_a_thousand_classes_without_names_get_none(tmp_path):
    (tmp_path / "a.onnx").write_bytes(onnx_bytes(plain(), ExportOptions()))
    imported = import_model(tmp_path / "a.onnx")
    assert imported.card.labels is None
    assert len(imported.card.probes) == 2


def test_what_the_caller_says_counts_more_than_the_card(model, tmp_path):
    (tmp_path / "a.onnx").write_bytes(onnx_bytes(model, ExportOptions()))
    (tmp_path / "names.txt").write_text("a\nb\nc\nd\ne\n")
    card = import_model(tmp_path / "a.onnx", labels=tmp_path / "names.txt", name="mine", resolution=64).card
    assert (card.name, card.labels[4]) == ("mine", Label(None, "e"))
    assert (card.spec.resolution, card.recipe.resolution, card.recipe.value_range) == (64, 64, (0.0, 1.0))


@pytest.mark.parametrize("options", [[], ["--input", "pixels", "--batch", "any"], ["--scores", "probabilities"]])
def test_there_and_back_through_the_command_line(model, tmp_path, capsys, options):
    before, after, path = round_trip(model, "onnx", ".onnx", tmp_path, capsys, *options)
    assert after == before
    assert [answer["label"] for answer in after] != ["sun flower", "rose", "tulip", "a", "b"]
    assert open_model(str(path)).card == model.card


def test_int8_is_refused_with_the_way_out(small):
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    data = onnx_bytes(quantize_model(small, images), ExportOptions("int8"))
    with pytest.raises(CheckpointError, match=r"is an int8 export, .*; import the float32 export of the model, or"):
        read_onnx(data)


@pytest.mark.parametrize(
    "data", [number(1, 8) + block(2, "pytorch") + block(7, block(2, "graph")), number(1, 1) + block(2, bytes(100))]
)
def test_other_programs_files_are_refused_with_what_is_read(tmp_path, data):
    (tmp_path / "other.onnx").write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        import_file(tmp_path / "other.onnx")
    assert "other.onnx is an ONNX or SavedModel file that tinysight did not write" in str(caught.value)
    assert "expected a Keras .h5" in str(caught.value)


def test_opening_one_names_the_command_that_imports_it(small, tmp_path):
    (tmp_path / "a.onnx").write_bytes(onnx_bytes(small, ExportOptions()))
    with pytest.raises(CheckpointError, match=r"is an ONNX or SavedModel file, .*; run: tinysight models import"):
        open_model(str(tmp_path / "a.onnx"))


def changed(small, change):
    import onnx

    model = onnx.load_from_string(onnx_bytes(small, ExportOptions()))
    change(model, {one.name: one for one in model.graph.initializer})
    return model.SerializeToString()


def _set_raw(name, make):
    def change(_model, arrays):
        values = np.frombuffer(arrays[name].raw_data, "<f4").copy()
        arrays[name].raw_data = make(values).tobytes()

    return change


def _card_is(text):
    def change(model, _arrays):
        next(entry for entry in model.metadata_props if entry.key == CARD_KEY).value = text

    return change


def _again(model, _arrays):
    model.metadata_props.add(key=CARD_KEY, value="{}")


FAULTS = {
    "absent": (
        lambda model, arrays: model.graph.initializer.remove(arrays["conv_pw_3.bias"]),
        "conv_pw_3.bias is missing",
    ),
    "twice": (lambda model, arrays: model.graph.initializer.append(arrays["conv1.bias"]), "conv1.bias stands twice"),
    "elsewhere": (lambda _, arrays: setattr(arrays["conv1.bias"], "data_location", 1), "kept in another file"),
    "other shape": (lambda _, arrays: arrays["conv1.kernel"].dims.append(1), "(1, 3, 3, 3, 1), expected float32 of sh"),
    "many dimensions": (lambda _, arrays: arrays["six"].dims.extend([1] * 9), "has 9 dimensions"),
    "other type": (lambda _, arrays: setattr(arrays["conv1.kernel"], "data_type", 11), "conv1.kernel is data type 11"),
    "short": (_set_raw("conv1.kernel", lambda values: values[1:]), "conv1.kernel has 104 bytes, expected 108"),
    "NaN": (_set_raw("conv_dw_2.bias", lambda values: values * np.float32(np.nan)), "not finite"),
    "zeros": (_set_raw("conv_dw_2.kernel", np.zeros_like), "conv_dw_2.kernel holds only zeros"),
    "card twice": (_again, "tinysight.card stands twice"),
    "no card": (_card_is("{}"), "the card must have exactly the keys"),
    "strange card": (_card_is('{"\x1b[31m": 1'), "the model's card is damaged"),
    "huge card": (_card_is(" " * 16_000_001), "at most 16000000"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_changed_file_is_refused_by_the_name_of_what_is_wrong(small, tmp_path, fault):
    change, words = FAULTS[fault]
    (tmp_path / "bad.onnx").write_bytes(changed(small, change))
    with pytest.raises(CheckpointError) as caught:
        import_file(tmp_path / "bad.onnx")
    assert "bad.onnx" in str(caught.value)
    assert words in str(caught.value), caught.value
    assert str(caught.value).isprintable()


def test_weights_that_are_not_the_cards_are_found_by_its_probes(model, tmp_path):
    def swap(values):
        return values.reshape(-1, 9)[::-1]

    (tmp_path / "bad.onnx").write_bytes(changed(model, _set_raw("conv_dw_3.kernel", swap)))
    with pytest.raises(CheckpointError, match=r"bad.onnx does not give the answers that its own card says"):
        import_model(tmp_path / "bad.onnx")


def test_two_thousand_damaged_files(small):
    refused, accepted = assert_damage_is_refused_or_harmless(read_onnx, onnx_bytes(small, ExportOptions()), 11)
    assert refused > 500 and accepted > 100, (refused, accepted)
