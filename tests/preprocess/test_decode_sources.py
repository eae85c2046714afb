"""Every form a picture can come in, every form that is none, and what else is not a picture's content."""

import io
import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from picture_makers import gradient, saved
from PIL import Image

from tinysight.errors import IMAGE_REASONS, ImageError, UsageError
from tinysight.preprocess import MAX_BYTES, decode, read_picture

PICTURE = gradient(20, 30)
DATA = saved(PICTURE, "PNG")


class NamedPath:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return self.path


def reason_of(source, **limits) -> str:
    with pytest.raises(ImageError) as caught:
        decode(source, **limits)
    message = str(caught.value)
    assert message.isprintable()
    assert message
    assert caught.value.reason in IMAGE_REASONS
    return caught.value.reason


def test_all_sources_give_the_same_pixels(tmp_path):
    path = tmp_path / "no ending"
    path.write_bytes(DATA)
    image = Image.fromarray(PICTURE)
    with path.open("rb") as file, path.open("rb", buffering=0) as raw:
        sources = [
            *(str(path), path, NamedPath(os.fsencode(path)), NamedPath(str(path))),
            *(DATA, bytearray(DATA), memoryview(DATA), io.BytesIO(DATA), file, raw),
            *(image, PICTURE, PICTURE[::-1][::-1], np.asfortranarray(PICTURE)),
        ]
        for source in sources:
            picture = read_picture(source)
            np.testing.assert_array_equal(picture.pixels, PICTURE)
            assert (picture.width, picture.height) == (30, 20)
            assert picture.pixels.flags.writeable
            assert picture.pixels.flags.c_contiguous
        assert not file.closed


def test_names_of_any_bytes(tmp_path):
    for name in [b"not utf8 \xff\xfe", "\N{BLACK STAR} \x1b[31m\n".encode(), b"-rf", b"a" * 250]:
        path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118
        Path(os.fsdecode(path)).write_bytes(DATA)
        np.testing.assert_array_equal(decode(os.fsdecode(path)), PICTURE)
        Path(os.fsdecode(path)).write_bytes(b"nonsense")
        assert reason_of(os.fsdecode(path)) == "not_an_image"


def test_a_stream_is_read_from_where_it_stands_and_left_open():
    stream = io.BytesIO(b"front matter" + DATA)
    stream.seek(12)
    np.testing.assert_array_equal(decode(stream), PICTURE)
    assert not stream.closed
    assert reason_of(stream) == "empty"


def test_streams_that_fail():
    class Broken:
        def __init__(self, answer):
            self.answer = answer

        def read(self, _size):
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer

    assert reason_of(Broken(OSError("gone"))) == "unreadable"
    assert reason_of(Broken(KeyError("odd"))) == "unreadable"
    assert reason_of(Broken(None)) == "unreadable"
    assert reason_of(Broken(b"never ends" * 100), max_bytes=5000) == "file_too_large"
    closed = io.BytesIO(DATA)
    closed.close()
    assert reason_of(closed) == "unreadable"
    with pytest.raises(UsageError, match="rb"):
        decode(io.StringIO("text"))


@pytest.mark.parametrize("source", [None, 7, 1.5, [1, 2], {"a": 1}, NamedPath(3), object(), int], ids=str)
def test_what_is_no_source_is_a_usage_error(source):
    with pytest.raises(UsageError):
        decode(source)


@pytest.mark.parametrize("limits", [{"wanted_px": 0}, {"max_pixels": -1}, {"max_bytes": 1.5}, {"wanted_px": True}])
def test_limits_are_whole_and_positive(limits):
    with pytest.raises(UsageError, match=next(iter(limits))):
        decode(PICTURE, **limits)


def test_paths_that_are_no_files(tmp_path):
    assert reason_of(tmp_path) == "not_a_regular_file"
    assert reason_of(tmp_path / "missing.jpg") == "not_found"
    assert reason_of("") == "not_found"
    assert reason_of("a\0b") == "not_found"
    assert reason_of("x" * 5000) == "unreadable"
    file = tmp_path / "file.png"
    file.write_bytes(DATA)
    assert reason_of(file / "below") == "not_found"
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert reason_of(loop) == "unreadable"
    (tmp_path / "link").symlink_to(file)
    np.testing.assert_array_equal(decode(tmp_path / "link"), PICTURE)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="platform has no pipes with names")
def test_pipes_devices_and_sockets_never_block(tmp_path):
    fifo = tmp_path / "fifo.jpg"
    os.mkfifo(fifo)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        results = []
        sources = [fifo, tmp_path / "s", "/dev/zero", "/dev/null"]
        thread = threading.Thread(target=lambda: results.extend(reason_of(source) for source in sources), daemon=True)
        thread.start()
        thread.join(5)
    assert results == ["not_a_regular_file"] * 4


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="platform has no pipes with names")
def test_what_is_no_file_is_not_even_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    assert reason_of(tmp_path / "fifo") == "not_a_regular_file"


