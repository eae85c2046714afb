"""Print one of the README's two commands, so that CI runs what the README says, word for word.

python tools/readme_commands.py main    install and do the main job
python tools/readme_commands.py test    install and pass the tests
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"
WHICH = {"main": 0, "test": 1}


def commands(text: str) -> list[str]:
    """Return the two commands: the lines of the first ``sh`` block, continued lines joined, without comments."""
    block = re.search(r"```sh\n(.*?)```", text, re.DOTALL)
    if block is None:
        raise SystemExit("README.md has no sh block")
    lines = [line.split("  #")[0].strip() for line in block[1].replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


if __name__ == "__main__":
    print(commands(README.read_text(encoding="utf-8"))[WHICH[sys.argv[1]]])
