"""Folders of Hugging Face and timm with one thing changed in a config or header: read, or refused in a line."""

import json
import random
import struct

import numpy as np
import pytest
from lively_models import lively

from tinysight.errors import CheckpointError
from tinysight.export.huggingface import huggingface_files
from tinysight.export.state_dict import safetensors_bytes, state_dict
from tinysight.importers import import_file
from tinysight.importers.huggingface import CONFIG, PREPROCESSOR, WEIGHTS
from tinysight.importers.timm_config import timm_config
from tinysight.importers.torch_names import huggingface_name, timm_name
from tinysight.models import import_model
from tinysight.preprocess import Recipe
from tinysight.spec import Spec

CHANGES = 80  # of each kind
HUGE = 10**400  # no float can hold it
VALUES = (
    *(HUGE, -HUGE, 0, -1, 2**31, 1e308, 0.5, True, False, None),
    *("", "x" * 500, "\x1b[31m", [], {}, [HUGE] * 3, [0, HUGE], {"height": HUGE, "width": HUGE}),
)


@pytest.fixture(scope="module")
def files():
    made = dict(huggingface_files(lively(Spec(alpha=0.1, resolution=32, num_classes=3))))
    made[WEIGHTS] = safetensors_bytes(
        state_dict(lively(Spec(alpha=0.1, resolution=32, num_classes=3)), huggingface_name, "a test"), {}
    )
    return made


def write(folder, files):
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def refusal(read, *given):
    """Return the message with which something is refused, a short line; None where it is read."""
    try:
        read(*given)
    except CheckpointError as error:
        message = str(error)
    else:
        return None
    assert message.isprintable() and len(message) < 1000
    return message


def read(folder):
    """Import, or see one short line."""
    return refusal(import_file, folder) is None


def changed(fields, chance):
    """Return the fields with one value, at any depth, replaced by one of ``VALUES``."""
    fields = json.loads(json.dumps(fields))
    place = fields
    while True:
        key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if isinstance(place[key], dict | list) and place[key] and chance.random() < 0.7:
            place = place[key]
            continue
        place[key] = chance.choice(VALUES)
        return fields


@pytest.mark.parametrize("name", [CONFIG, PREPROCESSOR])
def test_a_changed_config_is_read_or_refused_in_a_line(tmp_path, files, name):
    chance = random.Random(0)
    write(tmp_path / "m", files)
    read_ones = 0
    for _ in range(CHANGES):
        (tmp_path / "m" / name).write_text(json.dumps(changed(json.loads(files[name]), chance)))
        read_ones += read(tmp_path / "m")
    assert 0 < read_ones < CHANGES


def test_a_changed_timm_config_is_read_or_refused_in_a_line():
    cfg = {"input_size": [3, 64, 64], "interpolation": "bicubic", "crop_pct": 0.9, "mean": [0.5] * 3, "std": [0.5] * 3}
    fields = {
        "architecture": "mobilenetv1_100",
        "model_args": {"pad_type": "same", "bn_eps": 1e-3},
        "pretrained_cfg": cfg,
    }
    chance = random.Random(1)
    for _ in range(CHANGES):
        refusal(timm_config, changed(fields, chance), "m")


def test_a_changed_header_is_read_or_refused_in_a_line(tmp_path, files):
    data = files[WEIGHTS]
    (length,) = struct.unpack("<Q", data[:8])
    header, chance = json.loads(data[8 : 8 + length]), random.Random(2)
    write(tmp_path / "m", files)
    for _ in range(CHANGES // 2):
        text = json.dumps(changed(header, chance)).encode()
        (tmp_path / "m" / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + data[8 + length :])
        read(tmp_path / "m")


@pytest.mark.parametrize("shape", [[0, 10**4000, 1, 1], [0, 10**4000], [0, 3, 3, 3], [-1, 3]])
def test_a_shape_that_no_array_has_is_refused(tmp_path, shape):
    header = {"conv_stem.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}
    text = json.dumps(header).encode()
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    assert not read(tmp_path / "m.safetensors")


def test_a_side_that_only_the_file_claims_is_not_computed(tmp_path):
    config = {
        "architecture": "mobilenetv1_100",
        "pretrained_cfg": {"input_size": [3, 4096, 4096], "mean": 0.5, "std": 0.5},
    }
    model = lively(Spec(alpha=0.1, resolution=32, num_classes=3, padding="symmetric"))
    write(
        tmp_path / "m",
        {WEIGHTS: safetensors_bytes(state_dict(model, timm_name, "a test"), {}), CONFIG: json.dumps(config).encode()},
    )
    with pytest.raises(CheckpointError, match="have 4096 px, which is much work"):
        import_model(tmp_path / "m")
    assert import_model(tmp_path / "m", resolution=64).card.recipe == Recipe(64, "center", 0.875, "bicubic")


def test_a_timm_folder_whose_config_does_not_say_which_network_is_refused(tmp_path):
    model = lively(Spec(alpha=0.1, resolution=32, num_classes=3, padding="symmetric"))
    write(tmp_path / "m", {WEIGHTS: safetensors_bytes(state_dict(model, timm_name, "a test"), {}), CONFIG: b"{}"})
    with pytest.raises(CheckpointError, match=r"config\.json says architecture None, expected mobilenetv1"):
        import_file(tmp_path / "m")


def test_digits_that_float32_cannot_hold_are_refused(tmp_path):
    values = np.full((8, 3, 3, 3), 0.1)
    header = {"conv_stem.weight": {"dtype": "F64", "shape": list(values.shape), "data_offsets": [0, values.nbytes]}}
    text = json.dumps(header).encode()
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + values.tobytes())
    with pytest.raises(CheckpointError, match=r"conv_stem\.weight has digits that float32 cannot hold"):
        import_file(tmp_path / "m.safetensors")


def test_the_folder_that_one_is_in_has_a_name(tmp_path, files, monkeypatch):
    write(tmp_path / "flowers_1.0", files)
    monkeypatch.chdir(tmp_path / "flowers_1.0")
    assert import_model(".").card.name == "flowers_1.0"
