"""State dicts of timm and Hugging Face: built there with random numbers, read here, with the same answers."""

import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from integer_models import with_probes
from lively_models import lively, pictures

from tinysight.checkpoint import read_checkpoint
from tinysight.cli import run
from tinysight.engines import open_engine
from tinysight.errors import CheckpointError, UsageError
from tinysight.export.huggingface import huggingface_files
from tinysight.export.state_dict import safetensors_bytes, state_dict
from tinysight.export.timm import timm_bytes
from tinysight.importers import import_file
from tinysight.importers.huggingface import CONFIG, PREPROCESSOR, WEIGHTS, preprocessor_recipe
from tinysight.importers.pixel_range import mean_and_std, value_range
from tinysight.importers.torch_names import timm_name, to_torch
from tinysight.labels import Label
from tinysight.models import import_model, open_model
from tinysight.preprocess import Recipe
from tinysight.preprocess.scale import scale
from tinysight.spec import Spec, layers

NEEDS_TIMM = "needs timm (extra timm)"
NEEDS_TRANSFORMERS = "needs transformers and torch (extra huggingface)"
GOOGLE = {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "resample": 2}


def enliven(network):
    """Give a PyTorch network numbers under which answers depend on the picture and on every statistic."""
    import torch

    torch.manual_seed(0)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.ndim > 1:
                tensor.normal_(0, (3 / tensor[0].numel()) ** 0.5)
            elif "running_var" in name or name.endswith(("bn1.weight", "bn2.weight", "normalization.weight")):
                tensor.uniform_(0.01, 0.03) if "running_var" in name else tensor.uniform_(0.05, 0.15)
            elif tensor.ndim == 1:
                tensor.normal_(0, 0.3)
    return network.train(False)


def theirs(network, images):
    import torch

    with torch.inference_mode():
        found = network(torch.from_numpy(scale(images).transpose(0, 3, 1, 2).copy()))
    return getattr(found, "logits", found).numpy()


def assert_same_answers(path, network, side, cut=0):
    model = import_model(path, resolution=side, imagenet=False)
    images = pictures(model.card.spec, 3)
    wanted = theirs(network, images)[:, cut:]
    found = open_engine(model, precision="float32", threads=1).run(images).logits
    assert np.ptp(wanted, axis=1).min() > 0.5
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    other = "same" if model.card.spec.padding == "symmetric" else "symmetric"
    moved = replace(model.card, spec=replace(model.card.spec, padding=other), probes=())
    answers = open_engine(replace(model, card=moved), precision="float32", threads=1).run(images).logits
    if [row.pad for row in layers(moved.spec)] != [row.pad for row in layers(model.card.spec)]:
        assert np.abs(answers - wanted).max() > 1e-3, "padding matters for these numbers"
    return model


@pytest.mark.parametrize("side", [64, 75])
@pytest.mark.parametrize("name", ["mobilenetv1_100", "mobilenetv1_125"])
def test_a_timm_file_alone_has_timms_padding_and_epsilon(tmp_path, name, side):
    timm = pytest.importorskip("timm", reason=NEEDS_TIMM)
    import safetensors.torch

    network = enliven(timm.create_model(name, num_classes=5))
    safetensors.torch.save_file(network.state_dict(), tmp_path / "flowers.safetensors")
    card = assert_same_answers(tmp_path / "flowers.safetensors", network, side).card
    assert (card.spec.padding, card.spec.bn_epsilon, card.spec.alpha) == ("symmetric", 1e-5, int(name[-3:]) / 100)
    assert (card.name, card.licence, card.source) == ("flowers", "unknown", "timm state dict flowers.safetensors")


@pytest.mark.parametrize("side", [64, 75])
def test_a_timm_folder_says_what_the_numbers_do_not(tmp_path, side):
    timm = pytest.importorskip("timm", reason=NEEDS_TIMM)
    import safetensors.torch

    arguments = {"pad_type": "same", "bn_eps": 1e-3}
    network = enliven(timm.create_model("mobilenetv1_100", num_classes=5, **arguments))
    folder = tmp_path / "mobilenet_1.0"
    folder.mkdir()
    safetensors.torch.save_file(network.state_dict(), folder / WEIGHTS)
    pretrained = {"input_size": [3, 96, 96], "crop_pct": 0.9, "interpolation": "bicubic", "license": "MIT"}
    pretrained |= {"mean": [0.5] * 3, "std": [0.5] * 3}
    config = {"architecture": "mobilenetv1_100", "model_args": arguments, "pretrained_cfg": pretrained}
    (folder / CONFIG).write_text(json.dumps(config))
    card = assert_same_answers(folder, network, side).card
    assert card.recipe == Recipe(side, crop_fraction=0.9, resample="bicubic")
    assert (card.name, card.licence, card.spec.padding) == ("mobilenet_1.0", "MIT", "same")
    assert import_file(folder).spec.resolution == 96


