"""Hugging Face folders: our answers in transformers, names of classes, pictures, and the model card."""

import json
from dataclasses import replace

import numpy as np
import pytest
from integer_models import with_probes
from lively_models import lively, pictures

from tinysight.checkpoint import Checkpoint, write_checkpoint
from tinysight.cli import run
from tinysight.engines import open_engine
from tinysight.errors import EngineError, GateError, MissingExtraError, UsageError
from tinysight.export import ExportOptions, export_model, report_path
from tinysight.export.huggingface import huggingface_files, open_huggingface
from tinysight.export.model_card import model_card
from tinysight.importers.huggingface import CONFIG, PREPROCESSOR, WEIGHTS
from tinysight.labels import Label, softmax
from tinysight.preprocess import Recipe, prepare
from tinysight.preprocess.scale import scale
from tinysight.spec import Spec

LABELS = tuple(Label(None, name) for name in ("crane", "rose", "crane"))  # ImageNet has two of that name as well
NEEDS = "needs transformers and torch (extra huggingface)"


@pytest.fixture(scope="module")
def model():
    made = with_probes(lively(Spec(alpha=0.25, resolution=64, num_classes=3)))
    return replace(made, card=replace(made.card, labels=LABELS, licence="MIT", source="a test"))


def needs_transformers():
    pytest.importorskip("transformers", reason=NEEDS)
    pytest.importorskip("torch", reason=NEEDS)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"alpha": 1.0, "num_classes": 7},
        {"alpha": 0.35, "padding": "same", "resolution": 75},
        {"alpha": 0.02, "padding": "symmetric"},
        {"padding": "symmetric", "resolution": 75, "bn_epsilon": 1e-5},
    ],
    ids=str,
)
def test_transformers_gives_our_answers(fields):
    needs_transformers()
    model = lively(Spec(**{"alpha": 0.25, "resolution": 64, "num_classes": 3} | fields))
    images = pictures(model.card.spec, 3, seed=5)
    wanted = open_engine(model, precision="float32", threads=1).run(images).logits
    assert np.ptp(wanted) > 0.5
    artefact = open_huggingface(huggingface_files(model))
    np.testing.assert_allclose(artefact.run(images), wanted, atol=1e-4)
    assert artefact.labels is None


