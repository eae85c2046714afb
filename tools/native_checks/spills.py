"""Look for sums that the compiler keeps in memory: vector spills in the innermost loops of compiled kernels.

    python tools/native_checks/spills.py OBJECT...

A loop is a jump backwards, an innermost one holds no other. Those with eight multiply-adds or more are a product's or a
depthwise layer's. An instruction in them that takes a vector from the stack is a reload, which costs up to half of the
speed; one that only puts it there is a store, which GCC leaves behind here and there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

MULTIPLY_ADD = re.compile(r"(?:\{vex\} )?(vfmadd|vpdpbusd|vpdpwssd|vpmaddwd|vpmaddubsw)")
LEAST = 8
NAMESPACES = re.compile(r"tinysight::|\(anonymous namespace\)::|std::|^auto |^void ")


@dataclass
class Loop:
    """An innermost loop: its function, multiply-adds of each kind, and what moves vectors to and from the stack."""

    function: str
    products: dict[str, int] = field(default_factory=dict)
    reloads: list[str] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)

    @property
    def is_product(self) -> bool:
        """Whether it belongs to a matrix product of many rows; the head, whose output is float, has one row."""
        return "depthwise" not in self.function and ", float>" not in self.function


def product_loops(item: Path) -> list[Loop]:
    """The innermost loops of an x86 object that multiply and add at least LEAST times."""
    command = ["objdump", "-d", "-C", "--no-show-raw-insn", str(item)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    loops = []
    for function, body in re.findall(r"^[0-9a-f]+ <(.*)>:\n((?:.+\n)*)", text, re.MULTILINE):
        code = [(int(at, 16), words) for at, words in re.findall(r"^ *([0-9a-f]+):\s+(.*)$", body, re.MULTILINE)]
        has_frame = any(re.match(r"mov\s+%rsp,%rbp", words) for _, words in code)
        stack = r"\((%rsp|%rbp)" if has_frame else r"\(%rsp"  # without a frame %rbp is a register like the others
        loops += [_loop(NAMESPACES.sub("", function), lines, stack) for lines in _innermost(code)]
    return [loop for loop in loops if sum(loop.products.values()) >= LEAST]


def _innermost(code: list[tuple[int, str]]) -> list[list[str]]:
    """The instructions of every innermost loop."""
    ends: dict[int, int] = {}  # of each loop, by its first instruction; jumps to the same place are one loop
    for at, words in code:
        jump = re.match(r"j\w+\s+([0-9a-f]+)", words)
        if jump and int(jump[1], 16) <= at:
            ends[int(jump[1], 16)] = at
    inner = [(a, b) for a, b in ends.items() if not any(a < c and d <= b for c, d in ends.items())]
    return [[words for at, words in code if a <= at <= b] for a, b in inner]


def _loop(function: str, lines: list[str], stack: str) -> Loop:
    loop = Loop(function)
    for line in lines:
        if match := MULTIPLY_ADD.match(line):
            loop.products[match[1]] = loop.products.get(match[1], 0) + 1
        if re.search(stack, line) and re.search(r"%[xyz]mm", line):
            is_store = re.search(r"%[xyz]mm\d+,\S*\(%r[sb]p", line)
            (loop.stores if is_store else loop.reloads).append(line)
    return loop


def main(paths: list[str]) -> int:
    """Print every loop; 1 where one of a product takes vectors from the stack."""
    bad = False
    for path in map(Path, paths):
        for loop in product_loops(path):
            counts = ", ".join(f"{count} {kind}" for kind, count in loop.products.items())
            print(
                f"{path.name}: {loop.function[:60]}: {counts}: {len(loop.reloads)} reloads, {len(loop.stores)} stores"
            )
            print("".join(f"    {line}\n" for line in loop.reloads + loop.stores), end="")
            bad |= loop.is_product and bool(loop.reloads)
    return int(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
