"""Writes docs/performance.md from the results of the other files here.

    python benchmarks/write_performance.py benchmarks/results/*.json > docs/performance.md

A test holds the page to the results that are kept in the repository.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import performance_tables as tables

HERE = Path(__file__).parent
Results = dict[str, dict[str, Any]]


def read(paths: list[Path]) -> Results:
    """Return results by kind: peers, end to end, cold start, roofline."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    kinds = [document["kind"] for document in documents]
    if len(set(kinds)) != len(kinds):
        raise SystemExit(f"two results of one kind: {', '.join(sorted(kinds))}")
    return dict(zip(kinds, documents, strict=True))


def page(results: Results) -> str:
    """Return the whole page."""
    parts = ["# Performance", tables.INTRODUCTION]
    if "peers" in results:
        peers = results["peers"]
        parts += [tables.machine(peers["machine"]) + tables.commits(results), tables.promises(results)]
        parts += tables.comparison(peers)
    if "end to end" in results:
        parts.append(tables.end_to_end(results["end to end"]))
    if "cold start" in results:
        parts.append(tables.cold_start(results["cold start"]))
    if "roofline" in results:
        parts.append(tables.roofline(results["roofline"]))
    if "peers" in results:
        parts.append(tables.proof(results["peers"]))
    parts.append((HERE / "performance_method.md").read_text(encoding="utf-8").strip())
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page(read([Path(argument) for argument in sys.argv[1:]])))
