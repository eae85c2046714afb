"""Show programs a processor with AVX2 and nothing newer, and prove that they believe it.

``hide.c`` is loaded before a program and answers its CPUID instructions; ``environment`` builds it and says with which
variables to start a program; ``vector_state`` looks at the registers of a running one.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SOURCES = Path(__file__).parent
AS_IS, AVX2_ONLY = "as is", "avx2 only"
MODES = (AS_IS, AVX2_ONLY)
# The loader has chosen libc's own functions before anything of ours runs; this takes AVX-512 from them.
_LIBC = "glibc.cpu.hwcaps=" + ",".join(f"-AVX512{part}" for part in ("F", "VL", "BW", "DQ", "CD"))


def build(work: Path, name: str, *options: str, folder: Path = SOURCES) -> Path:
    """Compile ``name.c`` of a folder into ``work``, unless that is done; raises OSError without gcc."""
    source = folder / f"{name}.c"
    target = work / (f"{name}.so" if "-shared" in options else name)
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        work.mkdir(parents=True, exist_ok=True)
        half = target.with_name(f"making-{target.name}")
        subprocess.run(
            ["gcc", "-O2", "-Wall", "-Wextra", *options, "-o", half, source, "-lpthread", "-ldl"], check=True
        )
        half.rename(target)
    return target.resolve()


def environment(mode: str, work: Path) -> dict[str, str]:
    """Return the variables to add for a mode."""
    kept = {"TORCHINDUCTOR_CACHE_DIR": str((work / f"inductor {mode}".replace(" ", "-")).resolve())}
    if mode == AS_IS:
        return kept
    hidden = str(build(work, "hide", "-shared", "-fPIC"))
    return kept | {
        "LD_PRELOAD": hidden,
        "GLIBC_TUNABLES": _LIBC,
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    }


def look(mode: str, work: Path) -> list[str]:
    """Return what CPUID says in a process started in a mode: one line each for the first thread, another, and a fork.

    Raises:
        OSError, subprocess.CalledProcessError: no gcc, or this kernel cannot let CPUID fault.
    """
    program = build(work, "look")
    variables = os.environ | environment(mode, work)
    return subprocess.run([program], env=variables, check=True, capture_output=True, text=True).stdout.splitlines()


def why_not(work: Path) -> str | None:
    """Return why the AVX2-only mode is impossible here, None where it works."""
    try:
        lines = look(AVX2_ONLY, work)
    except OSError as error:
        return f"no gcc: {error}"
    except subprocess.CalledProcessError as error:
        return f"CPUID cannot be made to fault here: {error.stderr.strip() if error.stderr else error}"
    shown = [line for line in lines if "avx2 1, avx512f 0, avx512_vnni 0, avx_vnni 0, amx_int8 0, amx_bf16 0" in line]
    return None if len(shown) == 3 else f"CPUID still shows more: {lines}"
