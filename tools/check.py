"""The one command before a commit: format, lint, types, layers, spelling, tests.

    python tools/check.py          check everything; changes nothing
    python tools/check.py --fix    let the formatter and the linter repair first

Further arguments go to pytest. CI runs the same list.
"""

from __future__ import annotations

import subprocess
import sys
import time

CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "layers": ["lint-imports"],
    "spelling": ["codespell"],
    "tests": [sys.executable, "-m", "pytest", "-q"],
}
REPAIRS = [["ruff", "format", "."], ["ruff", "check", "--fix", "."]]


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--fix"]:
        arguments = arguments[1:]
        for repair in REPAIRS:
            subprocess.run(repair, check=False)
    failed = []
    for name, command in CHECKS.items():
        start = time.monotonic()
        command = command + arguments if name == "tests" else command
        print(f"--- {name}: {' '.join(command)}", flush=True)
        if subprocess.run(command, check=False).returncode != 0:
            failed.append(name)
        if name != "tests":  # the last line is the test runner's own
            print(f"--- {name}: {'FAILED' if name in failed else 'ok'}, {time.monotonic() - start:.1f} s", flush=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
