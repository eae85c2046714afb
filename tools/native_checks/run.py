"""Build the checks of the native engine in several ways and run each: plain, with sanitizers, for another processor.

    python tools/native_checks/run.py                     all parts
    python tools/native_checks/run.py plain address       some of them
    python tools/native_checks/run.py --count 500 plain   with fewer networks

A part whose compiler or emulator is not there is skipped by name.
"""

from __future__ import annotations

import argparse
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from native_build import ROOT, Variant, build_checks

SANITIZE = ("-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all")
IS_X86 = platform.machine() in ("x86_64", "AMD64")
# ThreadSanitizer does not follow threads into forked processes; sanitizers and emulators want memory without a limit.
MODES = ["networks", "proofs", "pictures", "callers", "forks"]


@dataclass(frozen=True)
class Part:
    """One way to build and run: how many networks, and in which modes."""

    variant: Variant
    count: int
    modes: list[str]
    emulator: str | None = None
    package: str = ""  # of Debian, where the tools are not part of g++


PARTS = {
    "plain": Part(Variant(x86=IS_X86), 10_000, [*MODES, "limits"]),
    "address": Part(Variant(flags=(*SANITIZE, "-fsanitize=address"), x86=IS_X86), 300, MODES),
    "undefined": Part(Variant(flags=(*SANITIZE, "-fsanitize=undefined,float-cast-overflow"), x86=IS_X86), 300, MODES),
    "thread": Part(Variant(flags=(*SANITIZE, "-fsanitize=thread"), x86=IS_X86), 60, ["networks", "callers"]),
    "aarch64": Part(
        Variant("aarch64-linux-gnu-g++", ("-static",), x86=False),
        200,
        MODES,
        "qemu-aarch64-static",
        "g++-aarch64-linux-gnu and qemu-user-static",
    ),
}


def missing(part: Part) -> str:
    """What this machine lacks for a part; empty if nothing."""
    for tool in (part.variant.compiler, part.emulator):
        if tool and not shutil.which(tool):
            return f"needs {tool}" + (f" (Debian: {part.package})" if part.package else "")
    return ""


def run_mode(program: Path, part: Part, mode: str, count: int) -> str:
    """Run one mode and print its output.

    Returns:
        The digest of all whole-number answers where the mode has one.
    """
    few = min(20, max(5, count // 50)) if mode in ("callers", "forks", "limits") else count
    command = [part.emulator] if part.emulator else []
    command += [str(program), mode, "--count", str(few)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=3600)
    print(f"    {done.stdout.strip()}", flush=True)
    if done.returncode != 0:
        print(done.stderr, flush=True)
        raise RuntimeError(f"{mode}: exit code {done.returncode}")
    return "".join(re.findall(r"digest (\w+)", done.stdout))


def run_part(name: str, count: int | None, modes: list[str] | None, folder: Path) -> None:
    """Build and run one part; what runs elsewhere must have the whole numbers that run here."""
    part = PARTS[name]
    count = count or part.count
    start = time.monotonic()
    program = build_checks(part.variant, folder / name)
    print(f"--- {name}: built in {time.monotonic() - start:.0f} s", flush=True)
    digests = {mode: run_mode(program, part, mode, count) for mode in modes or part.modes}
    if part.emulator and "networks" in digests:
        here = run_mode(build_checks(PARTS["plain"].variant, folder / "plain"), PARTS["plain"], "networks", count)
        if here != digests["networks"]:
            raise RuntimeError(f"whole numbers differ from this machine's: {digests['networks']} and {here}")
    print(f"--- {name}: ok, {time.monotonic() - start:.0f} s", flush=True)


def main() -> int:
    """Run the parts that are asked for; 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--count", type=int, help="networks; default: each part's own number")
    parser.add_argument("--modes", help="for example networks,proofs,callers,forks,limits; default: each part's own")
    parser.add_argument(
        "--build", type=Path, default=ROOT / "build" / "native_checks", help="folder for what is compiled"
    )
    options = parser.parse_args()
    failed = []
    for name in options.parts or PARTS:
        if lacks := missing(PARTS[name]):
            print(f"--- {name}: skipped, {lacks}")
            continue
        try:
            run_part(name, options.count, options.modes and options.modes.split(","), options.build)
        except (RuntimeError, subprocess.SubprocessError) as error:
            print(f"--- {name}: FAILED, {error}")
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
