"""Int8 arrays in the one-file model: beside the float32 ones, instead of them, and wrong in every way."""

import hashlib
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from integer_models import in_both, in_int8

from tinysight.checkpoint import Card, Checkpoint, arrays_sha256, read_checkpoint, write_checkpoint
from tinysight.checkpoint.int8_arrays import integer_arrays, integer_entries, integers_from_arrays
from tinysight.checkpoint.integers import Integers
from tinysight.errors import CheckpointError
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Spec, array_shapes


@pytest.fixture
def both(make_checkpoint):
    return in_both(make_checkpoint(alpha=0.25, resolution=32, num_classes=4))


@pytest.fixture
def small(both):
    return Checkpoint(both.card, {}, both.integers)


def same_numbers(one, two):
    assert list(one) == list(two)
    for name, array in one.items():
        assert array.dtype == two[name].dtype and np.array_equal(array, two[name]), name


def parts(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size]), bytearray(data[8 + size :])


def rebuild(path, header, body):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def sealed(path, header, body):
    """Write a file whose hash fits whatever its arrays are, as whoever makes a hostile one would."""
    fields = json.loads(header["__metadata__"]["tinysight"])
    names = {"F32": "float32", "I16": "int16", "I8": "int8"}
    digest = hashlib.sha256()
    spec = Spec(**json.loads(fields["card"])["spec"])
    for name in integer_entries(spec, len(json.loads(fields["card"])["probes"])):
        entry = header[name]
        begin, end = entry["data_offsets"]
        digest.update(f"{name} {names[entry['dtype']]} {'x'.join(map(str, entry['shape']))}\n".encode())
        digest.update(body[begin:end])
    fields["sha256"] = hashlib.sha256(f"{fields['card']}\n{digest.hexdigest()}\n".encode()).hexdigest()
    rebuild(path, header | {"__metadata__": {"tinysight": json.dumps(fields)}}, body)


def with_array(small, name, array):
    """The same int8 model with one array replaced."""
    arrays = integer_arrays(small.integers) | {name: array}
    return Checkpoint(small.card, {}, integers_from_arrays(small.card.spec, arrays))


@pytest.mark.parametrize("fields", [{"num_classes": 4}, {"include_top": False}, {"depth_multiplier": 2}])
@pytest.mark.parametrize("make", [in_both, in_int8])
def test_round_trip(tmp_path, make_checkpoint, make, fields):
    model = make(make_checkpoint(alpha=0.25, resolution=32, **fields))
    write_checkpoint(tmp_path / "a.safetensors", model)
    back = read_checkpoint(tmp_path / "a.safetensors")
    same_numbers(back.numbers(), model.numbers())
    assert back.card == model.card and back.integers.precision == "int8"
    assert bool(back.arrays) == (make is in_both)
    write_checkpoint(tmp_path / "b.safetensors", back)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_precisions_are_those_that_the_arrays_allow(both, small):
    assert both.precisions == ("int8", "int16", "float32")
    assert small.precisions == ("int8",)
    assert Checkpoint(both.card, both.arrays).precisions == ("int16", "float32")


def test_float_arrays_that_are_not_there_are_asked_for_by_name(both, small):
    assert both.float_arrays("export") is both.arrays
    with pytest.raises(CheckpointError, match=r"^export needs float32 weights; model mobilenet_v1_0\.25_32 holds int8"):
        small.float_arrays("export")


def test_another_program_reads_the_arrays(tmp_path, small):
    import safetensors.numpy

    write_checkpoint(tmp_path / "a.safetensors", small)
    arrays = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    assert arrays["int8.conv1.kernel"].dtype == arrays["int8.conv_dw_3.kernel"].dtype == np.int16
    assert arrays["int8.conv_pw_13.kernel"].dtype == arrays["int8.conv_preds.kernel"].dtype == np.int8
    assert arrays["int8.conv_pw_13.kernel"].shape == (1, 1, 256, 256) and "int8.conv_preds.step" not in arrays
    assert arrays["int8.probe_outputs"].shape == (2, 4)
    same_numbers({name: arrays[name] for name in small.numbers()}, small.numbers())


