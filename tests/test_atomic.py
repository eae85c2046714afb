import os
import stat

import pytest

from tinysight.atomic import atomic_path, write_atomically, write_folder_atomically


def test_a_file_is_replaced_whole_and_nothing_is_left(tmp_path):
    target = tmp_path / "x.bin"
    target.write_bytes(b"old")
    write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["x.bin"]


def test_an_error_inside_leaves_the_old_file(tmp_path):
    target = tmp_path / "x.bin"
    target.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.bin"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "real.bin").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real.bin")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real.bin").read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="platform: pipes with names")
def test_a_pipe_or_a_folder_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(OSError, match="not a regular file"):
            write_atomically(tmp_path / name, b"x")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_long_names_of_any_script_can_be_written(tmp_path):
    target = tmp_path / ("\u6c34" * 80)
    write_atomically(target, b"x")
    assert target.read_bytes() == b"x"


def test_a_folder_is_written_whole_and_replaced_by_the_next(tmp_path):
    target = tmp_path / "site"
    write_folder_atomically(target, {"index.html": b"old", "parts/a.js": b"1"})
    write_folder_atomically(target, {"index.html": b"new", "parts/a.js": b"2", "parts/b.js": b"3"})
    assert (target / "index.html").read_bytes() == b"new"
    assert sorted(os.listdir(target / "parts")) == ["a.js", "b.js"]
    assert os.listdir(tmp_path) == ["site"]


@pytest.mark.parametrize("kind", ["file", "link", "holds more", "holds more below"])
def test_a_folder_replaces_nothing_that_is_not_such_a_folder(tmp_path, kind):
    target, other = tmp_path / "site", tmp_path / "other"
    other.mkdir()
    if kind == "file":
        target.write_bytes(b"mine")
    elif kind == "link":
        target.symlink_to(other)
    else:
        (target / "parts").mkdir(parents=True)
        (target / ("parts/mine.txt" if kind.endswith("below") else "photo.jpg")).write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OSError, match="folder"):
        write_folder_atomically(target, {"index.html": b"new", "parts/a.js": b"1"})
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    target = tmp_path / "site"
    write_folder_atomically(target, {"a": b"old"})
    with pytest.raises(OSError, match="exists"):
        write_folder_atomically(target, {"a": b"new", "a/b": b"cannot be"})
    assert (target / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["site"]
