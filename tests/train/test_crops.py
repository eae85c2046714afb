"""Pictures that are decoded once come back as they went in, from memory or from a file that does not stay behind."""

import os
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_pictures import pictures

from tinysight.errors import ImageError, UsageError
from tinysight.train import crops as crops_file
from tinysight.train.crops import make_crops

BROKEN = ImageError("truncated", "half a picture")


@pytest.mark.parametrize("limit_bytes", [0, 30_000, 10**9])
def test_pictures_come_back(tmp_path, limit_bytes, monkeypatch):
    monkeypatch.setattr(crops_file, "_CHUNK_BYTES", 20_000)  # several chunks before the file, pictures larger than one
    given_pictures = [BROKEN, *pictures(8), BROKEN, *pictures(3, seed=1)]
    with make_crops(iter(given_pictures), 13, limit_bytes=limit_bytes, folder=tmp_path) as crops:
        assert crops.on_disk == (limit_bytes < 10**9)
        assert len(crops) == 13
        assert np.flatnonzero(~crops.readable).tolist() == sorted(crops.errors) == [0, 9]
        for index, picture in enumerate(given_pictures):
            if picture is BROKEN:
                with pytest.raises(ImageError, match="half a picture"):
                    crops[index]
            else:
                np.testing.assert_array_equal(crops[index], picture)
                assert crops.sizes[index].tolist() == list(picture.shape[:2])
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), max_size=9), st.integers(0, 800), st.integers(1, 300))
@settings(max_examples=60, deadline=None)
def test_any_sizes_limit_and_chunk(tmp_path_factory, sizes, limit_bytes, chunk_bytes):
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crops_file, "_CHUNK_BYTES", chunk_bytes)
        folder = tmp_path_factory.getbasetemp()
        with make_crops(made, len(made), limit_bytes=limit_bytes, folder=folder) as crops:
            for index, picture in enumerate(made):
                np.testing.assert_array_equal(crops[index], picture)


@pytest.mark.parametrize("limit_bytes", [0, 10**9])
def test_a_picture_is_a_view_that_nobody_can_write_to(tmp_path, limit_bytes):
    with make_crops(pictures(2), 2, limit_bytes=limit_bytes, folder=tmp_path) as crops:
        assert np.shares_memory(crops[1], crops[1])
        with pytest.raises(ValueError, match="read-only"):
            crops[1][0] = 0


def test_pictures_that_are_not_contiguous_are_copied_as_seen(tmp_path):
    picture = pictures(1)[0]
    for limit_bytes in (0, 10**9):
        with make_crops([picture[::2, ::-1]], 1, limit_bytes=limit_bytes, folder=tmp_path) as crops:
            np.testing.assert_array_equal(crops[0], picture[::2, ::-1])


def test_memory_stays_near_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(crops_file, "_CHUNK_BYTES", 1 << 20)
    stream = (np.full((400, 400, 3), index % 256, np.uint8) for index in range(60))  # 29 MB
    tracemalloc.start()
    try:
        with make_crops(stream, 60, limit_bytes=4 << 20, folder=tmp_path) as crops:
            peak = tracemalloc.get_traced_memory()[1]
            assert crops[59][0, 0].tolist() == [59] * 3
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


def test_a_killed_program_leaves_no_file(tmp_path):
    if sys.platform == "win32":
        pytest.skip("platform: files have names here")
    program = (
        "import numpy as np, os, sys; from tinysight.train.crops import make_crops\n"
        "crops = make_crops([np.zeros((9, 9, 3), np.uint8)], 1, limit_bytes=0, folder=sys.argv[1])\n"
        "assert crops.on_disk; os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == -9
    assert os.listdir(tmp_path) == []


def test_an_error_while_filling_removes_the_file_and_passes_on(tmp_path):
    def stream():
        yield pictures(1)[0]
        raise RuntimeError("the reader broke")

    with pytest.raises(RuntimeError, match="the reader broke"):
        make_crops(stream(), 2, limit_bytes=0, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_does_nothing(tmp_path):
    crops = make_crops(pictures(1), 1, limit_bytes=0, folder=tmp_path)
    crops.close()
    crops.close()
    with pytest.raises(IndexError):
        crops[0]


@pytest.mark.parametrize("count", [1, 3])
def test_another_number_of_pictures_is_refused(tmp_path, count):
    with pytest.raises(UsageError, match=f"{count} pictures were announced"):
        make_crops(pictures(2), count, folder=tmp_path)


@pytest.mark.parametrize("wrong", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), "x"])
def test_what_is_no_picture_is_refused(tmp_path, wrong):
    with pytest.raises(UsageError, match="a picture must be a uint8 array"):
        make_crops([wrong], 1, folder=tmp_path)


def test_a_missing_folder_is_an_error_only_when_a_file_is_needed(tmp_path):
    with make_crops(pictures(1), 1, folder=tmp_path / "none") as crops:
        assert not crops.on_disk
    with pytest.raises(FileNotFoundError):
        make_crops(pictures(1), 1, limit_bytes=0, folder=tmp_path / "none")