def test_a_model_without_probes_stores_no_outputs(tmp_path, small):
    card = replace(small.card, probes=())
    integers = replace(small.integers, probe_outputs=np.zeros((0, 4), np.float32))
    write_checkpoint(tmp_path / "a.safetensors", Checkpoint(card, {}, integers))
    assert read_checkpoint(tmp_path / "a.safetensors").integers.probe_outputs.shape == (0, 4)


def test_floats_alone_keep_their_bytes_and_hash(tmp_path):
    """What was written before there were int8 arrays is written still, byte for byte."""
    spec = Spec(alpha=0.25, resolution=32, num_classes=3)
    card = Card("counted", spec, Recipe(32), None, "none", "numbers that count")
    arrays = {
        name: (np.arange(np.prod(shape, dtype=int)) % 7 + 1).reshape(shape).astype(np.float32)
        for name, shape in array_shapes(spec).items()
    }
    write_checkpoint(tmp_path / "a.safetensors", Checkpoint(card, arrays))
    assert arrays_sha256(arrays) == "5924d73f1e899da4f46fcb5aca59d7ef1eddb0fd56dcdc451d7ab0e0f820bd7b"
    written = hashlib.sha256((tmp_path / "a.safetensors").read_bytes()).hexdigest()
    assert written == "9cb78c9ed63f5cb95d439e2a2118274ed17994fbf7ba700f7c5f306e44068418"


def test_hash_names_the_dtype():
    values = np.int8([[1, -2]])
    # by hand: printf 'int8.a int8 1x2\\n\\x01\\xfe' | sha256sum
    assert arrays_sha256({"int8.a": values}) == hashlib.sha256(b"int8.a int8 1x2\n\x01\xfe").hexdigest()
    wide = arrays_sha256({"int8.a": values.astype(np.int16)})
    assert wide == hashlib.sha256(b"int8.a int16 1x2\n\x01\x00\xfe\xff").hexdigest()
    assert wide == arrays_sha256({"int8.a": values.astype(">i2")})


def test_the_hash_covers_float_and_int8_arrays_in_the_networks_order(tmp_path, both):
    write_checkpoint(tmp_path / "a.safetensors", both)
    header, body = parts(tmp_path / "a.safetensors")
    fields = json.loads(header["__metadata__"]["tinysight"])
    digest = hashlib.sha256()
    for name, array in [*both.arrays.items(), *((n, a) for n, a in both.numbers().items() if n.startswith("int8."))]:
        begin, end = header[name]["data_offsets"]
        digest.update(f"{name} {array.dtype.name} {'x'.join(map(str, array.shape))}\n".encode() + body[begin:end])
    content = hashlib.sha256(f"{fields['card']}\n{digest.hexdigest()}\n".encode()).hexdigest()
    assert fields["sha256"] == content


@pytest.mark.parametrize("make", ["both", "small"])
def test_a_flipped_bit_anywhere_is_found(tmp_path, request, make):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, request.getfixturevalue(make))
    data = bytearray(path.read_bytes())
    size = 8 + struct.unpack("<Q", data[:8])[0]
    rng = np.random.default_rng(0)
    for position in np.concatenate([rng.integers(0, size, 150), rng.integers(0, len(data), 150)]).tolist():
        bit = 1 << int(rng.integers(8))
        data[position] ^= bit
        path.write_bytes(data)
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(path)
        assert "\n" not in str(caught.value)
        data[position] ^= bit


def test_missing_unknown_and_reshaped_arrays_are_named(tmp_path, small):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, small)
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