@pytest.mark.parametrize("side", [64, 75])
@pytest.mark.parametrize("tf_padding", [True, False])
def test_a_hugging_face_folder_has_its_configs_padding_and_loses_the_background(tmp_path, tf_padding, side):
    pytest.importorskip("torch", reason=NEEDS_TRANSFORMERS)
    transformers = pytest.importorskip("transformers", reason=NEEDS_TRANSFORMERS)
    config = transformers.MobileNetV1Config(depth_multiplier=0.5, tf_padding=tf_padding, layer_norm_eps=0.002)
    config.id2label = {0: "background", **{number: f"thing {number}" for number in range(1, 1001)}}
    network = enliven(transformers.MobileNetV1ForImageClassification(config))
    network.save_pretrained(tmp_path)
    (tmp_path / PREPROCESSOR).write_text(json.dumps(GOOGLE))
    card = assert_same_answers(tmp_path, network, side, cut=1).card
    assert (card.spec.num_classes, card.spec.alpha, card.spec.bn_epsilon) == (1000, 0.5, 0.002)
    assert (card.labels[0], card.labels[999]) == (Label(None, "thing 1"), Label(None, "thing 1000"))
    assert card.recipe == Recipe(side, crop_fraction=0.875)
    assert import_file(tmp_path / WEIGHTS).spec.resolution == 224
    edit(tmp_path / CONFIG, id2label={str(number): f"own {number}" for number in range(1001)})
    assert import_file(tmp_path).spec.num_classes == 1001, "nobody's background is dropped but ImageNet's"
    edit(tmp_path / CONFIG, id2label={str(number): f"LABEL_{number}" for number in range(1001)})
    model = import_model(tmp_path, resolution=64)
    assert (model.card.spec.num_classes, model.card.labels) == (1001, None), "without names, all may be one's own"


def test_a_hugging_face_network_without_a_head_gives_its_features(tmp_path):
    pytest.importorskip("torch", reason=NEEDS_TRANSFORMERS)
    transformers = pytest.importorskip("transformers", reason=NEEDS_TRANSFORMERS)
    network = enliven(transformers.MobileNetV1Model(transformers.MobileNetV1Config(depth_multiplier=0.25)))
    network.save_pretrained(tmp_path)
    model = import_model(tmp_path, resolution=64)
    images = pictures(model.card.spec, 2)
    import torch

    with torch.inference_mode():
        wanted = network(torch.from_numpy(scale(images).transpose(0, 3, 1, 2).copy())).pooler_output.numpy()
    np.testing.assert_allclose(open_engine(model, precision="float32").run(images).embedding, wanted, atol=1e-4)


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


def assert_equal(found, model):
    assert found.card == model.card
    assert list(found.arrays) == list(model.arrays)
    for name, array in model.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)


def test_our_exports_come_back_as_they_were(model, folder, tmp_path, capsys):
    (tmp_path / "t.safetensors").write_bytes(timm_bytes(model))
    assert_equal(import_model(tmp_path / "t.safetensors"), model)
    assert_equal(import_model(folder), model)
    assert_equal(import_model(folder / WEIGHTS), model)
    (folder / CONFIG).unlink()
    assert_equal(import_model(folder), model)
    assert run(["models", "import", str(folder), "-o", str(tmp_path / "back.safetensors")]) == 0
    assert "flowers (mobilenet_v1_0.25_64), 3 classes, named" in capsys.readouterr().out
    assert_equal(read_checkpoint(tmp_path / "back.safetensors"), model)


def test_a_preprocessor_is_read_as_a_recipe():
    assert preprocessor_recipe(GOOGLE, "p") == Recipe(crop_fraction=0.875)
    assert preprocessor_recipe({"size": 256, "crop_size": 128, "resample": 3}, "p") == Recipe(
        128, crop_fraction=0.5, resample="bicubic"
    )
    squash = {"size": {"height": 96, "width": 96}, "do_center_crop": False, "resample": 0}
    assert preprocessor_recipe(squash, "p") == Recipe(96, "squash", resample="nearest")
    for limits in ((-1.0, 1.0), (0.0, 1.0), (-2.0, 6.0), (0.0, 255.0)):
        assert value_range(*mean_and_std(limits), "p") == pytest.approx(limits)


def test_numbers_in_half_of_the_bytes_are_read(model, tmp_path):
    halves = {"F16": lambda array: array.astype("<f2"), "BF16": lambda array: (array.view("<u4") >> 16).astype("<u2")}
    read = {}
    for kind, half in halves.items():
        header, values = {}, b""
        for name, array in model.arrays.items():
            stored = half(to_torch(array, name))
            place = [len(values), len(values) + stored.nbytes]
            header[timm_name(name)] = {"dtype": kind, "shape": list(stored.shape), "data_offsets": place}
            values += stored.tobytes()
        (tmp_path / "m.safetensors").write_bytes(packed(header, values))
        read[kind] = import_file(tmp_path / "m.safetensors").arrays
    for name, array in model.arrays.items():
        np.testing.assert_array_equal(read["F16"][name], array.astype(np.float16).astype(np.float32))
        np.testing.assert_allclose(read["BF16"][name], array, rtol=2**-7)


def packed(header, values=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + values


def test_opening_one_names_the_command_that_imports_it(model, folder, tmp_path):
    path = without_card(model, tmp_path / "t.safetensors")
    for which, output in ((path, "t-tinysight"), (folder, "flowers_1.0-tinysight")):
        with pytest.raises(CheckpointError, match=rf"run: tinysight models import .* --output {output}\.safetensors"):
            open_model(which)
    from tinysight.checkpoint import write_checkpoint

    write_checkpoint(tmp_path / "own.safetensors", model)
    with pytest.raises(UsageError, match="is a tinysight model file already"):
        import_model(tmp_path / "own.safetensors")
