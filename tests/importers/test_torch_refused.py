"""State dicts and configs that are damaged, of another network, or hostile: refused in a line."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from integer_models import with_probes
from lively_models import lively

from tinysight.cli import run
from tinysight.errors import CheckpointError
from tinysight.export.huggingface import huggingface_files
from tinysight.export.state_dict import safetensors_bytes, state_dict
from tinysight.export.timm import timm_bytes
from tinysight.importers import import_file
from tinysight.importers.huggingface import CONFIG, WEIGHTS, preprocessor_recipe
from tinysight.importers.timm_config import timm_config
from tinysight.importers.torch_names import huggingface_name, timm_name
from tinysight.labels import Label
from tinysight.models import import_model
from tinysight.preprocess import Recipe
from tinysight.spec import Spec

NEEDS_TIMM = "needs timm (extra timm)"
NEEDS_TRANSFORMERS = "needs transformers and torch (extra huggingface)"
GOOGLE = {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "resample": 2}


@pytest.fixture(scope="module")
def model():
    made = with_probes(lively(Spec(alpha=0.25, resolution=64, num_classes=3)))
    labels = (Label("n1", "a"), Label("n2", "b"), Label("n3", "a"))
    texts = {"name": "flowers", "licence": "MIT", "source": "a test", "labels": labels}
    return replace(made, card=replace(made.card, recipe=Recipe(64, crop_fraction=0.875), **texts))


@pytest.fixture
def folder(model, tmp_path):
    path = tmp_path / "flowers_1.0"
    path.mkdir()
    for name, data in huggingface_files(model).items():
        (path / name).write_bytes(data)
    return path


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def without_card(model, path, rename=timm_name, **metadata):
    path.write_bytes(safetensors_bytes(state_dict(model, rename, "a test"), metadata))
    return path


def packed(header, values=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + values


def stem(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    return {"conv_stem.weight": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}}


@pytest.mark.parametrize("name", ["mobilenetv2_050", "mobilenetv1_100h", "mobilenetv3_small_050"])
def test_other_networks_of_timm_are_refused_in_a_line(tmp_path, name, capsys):
    timm = pytest.importorskip("timm", reason=NEEDS_TIMM)
    import safetensors.torch

    safetensors.torch.save_file(timm.create_model(name, num_classes=2).state_dict(), tmp_path / "m.safetensors")
    assert run(["models", "import", str(tmp_path / "m.safetensors"), "-o", str(tmp_path / "x.safetensors")]) == 1
    error = capsys.readouterr().err.strip()
    assert "is not part of a MobileNet v1 (and " in error
    assert "\n" not in error
    assert not (tmp_path / "x.safetensors").exists()


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"tf_padding": False}, "tf_padding"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps"),
        ({"id2label": {"0": "b", "1": "a", "2": "a"}}, "id2label"),
    ],
)
def test_an_export_whose_config_was_changed_is_refused(folder, changes, key):
    edit(folder / CONFIG, **changes)
    with pytest.raises(CheckpointError, match=f"{key} is not what the card in model.safetensors says"):
        import_file(folder)


def test_an_export_whose_numbers_were_changed_is_refused(model, tmp_path):
    data = bytearray(timm_bytes(model))
    data[-40:-4] = np.linspace(1, 9, 9, dtype="<f4").tobytes()
    (tmp_path / "t.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match="does not give the answers that its own card says"):
        import_model(tmp_path / "t.safetensors")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "mobilenet_v2"}, "model_type is mobilenet_v2, expected mobilenet_v1"),
        ({"hidden_act": "relu"}, "hidden_act is relu, expected relu6"),
        ({"num_channels": 1}, "num_channels is 1, expected 3"),
        ({"tf_padding": "yes"}, "tf_padding is yes, expected true or false"),
        ({"layer_norm_eps": None}, "layer_norm_eps is None, expected a number"),
        ({"layer_norm_eps": -1.0}, "bn_epsilon must be at least"),
        ({"id2label": {"0": "a", "2": "b"}}, "id2label must name the outputs 0, 1 and so on"),
        ({"id2label": {"0": "a", "1": "b"}}, "has 3 outputs, config.json names 2 of them"),
        ({"image_size": 10**9}, "a resolution of 1000000000 px"),
    ],
    ids=str,
)
def test_a_config_of_another_network_is_refused(model, folder, changes, words):
    without_card(model, folder / WEIGHTS, huggingface_name)
    edit(folder / CONFIG, **changes)
    with pytest.raises(CheckpointError) as caught:
        import_file(folder)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"architecture": "mobilenetv2_100"}, "says architecture mobilenetv2_100, expected mobilenetv1_"),
        ({"architecture": "mobilenetv1_100", "model_args": {"in_chans": 1}}, "model_args are {'in_chans': 1}"),
        ({"architecture": "mobilenetv1_100", "model_args": {"pad_type": "valid"}}, "pad_type valid"),
        ({"architecture": "mobilenetv1_100", "model_args": {"bn_eps": "x"}}, "bn_eps x, expected a number"),
        ({"architecture": "mobilenetv1_100", "pretrained_cfg": {"input_size": [1, 8, 8]}}, "input_size [1, 8, 8]"),
        ({"architecture": "mobilenetv1_100", "pretrained_cfg": {"interpolation": "random"}}, "by random, center"),
        ({"architecture": "mobilenetv1_100", "pretrained_cfg": {"crop_pct": 0.9}}, "mean [0.485"),
        (
            {"architecture": "mobilenetv1_100", "pretrained_cfg": {"crop_pct": 1.5, "mean": 0.5, "std": 0.5}},
            "crop_fraction must be",
        ),
    ],
    ids=str,
)
def test_a_timm_config_of_another_network_is_refused(fields, words):
    with pytest.raises(CheckpointError) as caught:
        timm_config(fields, "m")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"do_resize": False}, "do_resize is False, expected true"),
        ({"rescale_factor": 1.0}, "rescale_factor is 1.0, expected 1/255"),
        ({"resample": 1}, "resample is 1, expected 0, 2 or 3"),
        ({"image_std": [0.5, 0.5, 0.4]}, "std [0.5, 0.5, 0.4]; one number for all channels"),
        ({"image_std": 0}, "std 0, expected above 0"),
        ({"crop_size": {"height": 224, "width": 200}}, "are not a shortest edge and a square in it"),
        ({"size": {"shortest_edge": 100}}, "crop_fraction must be"),
        ({"do_center_crop": False}, "without a crop make no square"),
    ],
    ids=str,
)
def test_a_preprocessor_that_no_recipe_is_like_is_refused(fields, words):
    with pytest.raises(CheckpointError) as caught:
        preprocessor_recipe(GOOGLE | fields, "p.json")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (packed(b"{}", b"")[:9], "a header of 2 bytes is announced"),
        (struct.pack("<Q", 2**63) + b"{}", "is announced"),
        (packed(b'{"a": 1, "a": 2}'), "a name stands twice"),
        (packed(b"{" + b'"a":{' * 30_000), "the header is damaged"),
        (packed({"__metadata__": {"format": 1}}), "metadata must be text by key"),
        (packed({f"a{n}": 1 for n in range(3000)}), "has 3000 arrays"),
        (packed(stem(), b"\0" * 3), "has 3 bytes of values, its header 4"),
        (packed(stem(), b"\0" * 8), "has 8 bytes of values, its header 4"),
        (packed(stem(offsets=(4, 8)), b"\0" * 8), "begins at byte 4 of the values, expected 0"),
        (packed(stem(shape=(2**62, 4)), b"\0" * 4), "sizes from 1 to 1048576 are read"),
        (packed(stem(shape=(2**20, 4)), b"\0" * 4), "does not have the bytes that it needs"),
        (packed(stem(shape=(-1,)), b"\0" * 4), "not whole numbers from 0 on"),
        (packed(stem(shape=(True,)), b"\0" * 4), "not whole numbers from 0 on"),
        (packed(stem(dtype="F8_E4M3", offsets=(0, 1)), b"\0"), "has dtype F8_E4M3; F64, F32, F16, BF16, I64 are read"),
        (packed(stem(dtype=["F32"]), b"\0" * 4), "has dtype ['F32']"),
        (packed(stem(extra=1), b"\0" * 4), "must have dtype, shape and data_offsets, and no other key"),
        (packed(stem(), b"\0" * 4), "array conv_stem.weight has shape (1,), expected 4 axes"),
        (packed({"a\x1b[31m": stem()["conv_stem.weight"]}, b"\0" * 4), "its arrays begin with: a\\x1b[31m"),
        (packed(stem(dtype="I64", shape=(1, 1, 1, 1), offsets=(0, 8)), b"\0" * 8), "holds whole numbers"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str) else "",
)
def test_a_strangers_header_is_refused_in_a_line(tmp_path, data, words):
    (tmp_path / "m.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        import_file(tmp_path / "m.safetensors")
    assert words in str(caught.value)
    assert str(tmp_path / "m.safetensors") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_damaged_card_is_refused(model, tmp_path):
    path = tmp_path / "m.safetensors"
    for card, words in (
        ("{}", "the card must have exactly the keys"),
        ("\ud800", "the model's card is not valid Unicode"),
    ):
        path.write_bytes(packed({"__metadata__": {"tinysight.card": card}, **stem(shape=(1, 1, 1, 1))}, b"\0" * 4))
        with pytest.raises(CheckpointError, match=words):
            import_file(path)


def test_folders_and_files_that_lack_something(model, tmp_path):
    with pytest.raises(CheckpointError, match=r"is a folder, not a regular file, and holds no model\.safetensors"):
        import_model(tmp_path)
    path = without_card(model, tmp_path / WEIGHTS, huggingface_name)
    for text, words in (("[1", "is no JSON"), ("[1]", "holds no JSON object"), ('{"a": 1, "a": 2}', "stands twice")):
        (tmp_path / CONFIG).write_text(text)
        with pytest.raises(CheckpointError, match=words):
            import_model(tmp_path)
    path = without_card(model, tmp_path / "m.safetensors", huggingface_name)
    (tmp_path / CONFIG).unlink()
    with pytest.raises(CheckpointError, match=r"needs its config\.json beside it"):
        import_model(path)
    arrays = state_dict(model, timm_name, "x")
    del arrays["blocks.4.1.bn2.bias"]
    path.write_bytes(safetensors_bytes(arrays, {}))
    with pytest.raises(CheckpointError, match=r"array conv_pw_13_bn\.beta is missing"):
        import_model(path)
