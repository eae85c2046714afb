"""Int8 arrays in the one-file model: beside the float32 ones, and instead of them."""

import hashlib
import json
import struct
from dataclasses import replace

import numpy as np
import pytest
from checkpoint_bytes import parts, rebuild
from integer_models import in_both, in_int8, same_numbers

from tinysight.checkpoint import Card, Checkpoint, arrays_sha256, read_checkpoint, write_checkpoint
from tinysight.errors import CheckpointError
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Spec, array_shapes


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


def test_precisions_are_those_that_the_arrays_allow(both, int8_only):
    assert both.precisions == ("int8", "int16", "float32")
    assert int8_only.precisions == ("int8",)
    assert Checkpoint(both.card, both.arrays).precisions == ("int16", "float32")


def test_float_arrays_that_are_not_there_are_asked_for_by_name(both, int8_only):
    assert both.float_arrays("export") is both.arrays
    with pytest.raises(CheckpointError, match=r"^export needs float32 weights; model mobilenet_v1_0\.25_32 holds int8"):
        int8_only.float_arrays("export")


def test_another_program_reads_the_arrays(tmp_path, int8_only):
    import safetensors.numpy

    write_checkpoint(tmp_path / "a.safetensors", int8_only)
    arrays = safetensors.numpy.load_file(tmp_path / "a.safetensors")
    assert arrays["int8.conv1.kernel"].dtype == arrays["int8.conv_dw_3.kernel"].dtype == np.int16
    assert arrays["int8.conv_pw_13.kernel"].dtype == arrays["int8.conv_preds.kernel"].dtype == np.int8
    assert arrays["int8.conv_pw_13.kernel"].shape == (1, 1, 256, 256) and "int8.conv_preds.step" not in arrays
    assert arrays["int8.probe_outputs"].shape == (2, 4)
    same_numbers({name: arrays[name] for name in int8_only.numbers()}, int8_only.numbers())


def test_a_model_without_probes_stores_no_outputs(tmp_path, int8_only):
    card = replace(int8_only.card, probes=())
    integers = replace(int8_only.integers, probe_outputs=np.zeros((0, 4), np.float32))
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


@pytest.mark.parametrize("make", ["both", "int8_only"])
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


def test_arrays_may_lie_in_another_order_and_unaligned(tmp_path, make_checkpoint):
    """Other writers sort in other ways; then a float32 array can begin at an odd byte."""
    int8_only = in_int8(make_checkpoint(alpha=0.1, resolution=32, num_classes=4))
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, int8_only)
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
    same_numbers(back, int8_only.numbers())
    assert all(array.flags.aligned and array.flags.c_contiguous for array in back.values())
