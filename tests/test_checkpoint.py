"""The one-file model: written whole, read strictly."""

import json
import os
import struct
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from checkpoint_bytes import parts, rebuild

from tinysight.checkpoint import (
    Checkpoint,
    Probe,
    arrays_sha256,
    check_arrays,
    read_checkpoint,
    write_checkpoint,
)
from tinysight.errors import CheckpointError
from tinysight.labels import Label
from tinysight.spec import array_shapes

LABELS = (Label("n1", "a cat"), Label(None, "<b>=cmd\x1b[31m"), Label(None, "crane"), Label(None, "crane"))


@pytest.fixture
def checkpoint(make_checkpoint):
    probe = Probe(np.arange(27, dtype=np.uint8).reshape(3, 3, 3), np.float32([1, -2, 3, 4.5]))
    made = make_checkpoint(alpha=0.25, resolution=32, num_classes=4, labels=LABELS)
    return Checkpoint(replace(made.card, probes=(probe,)), made.arrays)


@pytest.fixture
def saved(tmp_path, checkpoint):
    path = tmp_path / "model.safetensors"
    write_checkpoint(path, checkpoint)
    return path


def test_round_trip(saved, checkpoint):
    back = read_checkpoint(saved)
    assert list(back.arrays) == list(array_shapes(checkpoint.card.spec))
    assert all(np.array_equal(back.arrays[name], array) for name, array in checkpoint.arrays.items())
    assert replace(back.card, probes=()) == replace(checkpoint.card, probes=())
    assert np.array_equal(back.card.probes[0].pixels, checkpoint.card.probes[0].pixels)
    assert np.array_equal(back.card.probes[0].output, checkpoint.card.probes[0].output)


def test_the_same_model_gives_the_same_bytes(tmp_path, saved):
    write_checkpoint(tmp_path / "again.safetensors", read_checkpoint(saved))
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_another_program_reads_the_arrays(saved, checkpoint):
    import safetensors.numpy

    arrays = safetensors.numpy.load_file(saved)
    assert set(arrays) == set(checkpoint.arrays)


def test_nothing_is_left_beside_the_file(saved):
    assert os.listdir(saved.parent) == [saved.name]
    assert saved.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_flipped_bit_anywhere_is_found(saved):
    data = bytearray(saved.read_bytes())
    rng = np.random.default_rng(0)
    header_size = struct.unpack("<Q", data[:8])[0]
    positions = np.concatenate([rng.integers(0, 8 + header_size, 150), rng.integers(0, len(data), 150)])
    for position in positions.tolist():
        bit = 1 << int(rng.integers(8))
        data[position] ^= bit
        saved.write_bytes(data)
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(saved)
        assert "\n" not in str(caught.value)
        data[position] ^= bit


@pytest.mark.parametrize("size", [0, 3, 8, 9, 500, 2000, -1])
def test_a_cut_file_is_refused(saved, size):
    saved.write_bytes(saved.read_bytes()[:size])
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        read_checkpoint(saved)


def test_missing_unknown_and_reshaped_arrays_are_named(saved):
    header, body = parts(saved)
    for change, message in [
        (lambda h: h.pop("conv_dw_3.kernel"), r"array conv_dw_3\.kernel is missing"),
        (lambda h: h.update(extra=h["conv1.kernel"]), "array extra is not part of the network"),
        (lambda h: h["conv1.kernel"].update(shape=[3, 3, 8, 3]), r"conv1\.kernel is declared as F32 \[3, 3, 8, 3\]"),
        (lambda h: h["conv1.kernel"].update(dtype="F16"), r"conv1\.kernel is declared as F16"),
        (lambda h: h.update({"conv1.kernel": 7}), r"conv1\.kernel is declared as None"),
    ]:
        changed = json.loads(json.dumps(header))
        change(changed)
        rebuild(saved, changed, body)
        with pytest.raises(CheckpointError, match=message):
            read_checkpoint(saved)


def test_a_name_that_stands_twice_is_refused(saved):
    header, body = parts(saved)
    text = json.dumps(header)[:-1] + ',"conv1.kernel":{}}'
    saved.write_bytes(struct.pack("<Q", len(text)) + text.encode() + body)
    with pytest.raises(CheckpointError, match="stands twice"):
        read_checkpoint(saved)


