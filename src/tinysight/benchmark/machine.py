"""Which machine a measurement was made on, as far as the system tells."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

# Flags of /proc/cpuinfo that decide which kernels a runtime takes.
FLAGS = (
    *("sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni"),
    *(
        "avx512f",
        "avx512bw",
        "avx512vl",
        "avx512_vnni",
        "avx512_bf16",
        "avx512_fp16",
        "amx_tile",
        "amx_int8",
        "amx_bf16",
    ),
    *("asimd", "asimddp", "i8mm", "bf16", "sve", "sve2"),
)
OUR_PACKAGES = ("tinysight", "numpy", "pillow")


def processor(cpuinfo: str) -> tuple[str | None, list[str]]:
    """Return the model's name (or None) and those of ``FLAGS`` that the text of ``/proc/cpuinfo`` holds."""
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip(), value.strip())
    present = set((fields.get("flags") or fields.get("Features") or "").split())
    return fields.get("model name"), [flag for flag in FLAGS if flag in present]


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that are installed."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def git_commit(folder: Path) -> str | None:
    """Return the commit of the source tree that a folder belongs to; ``+`` at its end: files differ from it."""
    root = next((parent for parent in folder.parents if (parent / ".git").exists()), None)
    if root is None or not (root / "native").is_dir():  # of another project in which we are installed
        return None
    git = ["git", "-C", str(root)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=10)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fingerprint(packages: Iterable[str] = OUR_PACKAGES) -> dict[str, Any]:
    """Describe the machine and what runs on it, for JSON.

    Args:
        packages: whose versions are wanted; those that are not installed are left out.

    Returns:
        Keys ``processor``, ``flags``, ``processors``, ``governor``, ``system``, ``python``, ``packages``, ``commit``;
        None where the system does not say.
    """
    system = platform.uname()
    name, flags = processor(_read("/proc/cpuinfo"))
    return {
        "processor": name or platform.processor() or None,
        "flags": flags,
        "processors": processors(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
        "system": f"{system.system} {system.release} {system.machine}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": package_versions(packages),
        "commit": git_commit(Path(__file__).resolve()),
    }
