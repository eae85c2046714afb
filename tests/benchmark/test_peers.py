"""The files of benchmarks/ as far as they go without any other runtime installed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import peers  # noqa: E402
import run_peers  # noqa: E402
from avx2_only import AS_IS, AVX2_ONLY, vector_state  # noqa: E402
from end_to_end import VARIANTS  # noqa: E402

from tinysight.costs import network_cost  # noqa: E402
from tinysight.spec import Spec  # noqa: E402


@pytest.mark.parametrize("module", peers.MODULES)
def test_a_peer_says_what_it_is_before_its_packages_are_there(module):
    found = peers.peer(module)
    assert found.NAME and found.PACKAGES and "float32" in found.VARIANTS and callable(found.contender)
    assert set(VARIANTS.get(module, ())) <= set(found.VARIANTS)
    assert set(peers.missing(module)) <= set(found.PACKAGES)


def test_importing_the_runners_loads_no_other_runtime():
    code = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import run_peers, end_to_end, cold_start, peers\n"
    code += "[peers.peer(module) for module in peers.MODULES]\nprint(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(loaded) & {"onnxruntime", "openvino", "nncf", "ai_edge_litert", "torch", "keras", "tensorflow"}


def test_each_pairing_is_measured_in_both_modes_and_judged_once():
    found = run_peers.pairings(["lite_rt"], [AS_IS, AVX2_ONLY], [1, 2])
    assert len(found) == 2 * 3 * 2  # modes, ours and two variants, threads
    assert [one["threads"] for one in found if one["quality"]] == [1] * 6
    assert found[0]["peer"] is None


@pytest.mark.skipif(sys.platform != "linux", reason="platform: needs ptrace")
def test_registers_of_a_running_process_are_seen():
    code = "import numpy as np\na = np.ones((300, 300), np.float32)\nprint(1, flush=True)\nwhile True: a @ a"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        found = vector_state.vector_state(process.pid, 0.3)
        assert process.poll() is None  # it goes on
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    if not found:
        pytest.skip("platform: this process may not be traced, or has no AVX")
    assert found <= set(vector_state.KINDS.values())  # which of them depends on the processor


def test_parts_of_the_roofline_add_up_to_the_network():
    pytest.importorskip("tinysight._native", reason="needs the compiled part")
    from roofline import stage_mult_adds

    parts = stage_mult_adds(Spec())
    assert list(parts) == ["conv1", *(f"block_{number}" for number in range(1, 14)), "head"]
    assert sum(parts.values()) == network_cost(Spec()).mult_adds


@pytest.mark.weights
def test_turns_need_nothing_else_for_our_own_engines(real_checkpoint, tmp_path):
    from turns import measure

    shared = ROOT.parent / "shared" / "data" / "imagenet_sample"
    if not shared.is_dir():
        pytest.skip("needs ../shared")
    (tmp_path / "photos").mkdir()
    rows = (shared / "labels.csv").read_text().splitlines()[:12]
    for line in rows[1:]:
        name = line.split(",")[0]
        (tmp_path / "photos" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "photos" / name).symlink_to(shared / name)
    (tmp_path / "photos" / "labels.csv").write_text("\n".join(rows) + "\n")
    job = {"folder": str(tmp_path / "photos"), "model": "mobilenet_v1_1.0_224", "calibration": None}
    job |= {"work": str(tmp_path / "work"), "tensorflow": None, "peer": None, "variant": None, "threads": 1}
    result, call = measure(job | {"rounds": 1, "seconds": 0, "quality": True})
    json.dumps(result, allow_nan=False)
    call()
    by_precision = {row["precision"]: row for row in result["rows"]}
    assert by_precision["float32"]["agreement"] == 1 and by_precision["float32"]["pictures"] == 9
    assert by_precision["float32"]["logit_difference"] == 0
