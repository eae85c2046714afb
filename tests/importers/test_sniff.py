"""What a file is, by its content; and that files of other kinds get a line that helps."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from graph_writer import block, node, number
from hypothesis import given
from hypothesis import strategies as st

from tinysight.errors import CheckpointError, UsageError
from tinysight.importers import REFUSED, import_file, sniff


def zip_of(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 1000)
    return buffer.getvalue()


def npy():
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    return buffer.getvalue()


FILES = [
    (b"", "empty", "0 bytes"),
    (b"<!DOCTYPE html><title>Sign in</title>", "html", "web page"),
    (b"\xef\xbb\xbf \n<HTML>", "html", "web page"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "lfs", "git lfs pull"),
    (pickle.dumps({"a": 1}, protocol=2), "pickle", "never opened"),
    (pickle.dumps({"a": 1}, protocol=5), "pickle", "never opened"),
    (zip_of("archive/data.pkl", "archive/version"), "torch", "never opened"),
    (zip_of("conv1.npy"), "npz", ".npz"),
    (zip_of("readme.txt"), "zip", "zip archive"),
    (npy(), "npy", ".npy"),
    (b'{"modelTopology": {}}', "json", "JSON"),
    (b"background\ntench\n", "unknown", "no known format"),
    (bytes(1000), "unknown", "no known format"),
]


@pytest.mark.parametrize(("data", "kind", "words"), FILES, ids=lambda value: str(value)[:12])
def test_other_kinds_are_named_and_refused(tmp_path, data, kind, words):
    path = tmp_path / "model.h5"  # the name claims to be one of ours
    path.write_bytes(data)
    assert sniff(data[:512], data[-65536:]) == kind
    with pytest.raises(CheckpointError) as caught:
        import_file(path)
    message = str(caught.value)
    assert str(path) in message
    assert words in message
    assert "expected a Keras .h5" in message
    assert "\n" not in message


def test_every_refusal_has_a_file_here():
    assert {kind for _, kind, _ in FILES} == set(REFUSED)


def test_kinds_that_are_read():
    assert sniff(b"\x89HDF\r\n\x1a\n" + bytes(100)) == "hdf5"
    assert sniff(zip_of("metadata.json", "config.json", "model.weights.h5")) == "keras"
    assert sniff(node("MobilenetV1/Predictions/Reshape/shape", "Const")) == "graph"
    assert sniff(b"\x02\0\0\0\0\0\0\0{}") == "safetensors"
    assert sniff(b"\x1c\0\0\0TFL3" + bytes(20)) == "tflite"
    assert sniff(number(1, 8) + block(2, "pytorch") + block(7, b"graph")) == "onnx"
    assert sniff(number(1, 1) + block(2, bytes(100))) == "onnx"  # a SavedModel, which its reader refuses


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_any_bytes_have_a_kind(head, tail):
    assert sniff(head, tail) in {"hdf5", "keras", "graph", "onnx", "tflite", "safetensors", *REFUSED}


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        import_file(tmp_path / "nothing.h5")
    with pytest.raises(CheckpointError, match=r"not a regular file|cannot read"):
        import_file(tmp_path)
    with pytest.raises(CheckpointError, match="not a file name"):
        import_file("a\0b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="platform without named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(CheckpointError, match="not a regular file"):
        import_file(tmp_path / "pipe.h5")


def test_a_resolution_out_of_range_is_a_usage_error(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"")
    with pytest.raises(UsageError, match="resolution"):
        import_file(tmp_path / "x.h5", resolution=31)
