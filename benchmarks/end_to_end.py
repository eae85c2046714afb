"""From JPEG files to class indices on all processors: pictures a second, against the best way of each other program.

    python benchmarks/end_to_end.py FOLDER --work DIR --output end_to_end.json

FOLDER holds photographs and ``labels.csv``. ``pipelines.py`` says how each program goes about it. Each pairing runs in
a process of its own, in turns of all files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from jobs import machine, run_job, run_options, wanted_modes
from peers import MODULES, missing, peer

# Not every variant: the float one, the fastest int8 one, and the fastest that keeps its answers without VNNI.
VARIANTS = {
    "onnx_runtime": ("float32", "int8 reduce_range"),
    "open_vino": ("float32", "int8 default", "int8 overflow_fix"),
    "lite_rt": ("float32", "int8 default"),
    "py_torch": ("float32",),
}


@click.command()
@run_options
@click.option("--peers", "chosen", default=",".join(VARIANTS), show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(folder: str, work: Path, output: Path, chosen: str, modes: str, **options: Any) -> None:
    """Measure all programs that are installed against ours."""
    wanted, not_possible = wanted_modes(modes, work)
    present = [module for module in MODULES if module in chosen.split(",") and not missing(module)]
    results = []
    for mode in wanted:
        for module, variant in [(name, variant) for name in present for variant in VARIANTS[name]]:
            fields = {"mode": mode, "peer": module, "name": peer(module).NAME, "variant": variant}
            found = run_job("file_turns.py", {"folder": folder, "work": str(work), **options, **fields}, mode)
            results.append(fields | found)
            click.echo(f"{mode:10} {fields['name']} {variant}: {found.get('error') or _line(found)}")
            document = {
                "kind": "end to end",
                "model": options["model"],
                "machine": machine(),
                "rounds": options["rounds"],
                "not_possible": not_possible,
                "pairings": results,
            }
            output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _line(found: dict[str, Any]) -> str:
    rates = [f"{row['precision']} ({row['way']}) {row['best_per_second']:.0f}/s" for row in found["rows"]]
    ratios = [f"{ratio['ours']} {ratio['of_minima']:.2f}x" for ratio in found["ratios"]]
    return ", ".join(rates) + "; " + ", ".join(ratios) + (" NOISY" if found["noisy"] else "")


if __name__ == "__main__":
    main()
