"""What the README shows is run: its Python blocks, its commands' verbs, its links, the keys of docs/json.md."""

import json
import re
from pathlib import Path

import pytest

from tinysight.cli import VERBS, run

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.weights
def test_first_python_block_names_the_lighthouse(real_checkpoint, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(PYTHON[0], "README.md", "exec"), {})
    assert capsys.readouterr().out.startswith("100.0%  beacon\n")


@pytest.mark.weights
def test_second_python_block_writes_the_heat_map(real_checkpoint, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    code = PYTHON[1].replace('"why.png"', repr(str(tmp_path / "why.png")))
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "why.png").stat().st_size > 10_000


def test_keras_block_has_the_drop_ins_arguments():
    import ast
    import inspect

    from tinysight.networks.keras import MobileNet

    call = next(node for node in ast.walk(ast.parse(PYTHON[2])) if isinstance(node, ast.Call))
    assert {keyword.arg for keyword in call.keywords} <= set(inspect.signature(MobileNet).parameters)


def test_every_verb_is_in_the_table_and_the_other_way_round():
    assert re.findall(r"^\| `([a-z]+)` \|", README, re.MULTILINE) == list(VERBS)


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_no_dead_links(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)|src=\"([^\"]+)\"", text):
        link = target[0] or target[1]
        if not link.startswith(("http://", "https://")):
            assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"


def keys_in_json_page(verb: str) -> list[str]:
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{verb}` \| `(.*?)`", page, re.MULTILINE)[1]
    flat = re.sub(r"\[[^\[\]]*\]|(?<!^)\{[^{}]*\}", "", re.sub(r"\[[^\[\]]*\]", "", row))
    return re.findall(r'"(\w+)"', flat)


@pytest.mark.weights
@pytest.mark.parametrize("verb", ["predict", "explain", "summary", "export"])
def test_json_page_has_the_keys_that_are_printed(verb, real_checkpoint, tmp_path, capsys):
    extra = {
        "predict": [str(ROOT / "examples" / "candle.jpg"), "--offline"],
        "explain": [str(ROOT / "examples" / "candle.jpg"), "--offline", "-o", str(tmp_path / "x.png")],
        "summary": [],
        "export": ["--offline", "--format", "keras-h5", "--output", str(tmp_path / "x.h5")],
    }[verb]
    assert run([verb, "--json", *extra]) == 0
    assert list(json.loads(capsys.readouterr().out)) == keys_in_json_page(verb)
