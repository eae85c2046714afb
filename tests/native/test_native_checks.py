"""The native engine without Python: random networks, sanitizers, another processor, and what its objects hold."""

import re
import shutil
import subprocess
import sys

import pytest
from native_build import Unit, Variant, compile_units, engine_units
from run import IS_X86, PARTS, ROOT, missing
from spills import product_loops

COMPILER = PARTS["plain"].variant.compiler
pytestmark = pytest.mark.skipif(not shutil.which(COMPILER), reason="needs a C++ compiler")
x86_only = pytest.mark.skipif(not IS_X86, reason="platform: kernels of one instruction set are for x86")


@pytest.fixture(scope="session")
def build(pytestconfig):
    """A folder that keeps what was compiled until sources or flags change."""
    return pytestconfig.cache.mkdir("native_checks")


def run_checks(build, part, *options):
    command = [sys.executable, ROOT / "tools" / "native_checks" / "run.py", part, "--build", build, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"--- {part}: ok" in done.stdout
    return done.stdout


def test_random_networks_on_every_instruction_set(build):
    output = run_checks(build, "plain", "--count", "200", "--modes", "networks,proofs,pictures,callers")
    assert "networks: 200 without a failure" in output
    assert "portable" in output


@pytest.mark.parametrize("mode", ["forks", "limits"])
def test_forked_processes_and_too_few_threads(build, mode):
    run_checks(build, "plain", "--count", "50", "--modes", mode)


@pytest.mark.slow
@pytest.mark.parametrize("part", [part for part in PARTS if part != "plain"])
def test_sanitizers_and_another_processor(build, part):
    if lacks := missing(PARTS[part]):
        pytest.skip(f"platform: {lacks}")
    run_checks(build, part)


@pytest.fixture(scope="session")
def kernels(build):
    """The objects of the kernels, by instruction set and source."""
    units = [unit for unit in engine_units(x86=True) if unit.target != "_native"]
    return {item.name.rpartition("-")[0]: item for item in compile_units(units, Variant(), build / "plain")}


@x86_only
def test_objects_of_one_instruction_set_hold_nothing_that_others_may_use(kernels):
    """A linker keeps one copy of shared code; it must not be one that only some processors run."""
    assert len(kernels) >= 5
    for name, item in kernels.items():
        symbols = subprocess.run(["nm", "-C", item], check=True, capture_output=True, text=True).stdout
        shared = re.findall(r"^\S* *[WVuiC] .*$", symbols, re.MULTILINE)
        shared = [
            line for line in shared if "tinysight::kInteger" not in line
        ]  # parts of the table of this very object
        assert not shared, f"{name}: {shared}"
        assert " D tinysight::k" in symbols
        sections = subprocess.run(["objdump", "-h", item], check=True, capture_output=True, text=True).stdout
        assert ".init_array" not in sections, f"{name} runs code when it is loaded, whatever the processor"


@x86_only
def test_products_keep_their_sums_in_registers(kernels):
    kinds = set()
    for name, item in kernels.items():
        for loop in product_loops(item):
            if loop.is_product:
                kinds |= {(name.split("-")[0], kind) for kind in loop.products}
                assert not loop.reloads, f"{name}, {loop.function}: {loop.reloads}"
                assert len(loop.stores) <= 1, f"{name}, {loop.function}: {loop.stores}"  # GCC 12 leaves one behind
    assert kinds >= {
        *(("native_avx2", kind) for kind in ("vfmadd", "vpmaddwd", "vpmaddubsw")),
        *(("native_avxvnni", kind) for kind in ("vpdpwssd", "vpdpbusd")),
        *(("native_avx512", kind) for kind in ("vfmadd", "vpdpwssd", "vpdpbusd")),
    }


@x86_only
def test_sums_in_memory_are_seen(tmp_path):
    (unit,) = [u for u in engine_units(x86=True) if u.target == "native_avx2" and "integer" in u.source.name]
    fewer = ("-ffixed-xmm12", "-ffixed-xmm13", "-ffixed-xmm14", "-ffixed-xmm15")  # four registers less
    (item,) = compile_units([Unit(unit.source, unit.target, unit.flags)], Variant(flags=fewer), tmp_path)
    assert any(loop.is_product and loop.reloads for loop in product_loops(item))
