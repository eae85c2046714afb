"""timm state dicts: our answers in timm, with the padding, the epsilon and the card inside."""

import json
from dataclasses import replace

import numpy as np
import pytest
from integer_models import with_probes
from lively_models import lively, pictures

from tinysight.checkpoint import Checkpoint, write_checkpoint
from tinysight.checkpoint.card import card_from_json
from tinysight.cli import run
from tinysight.engines import open_engine
from tinysight.errors import EngineError, GateError, MissingExtraError, UsageError
from tinysight.export import ExportOptions, export_model, report_path
from tinysight.export.state_dict import metadata_of
from tinysight.export.timm import CREATE, GENERATE, TRANSFORM, open_timm, timm_bytes
from tinysight.importers.exported import CARD_KEY
from tinysight.labels import Label
from tinysight.preprocess import Recipe, prepare
from tinysight.preprocess.scale import scale
from tinysight.spec import Spec

LABELS = tuple(Label(None, name) for name in ("sun flower", "rose", "tulip"))
NEEDS = "needs timm (extra timm)"


@pytest.fixture(scope="module")
def model():
    made = with_probes(lively(Spec(alpha=0.25, resolution=64, num_classes=3)))
    return replace(made, card=replace(made.card, labels=LABELS))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"alpha": 1.0, "num_classes": 7},
        {"alpha": 1.25, "resolution": 32},
        {"padding": "same", "resolution": 75},
        {"padding": "symmetric"},
        {"padding": "symmetric", "resolution": 75, "bn_epsilon": 1e-5},
    ],
    ids=str,
)
def test_timm_gives_our_answers(fields):
    pytest.importorskip("timm", reason=NEEDS)
    model = lively(Spec(**{"alpha": 0.25, "resolution": 64, "num_classes": 3} | fields))
    images = pictures(model.card.spec, 3, seed=5)
    wanted = open_engine(model, precision="float32", threads=1).run(images).logits
    assert np.ptp(wanted) > 0.5
    artefact = open_timm(timm_bytes(model))
    np.testing.assert_allclose(artefact.run(images), wanted, atol=1e-4)
    assert artefact.labels is None


def test_the_metadata_say_how_to_build_the_network(model):
    data = timm_bytes(model)
    metadata = metadata_of(data)
    assert metadata["format"] == "pt"
    assert card_from_json(metadata[CARD_KEY]) == model.card
    arguments = json.loads(metadata[GENERATE])
    wanted = {"variant": "mobilenetv1_100", "channel_multiplier": 0.25, "num_classes": 3}
    assert arguments == wanted | {"bn_eps": 1e-3, "pad_type": "same"}
    wide = metadata_of(timm_bytes(lively(Spec(resolution=32, padding="symmetric", bn_epsilon=1e-5))))
    assert json.loads(wide[CREATE]) == {"model_name": "mobilenetv1_100", "num_classes": 1000, "bn_eps": 1e-5}
    assert timm_bytes(model) == data


def test_the_safetensors_library_reads_the_file_and_the_weights_take_nearly_all_of_it(model, tmp_path):
    import safetensors
    import safetensors.numpy

    data = timm_bytes(model)
    (tmp_path / "m.safetensors").write_bytes(data)
    with safetensors.safe_open(tmp_path / "m.safetensors", "numpy") as file:
        assert file.metadata() == metadata_of(data)
    arrays = safetensors.numpy.load(data)
    np.testing.assert_array_equal(arrays["conv_stem.weight"].transpose(2, 3, 1, 0), model.arrays["conv1.kernel"])
    weights = sum(array.nbytes for array in model.arrays.values())
    assert weights < len(data) < 1.01 * weights + len(model.card.to_json()) + 20_000