def test_a_name_that_changes_hands_is_looked_at_again(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_bytes(DATA)
    regular = os.stat(file)  # noqa: PTH116
    monkeypatch.setattr(os, "stat", lambda *_args, **_options: regular)
    assert reason_of("/dev/zero") == "not_a_regular_file"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(DATA)
    path.chmod(0)
    assert reason_of(path) == "permission_denied"


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "sparse.jpg"
    with path.open("wb") as file:
        file.truncate(20 << 30)
    assert reason_of(path) == "file_too_large"
    path.write_bytes(DATA)
    assert reason_of(path, max_bytes=len(DATA) - 1) == "file_too_large"
    assert reason_of(io.BytesIO(DATA), max_bytes=len(DATA) - 1) == "file_too_large"
    np.testing.assert_array_equal(decode(path, max_bytes=len(DATA)), PICTURE)
    np.testing.assert_array_equal(decode(io.BytesIO(DATA), max_bytes=len(DATA)), PICTURE)
    assert MAX_BYTES == 268_435_456


def test_the_message_names_the_file_in_one_safe_line(tmp_path):
    path = tmp_path / "evil\x1b[31m\n.jpg"
    path.write_bytes(b"")
    with pytest.raises(ImageError) as caught:
        decode(path)
    message = str(caught.value)
    assert message.endswith(r"evil\x1b[31m\n.jpg: the file is empty")


def test_no_file_stays_open(tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    good.write_bytes(DATA)
    bad.write_bytes(DATA[:60])
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("platform does not list open files")
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        decode(good)
        assert reason_of(bad) == "truncated"
    assert len(os.listdir("/proc/self/fd")) == before


def test_arrays_grey_and_with_alpha():
    grey = PICTURE[..., 0]
    as_rgb = np.repeat(grey[..., None], 3, axis=2)
    np.testing.assert_array_equal(decode(grey), as_rgb)
    np.testing.assert_array_equal(decode(grey[..., None]), as_rgb)
    np.testing.assert_array_equal(decode(grey.T), as_rgb.swapaxes(0, 1))
    rgba = np.dstack([PICTURE, np.full((20, 30), 255, np.uint8)])
    np.testing.assert_array_equal(decode(rgba), PICTURE)
    rgba[..., 3] = 0
    assert (decode(rgba) == 255).all()
    rgba[:] = (0, 100, 200, 51)  # a fifth of the colour, four fifths of white
    assert decode(rgba)[3, 4].tolist() == [204, 224, 244]


def test_an_array_is_copied_never_changed():
    source = PICTURE.copy()
    source.flags.writeable = False
    result = decode(source)
    result[:] = 0
    np.testing.assert_array_equal(source, PICTURE)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((4, 4, 3), np.float32), "unsupported_pixels"),
        (np.full((4, 4, 3), np.nan), "unsupported_pixels"),
        (np.zeros((4, 4, 3), np.uint16), "unsupported_pixels"),
        (np.zeros((4, 4, 3), bool), "unsupported_pixels"),
        (np.zeros((4, 4), object), "unsupported_pixels"),
        (np.zeros((3, 4, 5), np.uint8), "unsupported_pixels"),
        (np.zeros((4, 4, 2), np.uint8), "unsupported_pixels"),
        (np.zeros(12, np.uint8), "unsupported_pixels"),
        (np.zeros((1, 4, 4, 3), np.uint8), "unsupported_pixels"),
        (np.zeros((), np.uint8), "unsupported_pixels"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        (np.zeros((4, 0), np.uint8), "empty"),
        (np.broadcast_to(np.uint8(0), (8001, 8000, 3)), "too_many_pixels"),
        (np.broadcast_to(np.uint8(0), (131_073, 1)), "too_many_pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.dtype} {value.shape}",
)
def test_arrays_that_are_no_pictures(array, reason):
    assert reason_of(array) == reason


any_dtype = st.one_of(hnp.scalar_dtypes(), hnp.array_dtypes(), st.just(np.dtype(np.uint8)), st.just(np.dtype(np.uint8)))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_array_gives_a_picture_or_an_image_error(data):
    dtype = data.draw(any_dtype)
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5))
    array = np.zeros(shape, dtype)
    for axis in range(array.ndim):
        step = data.draw(st.sampled_from([1, -1, 2, -2]))
        array = array[(slice(None),) * axis + (slice(None, None, step),)]
    try:
        pixels = decode(array)
    except ImageError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.shape == (*array.shape[:2], 3)
    assert array.dtype == np.uint8


def test_pillow_images_that_cannot_be_read():
    image = Image.open(io.BytesIO(saved(gradient(100, 100), "JPEG")[:-400]))
    assert reason_of(image) == "truncated"
    assert reason_of(Image.new("RGB", (0, 5))) == "empty"
    closed = Image.open(io.BytesIO(DATA))
    closed.close()
    assert reason_of(closed) == "corrupt"
    assert reason_of(Image.new("1", (8001, 8000))) == "too_many_pixels"


def test_a_pillow_image_is_left_as_it_was():
    image = Image.fromarray(PICTURE).quantize(16)
    image.info["transparency"] = 3
    before = image.tobytes(), image.mode, dict(image.info)
    decode(image)[:] = 0
    assert (image.tobytes(), image.mode, dict(image.info)) == before
