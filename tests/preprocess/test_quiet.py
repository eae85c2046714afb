"""Nothing a decoder has to say gets out, and nothing of other code is silenced."""

import contextlib
import io
import logging
import random
import threading
import warnings

import pytest
from picture_makers import gradient, saved, tiff
from PIL import Image

from tinysight.errors import ImageError
from tinysight.preprocess import decode
from tinysight.preprocess.quiet import quiet

GREY = Image.fromarray(gradient(64, 64)[..., 0])


def damaged_tiffs() -> list[bytes]:
    rng = random.Random(3)
    files = []
    for options in ({"compression": "group4"}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}, {}):
        data = saved(GREY.convert("1") if "group4" in options.values() else GREY, "TIFF", **options)
        for _ in range(25):
            broken = bytearray(data)
            for _ in range(3):
                broken[rng.randrange(8, len(broken))] = rng.randrange(256)
            files.append(bytes(broken))
    return files


def test_libtiff_and_warnings_and_the_log_stay_silent(silent_stderr):
    size = {256: (4, 1, 8), 257: (4, 1, 8)}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for data in [*damaged_tiffs(), tiff(size | {277: (4, 1, 9999), 273: (4, 1, 8)})]:
            try:
                decode(data)
            except ImageError:
                continue
    assert caught == []


def test_warnings_as_errors_do_not_refuse_a_good_picture():
    data = saved(GREY, "TIFF", tiffinfo={305: "x"})
    at = data.index(b"\x31\x01\x02\0")  # the Software tag: now it points behind the end
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(data[: at + 4] + b"\xff\0\0\0\xff\xff\xff\0" + data[at + 12 :]).shape == (64, 64, 3)


def test_all_is_as_before_afterwards():
    filters, disabled = list(warnings.filters), logging.getLogger("PIL.TiffImagePlugin").disabled
    with quiet(), quiet():
        assert warnings.filters != filters
    assert warnings.filters == filters
    assert logging.getLogger("PIL.TiffImagePlugin").disabled == disabled
    with pytest.warns(UserWarning, match="mine"), quiet():
        warnings.warn("mine", UserWarning, stacklevel=1)


def test_libtiff_speaks_to_others_as_before(capfd):
    for read in (decode, lambda data: Image.open(io.BytesIO(data)).load()):
        assert capfd.readouterr().err == ""
        for data in damaged_tiffs()[:25]:
            with contextlib.suppress(ImageError, OSError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(data)
    assert "Fax4Decode" in capfd.readouterr().err


def test_overlapping_threads_put_things_back():
    filters = list(warnings.filters)
    files = damaged_tiffs()[:40]
    wrong = []

    def work():
        for data in files:
            try:
                decode(data)
            except ImageError:
                continue
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert warnings.filters == filters