def test_timm_prepares_pictures_as_the_recipe_says(model):
    pytest.importorskip("timm", reason=NEEDS)
    import timm.data
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    for recipe, level in ((Recipe(64), 1), (Recipe(64, value_range=(0.0, 1.0)), 1), (Recipe(64, "squash"), 1)):
        made = replace(model, card=replace(model.card, recipe=recipe))
        transform = timm.data.create_transform(**json.loads(metadata_of(timm_bytes(made))[TRANSFORM]))
        wanted = scale(prepare(pixels, recipe)[None], recipe.value_range)[0]
        found = transform(Image.fromarray(pixels)).numpy().transpose(1, 2, 0)
        low, high = recipe.value_range
        assert np.abs(found - wanted).max() <= level * (high - low) / 255 + 1e-6


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"alpha": 0.35}, "rounds channels to multiples of 8: at alpha 0.35 it has 16 where this model has 11"),
        (
            {"padding": "keras", "resolution": 75},
            "pads as 'keras', which at 75 px is not what TensorFlow's 'same' does",
        ),
        ({"depth_multiplier": 2}, "has one depthwise output a channel, this model 2"),
        ({"include_top": False}, "has no head"),
    ],
)
def test_what_timm_does_not_have_is_refused(make_checkpoint, tmp_path, fields, message):
    model = make_checkpoint(**{"alpha": 0.25, "resolution": 64, "num_classes": 3} | fields)
    with pytest.raises(UsageError) as caught:
        export_model(model, "timm", tmp_path / "m.safetensors")
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_options_that_a_state_dict_has_not_are_refused(model, tmp_path):
    for options in (ExportOptions("int8"), ExportOptions(pixels=True), ExportOptions(probabilities=True)):
        with pytest.raises(UsageError, match="timm"):
            export_model(model, "timm", tmp_path / "m.safetensors", options)


def test_the_verb_writes_a_file_and_what_was_found(model, tmp_path, capsys):
    pytest.importorskip("timm", reason=NEEDS)
    write_checkpoint(tmp_path / "m.safetensors", model)
    target = tmp_path / "timm.safetensors"
    assert run(["export", "-m", str(tmp_path / "m.safetensors"), "-f", "timm", "-o", str(target), "--json"]) == 0
    parity = json.loads(capsys.readouterr().out)["parity"]
    assert parity["runtime"].startswith("timm ")
    assert parity["labels_equal"] is True
    assert json.loads(report_path(target).read_text())["format"] == "timm"


def damaged(model):
    arrays = {name: array.copy() for name, array in model.arrays.items()}
    arrays["conv_pw_7.kernel"].flat[11] += 0.5
    return Checkpoint(model.card, arrays)


def swapped(model):
    arrays = model.arrays | {"conv_dw_3.kernel": model.arrays["conv_dw_3.kernel"][:, :, ::-1]}
    return Checkpoint(model.card, arrays)


def shifted(model):
    return Checkpoint(replace(model.card, labels=(*LABELS[1:], LABELS[0])), model.arrays)


def other_padding(model):
    return Checkpoint(replace(model.card, spec=replace(model.card.spec, padding="symmetric")), model.arrays)


@pytest.mark.parametrize("fault", [damaged, swapped, shifted, other_padding])
def test_the_gate_refuses(model, tmp_path, monkeypatch, fault):
    pytest.importorskip("timm", reason=NEEDS)
    from tinysight import export

    wrong = timm_bytes(fault(model))
    monkeypatch.setitem(export.FORMATS, "timm", export.FORMATS["timm"]._replace(make=lambda *_: wrong))
    with pytest.raises(GateError):
        export_model(model, "timm", tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_file_that_timm_cannot_load_is_an_engine_error(model):
    pytest.importorskip("timm", reason=NEEDS)
    data = timm_bytes(model)
    with pytest.raises(EngineError, match="timm does not open the file"):
        open_timm(data.replace(b'"conv_stem.weight"', b'"conv_stxm.weight"'))
    with pytest.raises(EngineError, match="header is damaged"):
        open_timm(data[:5000])


def test_without_the_package_the_extra_is_named(model, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"tinysight\[timm\]"):
        export_model(model, "timm", tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())
