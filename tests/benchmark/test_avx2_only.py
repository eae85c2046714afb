"""The mode in which programs see AVX2 and nothing newer."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import avx2_only  # noqa: E402


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    if sys.platform != "linux" or shutil.which("gcc") is None or shutil.which("env") is None:
        pytest.skip("platform: needs Linux and gcc")
    folder = tmp_path_factory.mktemp("avx2_only")
    reason = avx2_only.why_not(folder)
    if reason is not None:
        pytest.skip(f"platform: {reason}")
    return folder


def test_threads_forks_and_new_programs_see_avx2_only(work):
    lines = avx2_only.look(avx2_only.AVX2_ONLY, work)
    assert [line.partition(":")[0] for line in lines] == ["main", "thread", "fork"]
    assert all("avx2 1, avx512f 0" in line and "amx_int8 0" in line for line in lines)
    variables = avx2_only.environment(avx2_only.AVX2_ONLY, work)
    nested = subprocess.run(["sh", "-c", f"'{work}/look'"], env=variables, capture_output=True, text=True, check=True)
    assert nested.stdout.splitlines() == lines


@pytest.mark.parametrize(
    "program", ["import ctypes; ctypes.string_at(0)", "import os, signal; os.kill(os.getpid(), 11)"]
)
def test_other_faults_stay_what_they_are(work, program):
    variables = avx2_only.environment(avx2_only.AVX2_ONLY, work)
    result = subprocess.run([sys.executable, "-c", program], env=variables, check=False)
    assert result.returncode == -11


def test_a_program_that_handles_faults_itself_goes_on_doing_so(work):
    variables = avx2_only.environment(avx2_only.AVX2_ONLY, work)
    program = "import ctypes, faulthandler; faulthandler.enable(); import numpy; ctypes.string_at(0)"
    result = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=False)
    assert "Fatal Python error: Segmentation fault" in result.stderr and result.returncode == -11
