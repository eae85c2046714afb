"""HDF5 files in whose text heap or damaged structure the C library would hang or crash."""

import subprocess
import sys
import time

import pytest

from tinysight.importers.hdf5_heap import SIGNATURE, heap_problem
from tinysight.importers.keras_h5 import read_keras_h5

h5py = pytest.importorskip("h5py", reason="needs h5py")
import h5_writer  # noqa: E402 - ours, and it needs h5py


@pytest.fixture
def arrays(make_checkpoint):
    return make_checkpoint(alpha=0.25, num_classes=7).arrays


# In another process, for a hang or a crash of the C library must fail the test and not end it.
READ = """
import sys
from tinysight.errors import CheckpointError
from tinysight.importers.keras_h5 import read_keras_h5
try:
    read_keras_h5(sys.argv[1])
except CheckpointError as error:
    print(error)
"""


def read_elsewhere(path):
    command = [sys.executable, "-c", READ, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.fixture
def texts_of_any_length(tmp_path, arrays):
    """A file whose attributes are texts of variable length, as Keras 3 writes them."""
    path = tmp_path / "named.h5"
    with h5py.File(path, "w") as root:
        h5_writer.legacy(root, arrays, style=3)
    assert len(read_keras_h5(path).arrays) == 137
    return path


def test_a_text_heap_that_hangs_the_library_is_refused(texts_of_any_length):
    data = bytearray(texts_of_any_length.read_bytes())
    first = data.index(b"GCOL") + 16
    data[first : first + 16] = bytes(16)  # free space of no size
    texts_of_any_length.write_bytes(data)
    assert "damaged text heap" in read_elsewhere(texts_of_any_length)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (8, (1 << 40).to_bytes(8, "little"), "runs past the end of the file"),
        (24, (1 << 40).to_bytes(8, "little"), "holds an object of 1099511627776 bytes"),
        (16, bytes(2) + bytes(6) + (8).to_bytes(8, "little"), "holds an object of 8 bytes"),
    ],
)
def test_text_heaps_are_walked_before_the_library_does(texts_of_any_length, place, value, words):
    data = bytearray(texts_of_any_length.read_bytes())
    assert heap_problem(bytes(data)) is None
    start = data.index(b"GCOL")
    data[start + place : start + place + len(value)] = value
    assert words in str(heap_problem(bytes(data)))


@pytest.mark.parametrize("inside", [b"", b"\1\0" + bytes(6) + (16).to_bytes(8, "little")], ids=["empty", "nested"])
def test_collections_inside_collections_are_walked_a_bounded_number_of_times(inside):
    """Each collection is the content of an object of all those before it; 1 MB of that took minutes."""
    start = b"\x89HDF\r\n\x1a\n" + bytes(5) + b"\x08\x08" + bytes(9)
    step, count = len(inside) + 16, 200_000 if not inside else 3_200
    end = len(start) + step * count
    data = bytearray(start)
    for _ in range(count):
        here = len(data) + len(inside)
        data += inside + SIGNATURE + (end - here if inside else 16).to_bytes(8, "little")
    before = time.process_time()
    assert "more than 100000 objects" in str(heap_problem(bytes(data)))
    assert time.process_time() - before < 2


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_addresses_of_another_size_are_refused(tmp_path, arrays, libver):
    path = tmp_path / "model.h5"
    with h5py.File(path, "w", libver=libver) as root:
        h5_writer.legacy(root, arrays, style=3)
    assert len(read_keras_h5(path).arrays) == 137
    data = bytearray(path.read_bytes())
    data[13 if libver == "earliest" else 9] = 4
    assert "not eight bytes" in str(heap_problem(bytes(data)))


def test_a_text_type_that_crashes_the_library_is_refused(texts_of_any_length):
    data = bytearray(texts_of_any_length.read_bytes())
    variable_length_text = b"\x19\x01\x00\x00\x10\x00\x00\x00"  # class 9, kind 1 of 0 and 1
    data[data.index(variable_length_text, data.index(b"weight_names")) + 1] = 3
    texts_of_any_length.write_bytes(data)
    message = read_elsewhere(texts_of_any_length)
    assert "attribute weight_names" in message
    assert "is not text" in message


FLIP = """
import h5py, numpy as np, sys
from tinysight.errors import CheckpointError
from tinysight.importers.keras_h5 import read_keras_h5
path, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = np.random.default_rng(seed)
data = open(path, "rb").read()
with h5py.File(path) as root:
    values = np.zeros(len(data), bool)
    def mark(name, found):
        if isinstance(found, h5py.Dataset):
            values[found.id.get_offset() :][: found.nbytes] = True
    root.visititems(mark)
structure = np.flatnonzero(~values)
refused = 0
for _ in range(count):
    damaged = bytearray(data)
    place = int(rng.integers(len(data)) if rng.random() < 0.3 else rng.choice(structure))
    damaged[place] ^= 1 << int(rng.integers(8))
    open(path + ".h5", "wb").write(damaged)
    try:
        imported = read_keras_h5(path + ".h5")
    except CheckpointError:
        refused += 1
    else:
        assert all(np.isfinite(array).all() for array in imported.arrays.values())
print(refused)
"""


def test_single_bit_flips_are_refused_or_finite(texts_of_any_length):
    start = time.monotonic()
    command = [sys.executable, "-c", FLIP, str(texts_of_any_length), "1", "150"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stderr == ""
    assert int(result.stdout) > 15
    assert time.monotonic() - start < 60
