"""Hostile and damaged model files: refused with a reason, in bounded time and memory."""

import csv
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from store_helpers import random_model

from tinysight.checkpoint import read_checkpoint, write_checkpoint
from tinysight.cli import run
from tinysight.errors import CheckpointError, TinysightError
from tinysight.models import import_model, make_probes, open_model
from tinysight.spec import Spec


def test_a_thousand_bit_flips_are_all_refused(tmp_path):
    """Card, header, length and numbers: no flip goes unnoticed, none ends in anything but a CheckpointError."""
    path = tmp_path / "model.safetensors"
    model = random_model(Spec(alpha=0.05, resolution=32, num_classes=7))
    write_checkpoint(path, replace(model, card=replace(model.card, probes=make_probes(model.card, model.arrays))))
    good = path.read_bytes()
    numbers, refused, header = random.Random(11), 0, int.from_bytes(good[:8], "little") + 8
    for count in range(1000):
        # Half of them in the header, which is a hundredth of the file.
        place = numbers.randrange(header if count % 2 else len(good))
        data = bytearray(good)
        data[place] ^= 1 << numbers.randrange(8)
        path.write_bytes(data)
        try:
            read_checkpoint(path)
        except CheckpointError:
            refused += 1
    path.write_bytes(good)
    assert read_checkpoint(path).card.spec == model.card.spec
    assert refused == 1000


def hostile_rows(shared: Path) -> list[dict[str, str]]:
    with (shared / "data" / "bad_models" / "manifest.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def outcome(action, *arguments, **options) -> str:
    """Return "" when it worked, else the message of the error, which must be one of ours."""
    try:
        action(*arguments, **options)
    except TinysightError as error:
        return str(error)
    return ""


def test_hostile_files_through_every_door(shared, tmp_path, monkeypatch, capsys):
    """RELIABILITY 9: models import and --model, in this process; the manifest says what must come of each."""
    pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    folder = shared / "data" / "bad_models"
    rows = [row for row in hostile_rows(shared) if not row["file"].startswith("labels")]
    for row in rows:
        path = folder / row["file"]
        for action in (import_model, open_model):
            start = time.monotonic()
            message = outcome(action, path)
            assert time.monotonic() - start < 5, row
            assert row["expect"] == "refuse_or_ok" or message, row
            assert not message or (row["file"] in message and "\n" not in message and len(message) < 700), row
            assert "root:" not in message
        assert run(["models", "import", str(path), "--output", "out.safetensors"]) in (0, 1), row
        (tmp_path / "out.safetensors").unlink(missing_ok=True)
    assert not list(Path("/tmp").glob("mnet_canary_*"))
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert "root:x:0" not in printed.out + printed.err
    assert len(rows) >= 70


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("h5_wrong_shape.h5", "array conv1.kernel has shape (32, 3, 3, 3), expected (3, 3, 3, filters)"),
        ("h5_int.h5", "/conv1/conv1/kernel:0 has dtype int32"),
        ("h5_external_dataset.h5", "/conv1/kernel:0 is an external dataset"),
        ("h5_names_bomb.h5", "layer x0000000 is listed in layer_names but missing (and 2999 more)"),
        ("h5_html.h5", "is a web page"),
        ("h5_lfs.h5", "is a Git LFS pointer"),
        ("pickle_as.safetensors", "is a Python pickle"),
        ("st_good.safetensors", "arrays begin with: conv1.kernel"),
        ("st_duplicate_keys.safetensors", "a name stands twice"),
    ],
)
def test_a_refusal_names_the_tensor_and_the_reason(file, part, shared):
    pytest.importorskip("h5py")
    assert part in outcome(import_model, shared / "data" / "bad_models" / file)


def test_labels_of_the_manifest(shared, graph_file):
    path = graph_file(random_model(Spec(alpha=0.25, resolution=32)))
    for row in hostile_rows(shared):
        if row["file"].startswith("labels"):
            message = outcome(import_model, path, labels=shared / "data" / "bad_models" / row["file"])
            assert bool(message) == (row["expect"] == "refuse") or row["expect"] == "refuse_or_ok", row
            assert not message or row["file"] in message


HEAVY = [
    "h5_shape_bomb.h5",
    "h5_names_bomb.h5",
    "keras_zip_bomb.keras",
    "st_many_tensors.safetensors",
    "st_deep_json.safetensors",
]


# A small process in between: a child's peak memory begins with what its parent had when it was started.
LAUNCHER = """
import os, sys, time
start = time.monotonic()
_, status, usage = os.wait4(os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:]), 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss, time.monotonic() - start)
"""


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="platform: needs wait4")
@pytest.mark.parametrize("file", HEAVY)
def test_memory_and_time_of_a_process_of_its_own(file, shared, tmp_path):
    path = shared / "data" / "bad_models" / file
    command = [sys.executable, "-m", "tinysight", "models", "import", str(path)]
    launched = [sys.executable, "-c", LAUNCHER, *command]
    result = subprocess.run(launched, cwd=tmp_path, capture_output=True, text=True, check=True)
    code, peak_kib, seconds = result.stdout.split()
    assert code == "1"
    assert file in result.stderr
    assert result.stderr.count("\n") == 1
    assert int(peak_kib) < 500 * 1024
    assert float(seconds) < 5
