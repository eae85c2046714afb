"""Int8 arrays that are wrong in every way: none is read, none is written."""

import json
from dataclasses import replace

import numpy as np
import pytest
from checkpoint_bytes import parts, rebuild, sealed
from integer_models import same_numbers

from tinysight.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from tinysight.checkpoint.int8_arrays import integer_arrays, integers_from_arrays
from tinysight.checkpoint.integers import Integers
from tinysight.errors import CheckpointError


def with_array(int8_only, name, array):
    """The same int8 model with one array replaced."""
    arrays = integer_arrays(int8_only.integers) | {name: array}
    return Checkpoint(int8_only.card, {}, integers_from_arrays(int8_only.card.spec, arrays))


def test_missing_unknown_and_reshaped_arrays_are_named(tmp_path, int8_only):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, int8_only)
    header, body = parts(path)
    name = "int8.conv_pw_3.kernel"
    shape = header[name]["shape"]
    for change, message in [
        (lambda h: h.pop(name), r"array int8\.conv_pw_3\.kernel is missing"),
        (lambda h: h.pop("int8.probe_outputs"), r"array int8\.probe_outputs is missing"),
        (lambda h: h.update({"int8.conv_preds.step": h[name]}), r"int8\.conv_preds\.step is not part of the network"),
        (lambda h: h.update({"conv1.kernel": h[name]}), r"array conv1_bn\.gamma is missing \(and 135 more\)"),
        (lambda h: h[name].update(shape=shape[::-1]), r"int8\.conv_pw_3\.kernel is declared as I8"),
        (lambda h: h[name].update(shape=[1.0, True, *shape[2:]]), r"int8\.conv_pw_3\.kernel is declared as I8"),
        (lambda h: h[name].update(dtype="U8"), r"int8\.conv_pw_3\.kernel is declared as U8"),
        (lambda h: h[name].update(data_offsets=[0, 1]), r"int8\.conv_pw_3\.kernel must have data_offsets 1024 bytes"),
        (lambda h: h[name].update(data_offsets=[True, 1025]), "must have data_offsets"),
        (lambda h: h[name].update(data_offsets=None), "must have data_offsets"),
        (lambda h: h[name].update(more=1), "no other key"),
        (lambda h: h[name].update(data_offsets=[-1024, 0]), "begins at byte -1024 of the values, expected 0"),
        (lambda h: h[name].update(data_offsets=h["int8.conv_pw_4.kernel"]["data_offsets"]), "data_offsets"),
    ]:
        changed = json.loads(json.dumps(header))
        change(changed)
        rebuild(path, changed, body)
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(path)


def test_arrays_that_share_bytes_are_refused(tmp_path, int8_only):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, int8_only)
    header, body = parts(path)
    header["int8.conv_pw_8.kernel"]["data_offsets"] = header["int8.conv_pw_7.kernel"]["data_offsets"]
    sealed(path, header, body)
    with pytest.raises(CheckpointError, match=r"array int8\.\S+ begins at byte \d+ of the values, expected \d+"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("int8.conv_pw_5.kernel", -128, "holds -128, which has no negative in int8"),
        ("int8.conv_preds.kernel", -128, "holds -128"),
        ("int8.conv1.kernel", -32768, "holds -32768, which has no negative in int16"),
        ("int8.conv_dw_5.kernel", -32768, "holds -32768"),
        ("int8.conv_pw_5.scale", 0, "holds 0; each must be above 0"),
        ("int8.conv_pw_5.scale", -1e-3, "must be above 0"),
        ("int8.conv_dw_5.step", 0, "must be above 0"),
        ("int8.conv_dw_5.step", np.nan, "not finite"),
        ("int8.conv_preds.bias", np.inf, "not finite"),
        ("int8.conv_preds.scale", -np.inf, "not finite"),
        ("int8.probe_outputs", np.nan, "not finite"),
        ("int8.conv_pw_5.scale", 1e30, "leads beyond float32"),
        ("int8.conv_pw_5.step", 1e-40, "leads beyond float32"),
        ("int8.conv_preds.scale", 1e30, "leads beyond float32"),
    ],
)
def test_values_are_checked_when_written_and_when_read(tmp_path, int8_only, name, value, message):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, int8_only)
    header, body = parts(path)
    array = int8_only.numbers()[name].copy()
    array.flat[-1] = value
    begin, end = header[name]["data_offsets"]
    body[begin:end] = array.tobytes()
    sealed(path, header, body)
    for action in (lambda: read_checkpoint(path), lambda: write_checkpoint(path, with_array(int8_only, name, array))):
        with pytest.raises(CheckpointError, match=message) as caught:
            action()
        assert name.rsplit(".", 1)[0] in str(caught.value) and "a.safetensors" in str(caught.value)


