"""Temporary folders: one owner each, taken over by one process, found again after a crash, swept in the end."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from store_helpers import names

from tinysight.errors import StoreError
from tinysight.store import workspace
from tinysight.store.lock import locked
from tinysight.store.owner import Owner, parse_owner, this_process
from tinysight.store.resume import Origin, origin_from_json, validator

MODEL = "mobilenet_v1_1.0_224"
ENDED = Owner(this_process().machine, 2**22 + 1, 5)  # above the largest process number of Linux


def orphan(folder, owner=ENDED, size=10, model=MODEL):
    path = folder / f".{model}.{owner}.0123abcd.part"
    path.mkdir(mode=0o700)
    (path / "body").write_bytes(bytes(size))
    return path


def test_an_owner_is_read_back_and_this_process_runs():
    assert parse_owner(str(this_process())) == this_process()
    assert this_process().is_here
    assert not this_process().is_gone
    assert ENDED.is_gone
    assert parse_owner("x") is None


def test_a_process_number_that_is_used_again_is_another_process():
    again = Owner(this_process().machine, os.getpid(), this_process().start_ticks + 1)
    assert again.is_gone
    parent = Owner(this_process().machine, os.getppid(), 1)
    assert parent.is_gone


def test_a_child_that_was_killed_is_gone_even_before_it_is_waited_for():
    code = "from tinysight.store.owner import this_process; print(this_process(), flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with child:
        owner = parse_owner(child.stdout.readline().strip())
        assert owner is not None
        assert not owner.is_gone
        child.kill()
        deadline = time.monotonic() + 5
        while not owner.is_gone and time.monotonic() < deadline:
            time.sleep(0.01)
        assert owner.is_gone


def test_abandoned_folders_are_found_largest_first_and_those_in_use_are_not(tmp_path):
    small, large = orphan(tmp_path, size=5), orphan(tmp_path, Owner(ENDED.machine, 0, 0), size=50)
    orphan(tmp_path, this_process(), 500)
    orphan(tmp_path, ENDED, 5000, "mobilenet_v1_1.0_224x")
    (tmp_path / f".{MODEL}.nonsense.part").mkdir()
    assert list(workspace.abandoned(tmp_path, MODEL)) == [large, small]


def test_a_folder_of_another_machine_counts_by_age(tmp_path):
    other = orphan(tmp_path, Owner("0" * 12, 1, 1))
    assert list(workspace.abandoned(tmp_path, MODEL)) == []
    old = time.time() - workspace.ABANDONED_S - 10
    for path in (other / "body", other):
        os.utime(path, (old, old))
    assert list(workspace.abandoned(tmp_path, MODEL)) == [other]
    taken = workspace.take_over(other)
    assert taken is not None
    assert not taken.same_boot


def test_links_that_somebody_has_laid_are_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path = orphan(tmp_path)
    (path / "body").unlink()
    (path / "body").symlink_to(victim)
    real = orphan(tmp_path, Owner(ENDED.machine, 0, 0))
    link = tmp_path / f".{MODEL}.{ENDED}.ffffffff.part"
    link.symlink_to(real)
    assert list(workspace.abandoned(tmp_path, MODEL)) == [real]
    workspace.sweep(tmp_path, MODEL)
    assert victim.read_bytes() == b"precious"


def test_one_of_many_takes_a_folder_over(tmp_path):
    path = orphan(tmp_path)
    won = []
    threads = [threading.Thread(target=lambda: won.append(workspace.take_over(path))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken is not None for taken in won) == 1


def test_given_up_folders_are_kept_when_there_is_something_in_them(tmp_path):
    empty = workspace.create(tmp_path, MODEL)
    empty.give_up()
    assert names(tmp_path) == []
    full = workspace.create(tmp_path, MODEL)
    full.append(b"data")
    full.give_up()
    assert list(workspace.abandoned(tmp_path, MODEL)) == [full.path]
    workspace.sweep(tmp_path, MODEL)
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_names_the_variable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot write in the cache folder .*file/x: .*; set TINYSIGHT_CACHE"):
        workspace.create(tmp_path / "file" / "x", MODEL)


def test_the_lock_is_held_by_one_and_leaves_no_file(tmp_path):
    inside, most = [0], [0]

    def work():
        with locked(tmp_path, MODEL) as held:
            assert held
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.02)
            inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert names(tmp_path) == []


def test_who_waited_holds_the_lock_that_a_newcomer_sees(tmp_path):
    """The first holder removes the file; the second must not be content with the lock of the removed one."""
    waiting, inside, done = threading.Event(), threading.Event(), threading.Event()

    def second():
        waiting.set()
        with locked(tmp_path, MODEL):
            inside.set()
            done.wait(10)

    with locked(tmp_path, MODEL):
        thread = threading.Thread(target=second)
        thread.start()
        waiting.wait(10)
        time.sleep(0.1)
    assert inside.wait(10)
    with locked(tmp_path, MODEL, max_wait_s=0.05) as third:
        assert not third
    done.set()
    thread.join()


def test_the_lock_is_not_waited_for_for_ever_and_another_model_has_another(tmp_path):
    with locked(tmp_path, MODEL) as held:
        assert held
        with locked(tmp_path, MODEL, max_wait_s=0.1) as second:
            assert not second
        with locked(tmp_path, "other") as third:
            assert third


@pytest.mark.parametrize("error", [OSError(95, "not supported"), OSError(37, "no locks")])
def test_a_file_system_without_locks_is_no_error(tmp_path, monkeypatch, error):
    def refuse(*_):
        raise error

    monkeypatch.setattr("fcntl.flock", refuse)
    with locked(tmp_path, MODEL) as held:
        assert not held
    with locked(tmp_path / "absent", MODEL) as held:
        assert not held


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="platform: needs /proc")
def test_the_lock_is_not_inherited(tmp_path):
    code = (
        "import os\n"
        "for number in range(64):\n"
        "    try: print(os.readlink(f'/proc/self/fd/{number}'))\n"
        "    except OSError: pass\n"
    )
    with locked(tmp_path, MODEL), (tmp_path / "control").open("w") as control:
        os.set_inheritable(control.fileno(), True)
        child = subprocess.run(
            [sys.executable, "-c", code], close_fds=False, capture_output=True, text=True, check=True
        )
    assert "control" in child.stdout
    assert ".lock" not in child.stdout


def test_origins_are_read_back_and_nonsense_is_not():
    origin = Origin("http://h/x", "a" * 64, '"v"', 5)
    assert origin_from_json(origin.to_json()) == origin
    for text in (
        "",
        "[]",
        "{}",
        '{"url": 1}',
        '{"url": "x", "more": 1}',
        '{"url": "x", "total_bytes": "5"}',
        "[" * 9999,
    ):
        assert origin_from_json(text) is None


def test_what_may_stand_in_if_range():
    modified, later = "Mon, 02 Jan 2023 03:04:05 GMT", "Mon, 02 Jan 2023 03:04:06 GMT"
    assert validator({"ETag": '"v"', "Last-Modified": modified}) == '"v"'
    assert validator({"ETag": 'W/"v"', "Last-Modified": modified}) is None
    assert validator({"ETag": '""'}) is None
    assert validator({"Last-Modified": modified}) == modified
    assert validator({"Last-Modified": modified, "Date": later}) == modified
    assert validator({"Last-Modified": modified, "Date": modified}) is None
    assert validator({"Last-Modified": "yesterday"}) is None
    assert validator({}) is None
