"""HDF5 files that point out of themselves, lie about their size, or are cut short."""

import threading

import numpy as np
import pytest

from tinysight.errors import CheckpointError
from tinysight.importers.keras_h5 import read_keras_h5

h5py = pytest.importorskip("h5py", reason="needs h5py")
import h5_writer  # noqa: E402 - ours, and it needs h5py

KERNEL = "conv1/conv1/kernel:0"


@pytest.fixture
def arrays(make_checkpoint):
    return make_checkpoint(alpha=0.25, num_classes=7).arrays


@pytest.fixture
def path(tmp_path, arrays):
    """A good file, to be spoilt."""
    with h5py.File(tmp_path / "model.h5", "w") as root:
        h5_writer.legacy(root, arrays)
    return tmp_path / "model.h5"


def refused(path, *words):
    with pytest.raises(CheckpointError) as caught:
        read_keras_h5(path)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    assert all(word in message for word in [path.name, *words]), message


def replace(path, name, make):
    with h5py.File(path, "a") as root:
        del root[name]
        make(root)


def other_file(path, arrays):
    other = path.with_name("other.h5")
    with h5py.File(other, "w") as root:
        h5_writer.legacy(root, arrays)
    return other


@pytest.mark.parametrize("name", ["conv1", "conv1/conv1", KERNEL])
def test_links_are_refused_at_every_step(path, arrays, name):
    other_file(path, arrays)
    replace(path, name, lambda root: root.__setitem__(name, h5py.ExternalLink("other.h5", name)))
    refused(path, name, "is a link")
    replace(path, name, lambda root: root.__setitem__(name, h5py.SoftLink("/conv1_bn")))
    refused(path, name, "is a link")


def test_external_and_virtual_datasets_are_refused(path, arrays):
    other = other_file(path, arrays)
    secret = path.with_name("secret.bin")
    secret.write_bytes(b"root:x:0:0" + bytes(1000))

    def external(root):
        root.create_dataset(KERNEL, shape=(3, 3, 3, 8), dtype="<f4", external=[(str(secret), 0, 864)])

    replace(path, KERNEL, external)
    refused(path, KERNEL, "external dataset")

    def virtual(root):
        layout = h5py.VirtualLayout(shape=(3, 3, 3, 8), dtype="<f4")
        layout[...] = h5py.VirtualSource(other, KERNEL, shape=(3, 3, 3, 8))
        root.create_virtual_dataset(KERNEL, layout)

    replace(path, KERNEL, virtual)
    refused(path, KERNEL, "virtual dataset")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shape": (1 << 20, 1 << 20), "chunks": (1024, 1024), "dtype": "<f4", "compression": "gzip"}, ["compressed"]),
        ({"shape": (1 << 20, 1 << 20), "chunks": (1024, 1024), "dtype": "<f4"}, ["stores 0 of 4398046511104 bytes"]),
        ({"shape": (1 << 20, 1 << 20), "dtype": "<f4"}, ["stores 0 of"]),
        ({"shape": (3, 3, 3, 8), "chunks": (3, 3, 3, 64), "maxshape": (3, 3, 3, None), "dtype": "<f4"}, ["chunks"]),
        ({"data": np.ones((3, 3, 3, 8), "<i4")}, ["int32"]),
        ({"data": np.ones((3, 3, 3, 8), "<c8")}, ["complex64"]),
        ({"data": np.ones((3, 3, 3, 8), [("a", "<f4")])}, ["dtype"]),
        ({"data": ["a", "b"]}, ["dtype"]),
        ({"data": h5py.Empty("<f4")}, ["holds no values"]),
        ({"data": np.ones((8, 3, 3, 3), "<f4")}, ["conv1.kernel", "(8, 3, 3, 3)", "(3, 3, 3, filters)"]),
        ({"shape": (1 << 40,) * 31 + (0,), "dtype": "<f4"}, ["conv1.kernel", "...", "(3, 3, 3, filters)"]),
        ({"data": np.ones((3, 3, 3, 9), "<f4")}, ["no width multiplier"]),
        ({"data": np.full((3, 3, 3, 8), np.inf, "<f4")}, ["conv1.kernel", "not finite"]),
        ({"data": np.zeros((3, 3, 3, 8), "<f4")}, ["conv1.kernel", "only zeros"]),
    ],
)
def test_arrays_that_are_not_plain_floats_of_the_right_shape(path, options, words):
    replace(path, KERNEL, lambda root: root.create_dataset(KERNEL, **options))
    refused(path, *words)


def test_declared_size_is_compared_with_the_file(tmp_path, make_checkpoint):
    # Five kernels of the same shape are one stored array under five names: more is declared than the file holds.
    arrays = make_checkpoint(alpha=0.5, num_classes=7).arrays
    with h5py.File(tmp_path / "shared.h5", "w") as root:
        h5_writer.legacy(root, {n: a for n, a in arrays.items() if n[:9] not in {f"conv_pw_{i}" for i in range(8, 10)}})
        for block in (8, 9):
            layer = f"conv_pw_{block}"
            root[f"{layer}/{layer}/kernel:0"] = root["conv_pw_7/conv_pw_7/kernel:0"]
            root[layer].attrs["weight_names"] = [f"{layer}/kernel:0".encode()]
            root[f"{layer}_bn"] = root["conv_pw_7_bn"]
            root[f"{layer}_bn"].attrs["weight_names"] = root["conv_pw_7_bn"].attrs["weight_names"]
        names = [name.split(".")[0].encode() for name in arrays]
        root.attrs["layer_names"] = list(dict.fromkeys(names))
    refused(tmp_path / "shared.h5", "declares arrays of")


