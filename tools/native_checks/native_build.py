"""Compile the native engine's sources without CMake, with the flags that CMakeLists.txt gives them, and the checks.

Objects are named by their content and command, so that a second build compiles what has changed.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
COMMON = ("-std=c++17", "-fPIC")


@dataclass(frozen=True)
class Unit:
    """One source to compile: for the instruction set of ``target``, or ``_native`` for what runs everywhere."""

    source: Path
    target: str
    flags: tuple[str, ...]


@dataclass(frozen=True)
class Variant:
    """How the checks are built: compiler, and flags for compiling and linking that come after the usual ones."""

    compiler: str = "g++"
    flags: tuple[str, ...] = ()
    x86: bool = True


def engine_units(x86: bool) -> list[Unit]:
    """Every source of the extension but its Python bindings, as CMakeLists.txt lists them."""
    text = (ROOT / "CMakeLists.txt").read_text()
    values = dict(re.findall(r"set\((options|avx\w+) ([^)]*)\)", text))

    def flags(words: str) -> tuple[str, ...]:
        while "${" in words:
            words = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], words)
        return tuple(words.split())

    names = re.findall(r"target_compile_definitions\(_native PRIVATE (TINYSIGHT_\w+=1)\)", text)
    define = tuple(f"-D{name}" for name in names) if x86 else ()
    (sources,) = re.findall(r"nanobind_add_module\(_native NB_STATIC\s+([^)]*)\)", text)
    units = [
        Unit(ROOT / s, "_native", flags(values["options"]) + define) for s in sources.split() if "bindings" not in s
    ]
    own = dict(re.findall(r"target_compile_options\((native_\w+) PRIVATE ([^)]*)\)", text))
    for target, sources in re.findall(r"add_library\((native_\w+) OBJECT ([^)]*)\)", text) if x86 else []:
        units += [
            Unit(ROOT / s, target, flags(own[target]) + flags(values["options"]) + define) for s in sources.split()
        ]
    assert {unit.source.name for unit in units} >= {"network.cpp", "float_portable.cpp"}
    assert not x86 or "-DTINYSIGHT_X86=1" in define
    return units


def check_units(x86: bool) -> list[Unit]:
    """The sources of the driver."""
    define = ("-DTINYSIGHT_X86=1",) if x86 else ()
    flags = ("-O2", "-Wall", "-Wextra", "-ffp-contract=off", f"-I{ROOT / 'native'}", *define)
    return [Unit(source, "checks", flags) for source in sorted(HERE.glob("*.cpp"))]


def compile_units(units: list[Unit], variant: Variant, folder: Path) -> list[Path]:
    """Compile what is not there yet, two at a time; returns the objects in order."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = b"".join(p.read_bytes() for place in (ROOT / "native", HERE) for p in sorted(place.glob("*.[hi]*")))

    def compile_one(unit: Unit) -> Path:
        command = [variant.compiler, *COMMON, *unit.flags, *variant.flags, "-c", str(unit.source)]
        name = hashlib.sha256(texts + unit.source.read_bytes() + repr(command).encode()).hexdigest()[:16]
        target = folder / f"{unit.target}-{unit.source.stem}-{name}.o"
        if not target.exists():
            new = target.with_suffix(".new")
            subprocess.run([*command, "-o", str(new)], check=True)
            for old in folder.glob(f"{unit.target}-{unit.source.stem}-*.o"):
                old.unlink()
            new.replace(target)
        return target

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(compile_one, units))


def build_checks(variant: Variant, folder: Path) -> Path:
    """The driver, linked with the engine."""
    objects = compile_units(engine_units(variant.x86) + check_units(variant.x86), variant, folder)
    program = folder / "native_checks"
    command = [variant.compiler, *variant.flags, *map(str, objects), "-pthread", "-o", str(program)]
    subprocess.run(command, check=True)
    return program
