"""docs/performance.md is what the generator makes of the results that are kept."""

import copy
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import performance_tables as tables  # noqa: E402
import write_performance  # noqa: E402

MACHINE = {
    **{
        "processor": "CPU",
        "processors": 2,
        "governor": None,
        "system": "Linux",
        "python": "CPython",
        "flags": ["avx2"],
    },
    **{"packages": {"numpy": "2"}, "commit": None},
}


def row(precision, milliseconds, agreement=None):
    times = dict.fromkeys(("min_ms", "median_ms", "p95_ms", "p99_ms"), milliseconds)
    return {"precision": precision, "details": "avx2", "agreement": agreement, "top1": agreement, **times}


def pairing(peer, variant, milliseconds, agreement, **fields):
    ratios = [
        {"ours": ours, "of_minima": milliseconds / own, "low": 1, "high": 2}
        for ours, own in (("float32", 10), ("int16", 8), ("int8", 5))
    ]
    found = {"mode": "avx2 only", "peer": peer, "name": peer, "variant": variant, "settings": "best", "threads": 1}
    return found | {
        **{"rows": [row("float32", 10), row(variant, milliseconds, agreement)], "ratios": ratios},
        **{"noisy": False, "registers": ["avx"]},
        **fields,
    }


@pytest.fixture
def results():
    ours = pairing(None, None, 10, 1) | {"rows": [row("float32", 10, 1), row("int8", 5, 0.99)], "ratios": []}
    pairings = [ours, pairing("A", "float32", 12, 1), pairing("B", "float32", 11, 1)]
    pairings += [pairing("A", "int8 default", 6, 0.5), pairing("B", "int8 fix", 7, 0.95)]
    return {"peers": {"kind": "peers", "machine": MACHINE, "pairings": pairings}}


def line_with(text, page):
    return next(line for line in page.splitlines() if text in line)


def test_the_short_table_takes_the_best_float_and_the_best_accurate_int8(results):
    line = line_with("| 1 | ", tables.promises(results))
    assert "B, float32" in line and "1.10 (1.00 to 2.00)" in line and "1.38" in line and "2.20" in line
    assert "B, int8 fix" in line and "1.40" in line  # A is faster, but keeps half of the answers


def test_a_noisy_result_is_marked_and_a_failed_one_is_named(results):
    changed = copy.deepcopy(results)
    changed["peers"]["pairings"][2] |= {"noisy": True}
    changed["peers"]["pairings"][1] = {**changed["peers"]["pairings"][1], "error": "no luck"}
    page = write_performance.page(changed)
    assert "B, float32*" in page and "A, float32 (avx2 only): no luck" in page


def test_every_row_of_a_table_has_its_columns(results):
    for block in write_performance.page(results).split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.count("|") for line in rows}) <= 1


def test_two_results_of_one_kind_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(json.dumps({"kind": "peers"}))
    with pytest.raises(SystemExit, match="two results of one kind"):
        write_performance.read([tmp_path / "a", tmp_path / "b"])


def test_the_page_is_made_from_the_results_that_are_kept():
    kept = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
    page = ROOT / "docs" / "performance.md"
    assert page.exists() == bool(kept)
    if kept:
        assert page.read_text(encoding="utf-8") == write_performance.page(write_performance.read(kept))
