"""Keep the output shown in a Markdown file equal to what the commands print.

    python tools/console_blocks.py FILE...            run the commands, write their output into the file
    python tools/console_blocks.py --check FILE...    write nothing; show the difference and exit 1 if there is one

A block that starts with ```console holds lines ``$ tinysight ...``, each followed by what it prints on a terminal of
80 columns without colours; spaces at the end of a line do not count.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FORCED = ("FORCE_COLOR", "TTY_COMPATIBLE")  # would make rich write for a terminal into a pipe
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in FORCED}
ENVIRONMENT |= {"COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}


def commands(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def output(command: str) -> str:
    program, *arguments = shlex.split(command)
    if program != "tinysight":
        raise SystemExit(f"only tinysight is run, found: {command}")
    done = subprocess.run(
        [sys.executable, "-m", "tinysight", *arguments],
        capture_output=True,
        encoding="utf-8",
        env=ENVIRONMENT,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stderr}")
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


def refreshed(text: str) -> str:
    """Return the file's text with every block run anew."""

    def run(match: re.Match[str]) -> str:
        return "```console\n" + "\n".join(f"$ {command}\n{output(command)}" for command in commands(match[1])) + "```"

    return BLOCK.sub(run, text)


def main() -> int:
    parser = argparse.ArgumentParser(description="Keep the output shown in Markdown files equal to what is printed.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    arguments = parser.parse_args()
    stale = 0
    for path in arguments.files:
        text = path.read_text(encoding="utf-8")
        fresh = refreshed(text)
        stale += fresh != text
        if arguments.check:
            lines = (text.splitlines(), fresh.splitlines())
            print("\n".join(difflib.unified_diff(*lines, str(path), "what is printed", lineterm="")))
        else:
            path.write_text(fresh, encoding="utf-8", newline="\n")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