def test_a_safetensors_file_without_card_says_what_it_holds(tmp_path):
    import safetensors.numpy

    path = tmp_path / "other.safetensors"
    safetensors.numpy.save_file({"weight": np.zeros(3, np.float32)}, path)
    with pytest.raises(CheckpointError, match=r"without a tinysight card \(its arrays begin with: weight\)"):
        read_checkpoint(path)


def test_values_are_checked(checkpoint):
    spec = checkpoint.card.spec
    for name, value, message in [
        ("conv1.kernel", np.nan, r"conv1\.kernel holds values that are not finite"),
        ("conv_preds.bias", np.inf, r"conv_preds\.bias holds values that are not finite"),
        ("conv_pw_13_bn.moving_variance", -1, r"conv_pw_13_bn\.moving_variance holds a negative variance"),
    ]:
        array = checkpoint.arrays[name].copy()
        array.flat[0] = value
        with pytest.raises(CheckpointError, match=message):
            check_arrays(spec, checkpoint.arrays | {name: array}, "here")


@pytest.mark.parametrize("dtype", [np.float16, np.int32, np.complex64, bool])
def test_other_dtypes_are_refused(checkpoint, dtype):
    arrays = checkpoint.arrays | {"conv1.kernel": checkpoint.arrays["conv1.kernel"].astype(dtype)}
    with pytest.raises(CheckpointError, match="expected float32"):
        check_arrays(checkpoint.card.spec, arrays, "here")


def test_big_endian_and_double_keep_their_numbers(checkpoint):
    kernel = checkpoint.arrays["conv1.kernel"]
    arrays = checkpoint.arrays | {"conv1.kernel": kernel.astype(">f8")}
    assert np.array_equal(check_arrays(checkpoint.card.spec, arrays, "here")["conv1.kernel"], kernel)
    with pytest.raises(CheckpointError, match="not finite"):  # beyond float32
        check_arrays(checkpoint.card.spec, arrays | {"conv1.kernel": kernel.astype("f8") * 1e60}, "here")


def test_hash_depends_on_names_shapes_and_values():
    one = {"a": np.float32([[1, 2]])}
    assert arrays_sha256(one) != arrays_sha256({"b": one["a"]})
    assert arrays_sha256(one) != arrays_sha256({"a": one["a"].T})
    assert arrays_sha256(one) != arrays_sha256({"a": np.float32([[1, 3]])})
    assert arrays_sha256(one) == arrays_sha256({"a": np.asfortranarray(one["a"])})
    # computed by hand from docs/checkpoint-format.md: printf 'a float32 1x2\\n', then 1.0 and 2.0 as <f4
    assert arrays_sha256(one) == "e4cb851f2bb9f4250a03b134ff25037f2d94e05b08b5c1ae02a0cdf33b533778"


@pytest.mark.parametrize("kind", ["folder", "missing", "fifo", "device"])
def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path, kind):
    path = tmp_path / "x.safetensors"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    with pytest.raises(CheckpointError, match=r"x\.safetensors"):
        read_checkpoint(path)


def test_a_save_that_fails_leaves_the_old_file(tmp_path, checkpoint, saved, monkeypatch):
    before = saved.read_bytes()

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        write_checkpoint(saved, checkpoint)
    assert saved.read_bytes() == before
    assert os.listdir(tmp_path) == [saved.name]


def test_saving_into_a_missing_folder_is_one_line(tmp_path, checkpoint):
    with pytest.raises(CheckpointError, match="No such file or directory"):
        write_checkpoint(tmp_path / "none" / "x.safetensors", checkpoint)


def test_wrong_arrays_are_not_written(tmp_path, checkpoint):
    path = tmp_path / "x.safetensors"
    with pytest.raises(CheckpointError, match="missing"):
        write_checkpoint(path, Checkpoint(checkpoint.card, {}))
    assert not path.exists()


def test_a_huge_sparse_file_is_refused_without_reading_it(saved):
    with saved.open("r+b") as file:
        file.truncate(3 << 30)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError, match="bytes of values"):
            read_checkpoint(saved)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
