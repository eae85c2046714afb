"""A run's folder: numbered upwards, its record refused unless it is one, its metrics to the last digit."""

import threading

import pytest

from tinysight.errors import TinysightError, UsageError
from tinysight.train.folder import METRICS, RECORD, new_folder, read_record, write, write_metrics, write_record


def test_numbers_count_up(tmp_path):
    runs = tmp_path / "a" / "runs"
    assert [new_folder(runs).name for _ in range(3)] == ["train-1", "train-2", "train-3"]


def test_a_gap_is_not_filled_and_other_names_do_not_count(tmp_path):
    for name in ("train-2", "train-10", "train-10.bak", "train-x", "train-", "train--99", "evaluate-70"):
        (tmp_path / name).mkdir()
    assert new_folder(tmp_path).name == "train-11"
    (tmp_path / "train-2").rmdir()
    assert new_folder(tmp_path).name == "train-12"
    (tmp_path / "train-20").write_bytes(b"a file is in the way as well")
    assert new_folder(tmp_path).name == "train-21"


def test_runs_that_start_together_get_folders_of_their_own(tmp_path):
    made = []
    threads = [threading.Thread(target=lambda: made.append(new_folder(tmp_path).name)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(f"train-{number}" for number in range(1, 13))


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "runs").write_bytes(b"")
    with pytest.raises(TinysightError, match=r"cannot make a run in .*runs"):
        new_folder(tmp_path / "runs")


def test_a_record_comes_back(tmp_path):
    write_record(tmp_path, {"plan": {"seed": 1}, "name": "Blüte"})
    assert read_record(tmp_path) == {"format": "tinysight-run 1", "plan": {"seed": 1}, "name": "Blüte"}
    assert [path.name for path in tmp_path.iterdir()] == [RECORD]


@pytest.mark.parametrize("where", [".", "missing"])
def test_a_folder_without_a_record_is_not_a_run(tmp_path, where):
    with pytest.raises(UsageError, match=r"is not a run: it has no run\.json"):
        read_record(tmp_path / where)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b"null", b"7", b"{}", b'{"format": "tinysight-run 2"}', b'{"format": null}'],
)
def test_a_damaged_record_is_refused(tmp_path, content):
    (tmp_path / RECORD).write_bytes(content)
    with pytest.raises(UsageError, match=r"run\.json (cannot be read|is not a record)"):
        read_record(tmp_path)


def test_a_record_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / RECORD).mkdir()
    with pytest.raises(UsageError, match=r"run\.json cannot be read"):
        read_record(tmp_path)


def test_metrics_are_these_bytes(tmp_path):
    write_metrics(tmp_path, ("epoch", "loss"), [(1, 0.1 + 0.2), (2, 1e-07), (3, "a,b")])
    assert (tmp_path / METRICS).read_bytes() == b'epoch,loss\n1,0.30000000000000004\n2,1e-07\n3,"a,b"\n'
    write_metrics(tmp_path, ("epoch", "loss"), [])
    assert (tmp_path / METRICS).read_bytes() == b"epoch,loss\n"


def test_what_cannot_be_written_is_named(tmp_path):
    with pytest.raises(TinysightError, match=r"cannot write .*gone.*curves\.svg: "):
        write(tmp_path / "gone", "curves.svg", "<svg/>")