@pytest.mark.parametrize(
    ("name", "attribute", "value", "words"),
    [
        ("/", "layer_names", [b"x%07d" % i for i in range(3000)], ["x0000000", "2999 more"]),
        ("/", "layer_names", [b"conv1", b"conv1"], ["layer conv1", "unexpected weight"]),
        ("/", "layer_names", [b"../conv1"], ["not a name"]),
        ("/", "layer_names", [b"."], ["not a name"]),
        ("/", "layer_names", [b"caf\xe9"], ["layer_names"]),
        ("/", "layer_names", np.arange(5), ["layer_names"]),
        ("/", "layer_names", h5py.Empty("S5"), ["layer_names"]),
        ("conv1", "weight_names", [b"conv1/../kernel:0"], ["kernel"]),
        ("conv1", "weight_names", [b"/conv1_bn/gamma:0"], ["layer conv1", "unexpected weight"]),
        ("conv1", "weight_names", [b"conv1/nothing/kernel:0"], ["conv1.kernel", "is missing"]),
        ("conv1", "weight_names", [b"conv1/quantiser:0"], ["unexpected weight"]),
        ("conv1_bn", "weight_names", [b"conv1_bn/gamma:0"], ["conv1_bn.beta", "is missing"]),
        ("conv_pw_1_relu", "weight_names", [b"a/kernel:0"], ["conv_pw_1_relu", "not part of MobileNet v1"]),
    ],
)
def test_attributes_that_lie(path, name, attribute, value, words):
    with h5py.File(path, "a") as root:
        root[name].attrs[attribute] = value
    refused(path, *words)


def test_control_characters_do_not_reach_the_message(path):
    with h5py.File(path, "a") as root:
        root.attrs["layer_names"] = [b"\x1b[31mred\r\n"]
    refused(path, r"\x1b[31mred")


def test_a_group_cycle_and_a_group_in_place_of_an_array(path, arrays):
    with h5py.File(path, "a") as root:
        root["conv1/loop"] = root["/"]
    assert len(read_keras_h5(path).arrays) == 137
    replace(path, KERNEL, lambda root: root.create_group(KERNEL))
    refused(path, KERNEL, "should be an array")


def test_other_hdf5_files_say_what_they_hold(tmp_path):
    with h5py.File(tmp_path / "data.h5", "w") as root:
        root["temperatures"] = np.ones(3)
    refused(tmp_path / "data.h5", "without Keras weights", "temperatures")
    with h5py.File(tmp_path / "many.h5", "w") as root:
        for index in range(1001):
            root.create_group(f"layers/dense_{index}")
    refused(tmp_path / "many.h5", "/layers", "1001 members")


def test_a_nested_or_longer_model_is_refused_by_its_layer(tmp_path, arrays):
    with h5py.File(tmp_path / "dense.weights.h5", "w") as root:
        h5_writer.numbered(root, arrays, names=False)
        root["layers/dense/vars/0"] = np.ones((7, 2), "<f4")
    refused(tmp_path / "dense.weights.h5", "layer dense", "not part of MobileNet v1")
    with h5py.File(tmp_path / "extra.weights.h5", "w") as root:
        h5_writer.numbered(root, arrays, names=False)
        root["layers/conv2d_15/vars/0"] = np.ones((1, 1, 7, 2), "<f4")
    refused(tmp_path / "extra.weights.h5", "conv2d_15", "not part of MobileNet v1")


def test_a_name_that_is_not_utf8(tmp_path, arrays):
    path = tmp_path / "latin1.weights.h5"
    with h5py.File(path, "w") as root:
        h5_writer.numbered(root, arrays, names=True)
        root["layers"].id.move(b"conv2d_3", b"caf\xe9")
    refused(path, "/layers", "not UTF-8")


def test_a_member_that_cannot_be_found(path, monkeypatch):
    # Damage to a group's index lists a name that a search does not find.
    with h5py.File(path, "w") as root:
        root.create_group("layers/conv2d/vars")
    monkeypatch.setattr("tinysight.importers.hdf5.Hdf5File.members", lambda *_: ["conv2d_1"])
    refused(path, "conv2d_1", "cannot be found")


def test_cut_anywhere(path):
    data = path.read_bytes()
    for size in (9, 100, 2000, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:size])
        refused(path)


def test_nothing_of_the_library_reaches_stderr(path, capfd):
    path.write_bytes(path.read_bytes()[:5000])
    refused(path)
    thread = threading.Thread(target=lambda: refused(path))  # the library keeps an error handler per thread
    thread.start()
    thread.join()
    assert capfd.readouterr() == ("", "")
