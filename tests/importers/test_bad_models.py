"""Every hostile or broken model file of ../shared is refused quickly, in one line that names it."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("h5py", reason="needs h5py")

# What the message has to say, beside the file's name.
WORDS = {
    "h5_external_link.h5": "/conv1 is a link",
    "h5_external_link_abs.h5": "/conv1 is a link",
    "h5_external_dataset.h5": "/conv1/kernel:0 is an external dataset",
    "h5_virtual_dataset.h5": "/conv1/kernel:0 is a virtual dataset",
    "h5_shape_bomb.h5": "/conv1/kernel:0",
    "h5_names_bomb.h5": "2999 more",
    "h5_nan.h5": "conv1.kernel",
    "h5_wrong_shape.h5": "conv1.kernel has shape (32, 3, 3, 3), expected (3, 3, 3, filters)",
    "h5_int.h5": "/conv1/conv1/kernel:0 has dtype int32",
    "h5_strings.h5": "/conv1/kernel:0 has dtype",
    "h5_truncated.h5": "cut short",
    "h5_html.h5": "web page",
    "h5_lfs.h5": "Git LFS pointer",
    "empty.h5": "0 bytes",
    "keras_lambda.keras": "layer l is a Lambda",
    "keras_module_call.keras": "does not list the layers of a Keras model",
    "keras_zip_slip.keras": "member model.weights.h5 is missing",
    "keras_zip_bomb.keras": "member model.weights.h5 declares 268435456 bytes",
    "keras_duplicate_member.keras": "member 'config.json' stands twice",
    "pickle_as.h5": "pickle",
    "pickle_as.safetensors": "pickle",
    "pickle_zip.pt": "pickle",
    "object_array.npz": ".npz",
    "tfl_random.tflite": "TensorFlow Lite",
    "onnx_loop_forever.onnx": "ONNX",
}

# One process for all files, whose peak memory is measured; printing is its own, so a line of anyone else shows up.
IMPORT_ALL = """
import json, sys, time
from tinysight.errors import CheckpointError
from tinysight.importers import import_file
def peak_kib():
    # Not getrusage: its peak begins with what the parent of this process had.
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
for path in sys.argv[1:]:
    start = time.monotonic()
    try:
        import_file(path)
        message = None
    except CheckpointError as error:
        message = str(error)
    print(json.dumps([path, message, time.monotonic() - start, peak_kib()]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="platform: needs /proc")
def test_all_are_refused_in_bounded_time_and_memory(shared):
    folder = shared / "data" / "bad_models"
    with (folder / "manifest.csv").open(newline="") as file:
        names = [row["file"] for row in csv.DictReader(file) if not row["file"].startswith("labels_")]
    command = [sys.executable, "-c", IMPORT_ALL, *(str(folder / name) for name in names)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stderr == ""
    assert "root:x" not in result.stdout
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == len(names) > 60
    for name, (path, message, seconds, peak_kib) in zip(names, rows, strict=True):
        assert message is not None, f"{name} was accepted"
        assert path in message
        assert "\n" not in message
        assert len(message) < 600
        assert WORDS.get(name, "") in message, message
        assert seconds < 5, name
        assert peak_kib < 200 << 10, name