def test_arrays_that_share_bytes_are_refused(tmp_path, small):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, small)
    header, body = parts(path)
    header["int8.conv_pw_8.kernel"]["data_offsets"] = header["int8.conv_pw_7.kernel"]["data_offsets"]
    sealed(path, header, body)
    with pytest.raises(CheckpointError, match=r"array int8\.\S+ begins at byte \d+ of the values, expected \d+"):
        read_checkpoint(path)


def test_arrays_may_lie_in_another_order_and_unaligned(tmp_path, make_checkpoint):
    """Other writers sort in other ways; then a float32 array can begin at an odd byte."""
    small = in_int8(make_checkpoint(alpha=0.1, resolution=32, num_classes=4))
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, small)
    header, body = parts(path)
    names = sorted((name for name in header if name != "__metadata__"), key=lambda name: header[name]["dtype"])[::-1]
    names.sort(key=lambda name: name != "int8.conv_pw_5.kernel")  # 25 x 25 bytes
    changed, values = {"__metadata__": header["__metadata__"]}, bytearray()
    for name in names:
        begin, end = header[name]["data_offsets"]
        changed[name] = header[name] | {"data_offsets": [len(values), len(values) + end - begin]}
        values += body[begin:end]
    assert any(changed[name]["data_offsets"][0] % 2 for name in names if changed[name]["dtype"] == "F32")
    rebuild(path, changed, values)
    back = read_checkpoint(path).numbers()
    same_numbers(back, small.numbers())
    assert all(array.flags.aligned and array.flags.c_contiguous for array in back.values())


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
def test_values_are_checked_when_written_and_when_read(tmp_path, small, name, value, message):
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, small)
    header, body = parts(path)
    array = small.numbers()[name].copy()
    array.flat[-1] = value
    begin, end = header[name]["data_offsets"]
    body[begin:end] = array.tobytes()
    sealed(path, header, body)
    for action in (lambda: read_checkpoint(path), lambda: write_checkpoint(path, with_array(small, name, array))):
        with pytest.raises(CheckpointError, match=message) as caught:
            action()
        assert name.rsplit(".", 1)[0] in str(caught.value) and "a.safetensors" in str(caught.value)


def test_headers_that_only_python_accepts_are_refused(tmp_path, small):
    """Half a character, deep nesting, numbers without end, further metadata: one line, and no traceback."""
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, small)
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


def test_sealed_changes_nothing_else(tmp_path, small):
    """The control of the tests above: an unchanged file that went the same way is read."""
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, small)
    sealed(path, *parts(path))
    same_numbers(read_checkpoint(path).numbers(), small.numbers())


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
def test_wrong_arrays_are_not_written(tmp_path, small, name, array, message):
    if name == "int8.conv_pw_5.kernel":
        array = np.zeros(small.numbers()[name].shape, array.dtype)
    with pytest.raises(CheckpointError, match=message):
        write_checkpoint(tmp_path / "a.safetensors", with_array(small, name, array))
    assert not (tmp_path / "a.safetensors").exists()


def test_incomplete_and_int16_networks_are_not_written(tmp_path, small):
    some = dict(list(small.integers.layers.items())[:-1])
    for integers, message in [
        (replace(small.integers, layers=some), r"int8\.conv_preds\.kernel is missing"),
        (replace(small.integers, probe_outputs=None), r"int8\.probe_outputs is missing"),
        (Integers("int16", small.integers.layers), "int16 is made from float32"),
    ]:
        with pytest.raises(CheckpointError, match=message):
            write_checkpoint(tmp_path / "a.safetensors", Checkpoint(small.card, {}, integers))
    assert list(tmp_path.iterdir()) == []


def test_a_card_with_another_number_of_probes_is_refused(tmp_path, small):
    card = replace(small.card, probes=small.card.probes[:1])
    with pytest.raises(CheckpointError, match=r"probe_outputs has shape \(2, 4\), expected \(1, 4\)"):
        write_checkpoint(tmp_path / "a.safetensors", Checkpoint(card, {}, small.integers))
