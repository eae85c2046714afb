"""docs/how-mobilenet-works.md says what the code says: its commands, its pictures, its links and its numbers."""

from __future__ import annotations

import doctest
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tinysight.costs import full_convolution_cost, network_cost, peak_activation
from tinysight.spec import BLOCKS, Spec, layers

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "how-mobilenet-works.md"
IMAGES = ROOT / "docs" / "images"
TEXT = PAGE.read_text(encoding="utf-8")
PROSE = " ".join(re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL).split())


def load_tool(name: str):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


console_blocks = load_tool("console_blocks")
BLOCKS_SHOWN = [match[1] for match in console_blocks.BLOCK.finditer(TEXT)]


def test_the_page_shows_what_it_should() -> None:
    commands = [command for block in BLOCKS_SHOWN for command in console_blocks.commands(block)]
    assert commands == [
        "tinysight cost --input 12x12x3 --kernel 5 --filters 256",
        "tinysight cost --input 14x14x512 --kernel 3 --filters 512 --padding same",
        "tinysight summary",
        "tinysight cost",
        "tinysight cost mobilenet_v1_0.5_160",
        "tinysight cost --paper",
    ]
    assert TEXT.count("```console") == len(BLOCKS_SHOWN)


@pytest.mark.parametrize("block", BLOCKS_SHOWN, ids=lambda block: block.splitlines()[0].removeprefix("$ "))
def test_each_command_prints_what_the_page_shows(block: str) -> None:
    (command,) = console_blocks.commands(block)
    assert block.split("\n", 1)[1] == console_blocks.output(command)


def test_check_sees_a_changed_digit(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    good = "```console\n" + next(block for block in BLOCKS_SHOWN if "0.5_160" in block) + "```\n"
    command = [sys.executable, ROOT / "tools" / "console_blocks.py", "--check", page]
    page.write_text(good, encoding="utf-8")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    page.write_text(good.replace("76,524,800", "76,524,801"), encoding="utf-8")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_python_examples() -> None:
    examples = "\n".join(re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
    test = doctest.DocTestParser().get_doctest(examples, {}, PAGE.name, str(PAGE), 0)
    assert len(test.examples) == 3
    assert doctest.DocTestRunner().run(test).failed == 0


def test_pictures_are_what_the_script_draws() -> None:
    command = [sys.executable, ROOT / "tools" / "draw_diagrams.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "differ: none\n"), done.stderr


def test_every_picture_is_shown_and_is_sound_svg() -> None:
    shown = set(re.findall(r"!\[[^]]+\]\(images/(\w+\.svg)\)", TEXT))
    assert shown == {path.name for path in IMAGES.glob("*.svg")}
    for name in shown:
        picture = ElementTree.parse(IMAGES / name).getroot()
        width, height = int(picture.get("width")), int(picture.get("height"))
        assert picture.find("{*}title").text
        # Letters are at most two thirds as wide as high on average: no text may leave the picture.
        for text in picture.iter("{*}text"):
            length = len(text.text) * float(text.get("font-size")) * 0.62
            before = {"start": 0.0, "middle": length / 2, "end": length}[text.get("text-anchor")]
            assert float(text.get("x")) - before >= 0, (name, text.text)
            assert float(text.get("x")) - before + length <= width, (name, text.text)
            assert 10 <= float(text.get("y")) <= height - 4, (name, text.text)


def test_links_inside_the_page() -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    linked = re.findall(r"\]\(#([\w-]+)\)", TEXT)
    assert set(linked) == anchors


def test_numbers_in_the_prose() -> None:
    spec = Spec()
    rows = {layer.name: layer for layer in network_cost(spec).layers}
    depthwise, pointwise, numbers = rows["conv_dw_7"], rows["conv_pw_7"], 2 * 14 * 14 * 512
    assert f"{depthwise.mult_adds:,} mult-adds for {numbers:,} numbers" in PROSE
    assert f"{depthwise.mult_adds / numbers:.1f} each" in PROSE
    assert f"{pointwise.mult_adds:,} for {numbers:,} numbers and {pointwise.weights:,} weights" in PROSE
    assert f"{pointwise.mult_adds / (numbers + pointwise.weights):.0f} each" in PROSE
    cost, peak = network_cost(spec), peak_activation(spec)
    assert f"{peak.float32_bytes / 1e6:.1f} MB beside {cost.params * 4e-6:.0f} MB of weights" in PROSE
    assert f"int8 {peak.int8_bytes / 1e6:.1f} MB beside {cost.params / 1e6:.1f} MB" in PROSE
    assert full_convolution_cost(spec).mult_adds > 8 * cost.mult_adds
    assert f"{sum(layer.weights > 0 for layer in cost.layers)} in all" in PROSE
    assert sum(layer.stride == 2 for layer in layers(spec)) == 5
    assert "1 + 2 + 4 + 8 + 16 = 31" in PROSE
    assert len(BLOCKS) == 13
    assert "13 separable blocks" in PROSE