def test_headers_that_only_python_accepts_are_refused(tmp_path, int8_only):
    """Half a character, deep nesting, numbers without end, further metadata: one line, and no traceback."""
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, int8_only)
    header, body = parts(path)
    fields = json.loads(header["__metadata__"]["tinysight"])

    def with_text(text):
        return {**header, "__metadata__": {"tinysight": text}}

    half = json.dumps(fields | {"card": fields["card"].replace('"source":"', '"source":"\ud800')})
    name = "int8.conv_pw_5.kernel"
    for changed, message in [
        (with_text(half), "not valid Unicode"),
        (with_text("[" * 100_000), "header is damaged"),
        ({**header, "__metadata__": header["__metadata__"] | {"more": 5}}, "the key tinysight alone"),
        ({**header, name: header[name] | {"data_offsets": [10**300, 10**300 + 1024]}}, "data_offsets"),
        ({**header, name: header[name] | {"shape": [float("nan")] * 4}}, "is declared as"),
    ]:
        rebuild(path, changed, body)
        with pytest.raises(CheckpointError, match=message) as caught:
            read_checkpoint(path)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_sealed_changes_nothing_else(tmp_path, int8_only):
    """The control of the tests above: an unchanged file that went the same way is read."""
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, int8_only)
    sealed(path, *parts(path))
    same_numbers(read_checkpoint(path).numbers(), int8_only.numbers())


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("int8.conv_pw_5.kernel", np.zeros((1, 1, 128, 128), np.int16), r"has dtype int16, expected int8"),
        ("int8.conv_dw_5.kernel", np.zeros((3, 3, 64, 1), np.int8), r"has dtype int8, expected int16"),
        ("int8.conv_pw_5.scale", np.ones(64, np.float64), r"has dtype float64, expected float32"),
        ("int8.conv_pw_5.scale", np.ones(65, np.float32), r"has shape \(65,\), expected \(64,\)"),
        ("int8.probe_outputs", np.ones((3, 4), np.float32), r"has shape \(3, 4\), expected \(2, 4\)"),
    ],
)
def test_wrong_arrays_are_not_written(tmp_path, int8_only, name, array, message):
    if name == "int8.conv_pw_5.kernel":
        array = np.zeros(int8_only.numbers()[name].shape, array.dtype)
    with pytest.raises(CheckpointError, match=message):
        write_checkpoint(tmp_path / "a.safetensors", with_array(int8_only, name, array))
    assert not (tmp_path / "a.safetensors").exists()


def test_incomplete_and_int16_networks_are_not_written(tmp_path, int8_only):
    some = dict(list(int8_only.integers.layers.items())[:-1])
    for integers, message in [
        (replace(int8_only.integers, layers=some), r"int8\.conv_preds\.kernel is missing"),
        (replace(int8_only.integers, probe_outputs=None), r"int8\.probe_outputs is missing"),
        (Integers("int16", int8_only.integers.layers), "int16 is made from float32"),
    ]:
        with pytest.raises(CheckpointError, match=message):
            write_checkpoint(tmp_path / "a.safetensors", Checkpoint(int8_only.card, {}, integers))
    assert list(tmp_path.iterdir()) == []


def test_a_card_with_another_number_of_probes_is_refused(tmp_path, int8_only):
    card = replace(int8_only.card, probes=int8_only.card.probes[:1])
    with pytest.raises(CheckpointError, match=r"probe_outputs has shape \(2, 4\), expected \(1, 4\)"):
        write_checkpoint(tmp_path / "a.safetensors", Checkpoint(card, {}, int8_only.integers))
