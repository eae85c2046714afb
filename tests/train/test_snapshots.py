"""A snapshot is whole or passed over: nothing that a crash or a bad disk leaves is ever gone on from."""

import numpy as np
import pytest

from tinysight.errors import CheckpointError
from tinysight.train.snapshots import Snapshot, read_newest, write_snapshot

FACTS = {"loss_sum": 0.1 + 0.2, "rows": [[1, 1e-3, 2.5, 0.5, 1.0]], "best": None, "best_epoch": -1, "name": "Blüte"}


def snapshot(step: int) -> Snapshot:
    rng = np.random.default_rng(step)
    arrays = {
        "network.b": rng.normal(size=(2, 3)).astype(np.float32),
        "average.a": rng.normal(size=4).astype(np.float32),
        "optimizer.0.step": np.array(step, np.float32),
    }
    return Snapshot(step, arrays, FACTS | {"step": step})


def assert_same(found: Snapshot | None, expected: Snapshot) -> None:
    assert found is not None and found.step == expected.step and found.facts == expected.facts
    assert found.arrays.keys() == expected.arrays.keys()
    for name, array in expected.arrays.items():
        assert found.arrays[name].dtype == np.float32 and found.arrays[name].shape == array.shape
        assert found.arrays[name].tobytes() == array.tobytes()


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_comes_back_to_the_bit(tmp_path):
    write_snapshot(tmp_path, snapshot(7))
    found, warnings = read_newest(tmp_path)
    assert_same(found, snapshot(7))
    assert warnings == ()


def test_numbers_that_are_not_finite_come_back_as_well(tmp_path):
    odd = Snapshot(1, {"x": np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], np.float32)}, {})
    write_snapshot(tmp_path, odd)
    assert_same(read_newest(tmp_path)[0], odd)


def test_the_order_of_the_arrays_does_not_matter(tmp_path):
    write_snapshot(tmp_path, snapshot(3)._replace(arrays=dict(reversed(snapshot(3).arrays.items()))))
    assert_same(read_newest(tmp_path)[0], snapshot(3))


def test_the_two_newest_are_kept_and_other_files_left_alone(tmp_path):
    for name in ("notes.txt", "step-1.safetensors", "step-00000001.safetensors.bak"):
        (tmp_path / name).write_bytes(b"mine")
    for step in (1, 2, 9, 10, 100):
        write_snapshot(tmp_path, snapshot(step))
    others = ["notes.txt", "step-00000001.safetensors.bak", "step-1.safetensors"]
    assert names(tmp_path) == sorted(["step-00000010.safetensors", "step-00000100.safetensors", *others])
    assert_same(read_newest(tmp_path)[0], snapshot(100))


def test_writing_the_same_step_again_replaces_it(tmp_path):
    for _ in range(3):
        write_snapshot(tmp_path, snapshot(4))
    assert names(tmp_path) == ["step-00000004.safetensors"]


def assert_older_is_taken(folder) -> None:
    found, warnings = read_newest(folder)
    assert_same(found, snapshot(1))
    assert len(warnings) == 1
    assert "step-00000002.safetensors is damaged: " in warnings[0] and "\n" not in warnings[0]


def test_wherever_the_newest_is_cut_the_older_is_taken(tmp_path):
    write_snapshot(tmp_path, snapshot(1))
    write_snapshot(tmp_path, snapshot(2))
    newest = tmp_path / "step-00000002.safetensors"
    whole = newest.read_bytes()
    for length in {*range(0, len(whole), 3), len(whole) - 1, len(whole) - 2}:
        newest.write_bytes(whole[:length])
        assert_older_is_taken(tmp_path)
    newest.write_bytes(whole + b"\0")
    assert_older_is_taken(tmp_path)


def test_whichever_bit_flips_the_older_is_taken(tmp_path):
    write_snapshot(tmp_path, snapshot(1))
    write_snapshot(tmp_path, snapshot(2))
    newest = tmp_path / "step-00000002.safetensors"
    whole = newest.read_bytes()
    harmless = 0
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        newest.write_bytes(changed)
        found, warnings = read_newest(tmp_path)
        if found is not None and found.step == 2:  # JSON reads a few characters of the header alike
            assert_same(found, snapshot(2))
            assert warnings == ()
            harmless += 1
        else:
            assert_older_is_taken(tmp_path)
    assert harmless < 0.02 * len(whole)


@pytest.mark.parametrize("content", [b"", b"\0" * 64, b"\xff" * 64, b"\2\0\0\0\0\0\0\0{}", b"<html>"])
def test_what_never_was_a_snapshot_is_passed_over(tmp_path, content):
    write_snapshot(tmp_path, snapshot(1))
    (tmp_path / "step-00000002.safetensors").write_bytes(content)
    assert_older_is_taken(tmp_path)


def test_a_folder_in_place_of_a_snapshot_is_passed_over(tmp_path):
    write_snapshot(tmp_path, snapshot(1))
    (tmp_path / "step-00000002.safetensors").mkdir()
    assert_older_is_taken(tmp_path)


def test_when_all_are_damaged_there_is_none_and_each_is_named(tmp_path):
    for step in (1, 2):
        (tmp_path / f"step-{step:08d}.safetensors").write_bytes(b"x")
    found, warnings = read_newest(tmp_path)
    assert found is None
    assert ["step-00000002" in warnings[0], "step-00000001" in warnings[1], len(warnings)] == [True, True, 2]


def test_without_snapshots_there_is_none(tmp_path):
    assert read_newest(tmp_path) == (None, ())
    assert read_newest(tmp_path / "missing") == (None, ())
    (tmp_path / ".tinysight.1.ab.tmp").write_bytes(b"left by a killed process")
    assert read_newest(tmp_path) == (None, ())


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_where_it_cannot_be_written_is_named(tmp_path, kind):
    folder = tmp_path / "snapshots"
    if kind == "file":
        folder.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"cannot write .*snapshots.step-00000005\.safetensors: \w"):
        write_snapshot(folder, snapshot(5))


def test_a_disk_that_is_full_leaves_the_older_ones(tmp_path, monkeypatch):
    write_snapshot(tmp_path, snapshot(1))
    write_snapshot(tmp_path, snapshot(2))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tinysight.train.snapshots.write_atomically", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        write_snapshot(tmp_path, snapshot(3))
    assert_same(read_newest(tmp_path)[0], snapshot(2))
    assert len(names(tmp_path)) == 2


def test_a_renamed_snapshot_is_still_of_its_own_step(tmp_path):
    write_snapshot(tmp_path, snapshot(7))
    (tmp_path / "step-00000007.safetensors").rename(tmp_path / "step-00000099.safetensors")
    found, _ = read_newest(tmp_path)
    assert found is not None and found.step == 7