def test_the_pipeline_opens_the_folder_and_gives_our_names_and_probabilities(model, tmp_path, capfd):
    needs_transformers()
    from PIL import Image
    from transformers import pipeline

    found = export_model(model, "huggingface", tmp_path / "m")
    assert capfd.readouterr() == ("", ""), "a library does not print"
    assert found.labels_equal is True
    assert json.loads(report_path(tmp_path / "m").read_text())["format"] == "huggingface"
    picture = pictures(model.card.spec)[0]
    logits = open_engine(model, precision="float32", threads=1).run(picture[None]).logits[0]
    answers = pipeline("image-classification", str(tmp_path / "m"))(Image.fromarray(picture), top_k=3)
    order = logits.argsort()[::-1]
    assert [one["label"] for one in answers] == [LABELS[number].name for number in order]
    np.testing.assert_allclose([one["score"] for one in answers], softmax(logits)[order], atol=1e-5)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(64),
        Recipe(64, value_range=(0.0, 1.0)),
        Recipe(64, resample="bicubic"),
        Recipe(64, "squash"),
        Recipe(64, crop_fraction=0.5),
    ],
    ids=str,
)
def test_the_image_processor_gives_the_recipes_pictures(model, tmp_path, recipe):
    needs_transformers()
    from PIL import Image
    from transformers import AutoImageProcessor

    for name, data in huggingface_files(replace(model, card=replace(model.card, recipe=recipe))).items():
        (tmp_path / name).write_bytes(data)
    processor = AutoImageProcessor.from_pretrained(tmp_path)
    # Smooth, for the two resize at slightly different places; squares, where whole pictures are resized alike.
    rows, columns = np.mgrid[0:256, 0:256]
    pixels = np.stack([rows, columns, 255 - rows], axis=-1).astype(np.uint8)
    wanted = scale(prepare(pixels, recipe)[None], recipe.value_range)
    found = np.asarray(processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"]).transpose(0, 2, 3, 1)
    low, high = recipe.value_range
    assert np.abs(found - wanted).max() <= 2 * (high - low) / 255


def test_what_the_files_say(model):
    files = huggingface_files(model)
    config = json.loads(files[CONFIG])
    assert config["id2label"] == {"0": "crane", "1": "rose", "2": "crane"}
    assert config["label2id"] == {"crane": 0, "rose": 1}
    assert (config["depth_multiplier"], config["tf_padding"], config["layer_norm_eps"]) == (0.25, True, 1e-3)
    preprocessor = json.loads(files[PREPROCESSOR])
    assert preprocessor["size"] == {"shortest_edge": 64}
    assert preprocessor["image_mean"] == preprocessor["image_std"] == [0.5, 0.5, 0.5]
    readme = files["README.md"].decode()
    for words in ("license: mit", "3 classes: `crane`, `rose`", "`a test`", "pipeline("):
        assert words in readme
    assert huggingface_files(model) == files


def test_a_strangers_texts_are_no_markup(model):
    texts = {"licence": "mine: [x]\n---\n", "source": "a`b\n# <script>", "name": "x` <b>"}
    text = model_card(replace(model.card, **texts))
    assert 'license: other\nlicense_name: "mine: [x]\\\\n---\\\\n"' in text
    assert "`a'b\\n# <script>`" in text
    assert "# `x' <b>`" in text
    assert "license" not in model_card(replace(model.card, licence="unknown"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"padding": "keras", "resolution": 75},
            "pads as 'keras', which at 75 px is not what TensorFlow's 'same' does",
        ),
        ({"depth_multiplier": 2}, "has one depthwise output a channel, this model 2"),
        ({"include_top": False}, "has no head"),
    ],
)
def test_what_mobilenetv1_there_does_not_have_is_refused(make_checkpoint, tmp_path, fields, message):
    model = make_checkpoint(**{"alpha": 0.25, "resolution": 64, "num_classes": 3} | fields)
    with pytest.raises(UsageError) as caught:
        export_model(model, "huggingface", tmp_path / "m")
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_the_verb_writes_a_folder_and_refuses_options_that_it_has_not(model, tmp_path, capsys):
    needs_transformers()
    write_checkpoint(tmp_path / "m.safetensors", model)
    command = ["export", "-m", str(tmp_path / "m.safetensors"), "-f", "huggingface", "-o", str(tmp_path / "m")]
    assert run([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parity"]["runtime"].startswith("transformers ")
    assert {path.name for path in (tmp_path / "m").iterdir()} == {CONFIG, PREPROCESSOR, WEIGHTS, "README.md"}
    assert run([*command, "--force", "--input", "pixels"]) == 2
    with pytest.raises(UsageError, match="holds float32"):
        export_model(model, "huggingface", tmp_path / "m", ExportOptions("float16"))


def damaged(model):
    arrays = {name: array.copy() for name, array in model.arrays.items()}
    arrays["conv_pw_7.kernel"].flat[11] += 0.5
    return Checkpoint(model.card, arrays)


def swapped(model):
    arrays = model.arrays | {"conv_dw_3.kernel": model.arrays["conv_dw_3.kernel"][:, :, ::-1]}
    return Checkpoint(model.card, arrays)


def shifted(model):
    return Checkpoint(replace(model.card, labels=(*LABELS[1:], LABELS[0])), model.arrays)


def other_epsilon(model):
    return Checkpoint(replace(model.card, spec=replace(model.card.spec, bn_epsilon=0.01)), model.arrays)


@pytest.mark.parametrize("fault", [damaged, swapped, shifted, other_epsilon])
def test_the_gate_refuses(model, tmp_path, monkeypatch, fault):
    needs_transformers()
    from tinysight import export

    wrong = huggingface_files(fault(model))
    kind = export.FORMATS["huggingface"]._replace(make=lambda *_: wrong)
    monkeypatch.setitem(export.FORMATS, "huggingface", kind)
    with pytest.raises(GateError):
        export_model(model, "huggingface", tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_numbers_under_other_names_are_an_engine_error(model):
    needs_transformers()
    files = huggingface_files(model)
    wrong = files[WEIGHTS].replace(b'"classifier.weight"', b'"classifxer.weight"')
    with pytest.raises(EngineError, match="transformers finds other names"):
        open_huggingface(files | {WEIGHTS: wrong})
    with pytest.raises(EngineError, match="transformers does not open the folder"):
        open_huggingface(files | {CONFIG: b"{}"})


@pytest.mark.parametrize("package", ["transformers", "torch"])
def test_without_a_package_the_extra_is_named(model, tmp_path, monkeypatch, package):
    import sys

    pytest.importorskip("transformers", reason=NEEDS)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"{package} is not installed.*tinysight\[huggingface\]"):
        export_model(model, "huggingface", tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_a_processor_of_another_range_is_refused(model):
    needs_transformers()
    files = dict(huggingface_files(model))
    fields = json.loads(files["preprocessor_config.json"])
    files["preprocessor_config.json"] = json.dumps(fields | {"image_mean": [0.1, 0.2, 0.3]}).encode()
    with pytest.raises(GateError, match="makes of pixels of 51 what the model's recipe does not"):
        open_huggingface(files)
