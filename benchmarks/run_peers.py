"""Our engines against other programs that run the same network: same numbers, same photographs, one machine.

    python benchmarks/run_peers.py FOLDER --work DIR --output results.json [--tensorflow PYTHON]

FOLDER holds photographs and ``labels.csv`` (columns ``file,index``). Every tenth photograph calibrates the others' int8
models; the rest judges agreement with our float32 answers and accuracy. Each pairing of our engines with one other
program runs in a process of its own, in turns. Programs that are not installed are named in the result. Where the
kernel allows it everything is measured twice: with all that the processor has, and with AVX2 and nothing newer shown.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from jobs import machine, run_job, run_options, wanted_modes
from peers import MODULES, missing, peer


def pairings(chosen: list[str], modes: list[str], threads: list[int]) -> list[dict[str, Any]]:
    """Return all pairings as the fields that differ: ours alone first, then each program and variant."""
    sides: list[tuple[str | None, str | None]] = [(None, None)]
    sides += [(module, variant) for module in chosen for variant in peer(module).VARIANTS]
    return [
        {"mode": mode, "peer": module, "variant": variant, "threads": count, "quality": count == threads[0]}
        for mode in modes
        for module, variant in sides
        for count in threads
    ]


def describe(fields: dict[str, Any], found: dict[str, Any]) -> str:
    name = "ours" if fields["peer"] is None else f"{peer(fields['peer']).NAME} {fields['variant']}"
    head = f"{fields['mode']:10} {fields['threads']} {name:30}"
    if "error" in found:
        return f"{head} failed: {found['error']}"
    row = found["rows"][-1]
    ratios = ", ".join(f"{ratio['ours']} {ratio['of_minima']:.2f}x" for ratio in found["ratios"])
    same = f", same answers {row['agreement']:.1%}" if row.get("agreement") is not None else ""
    return f"{head} {row['min_ms']:7.2f} ms{same}; {ratios}{' NOISY' if found['noisy'] else ''}"


@click.command()
@run_options
@click.option("--peers", "chosen", default=",".join(MODULES), show_default=True)
@click.option("--threads", default="1,2", show_default=True)
@click.option("--rounds", default=15, show_default=True)
@click.option("--seconds", default=0.3, show_default=True, help="Length of a turn.")
def main(folder: str, work: Path, output: Path, chosen: str, threads: str, modes: str, **options: Any) -> None:
    """Measure all programs that are installed against our engines."""
    wanted, not_possible = wanted_modes(modes, work)
    absent = {peer(module).NAME: missing(module) for module in chosen.split(",") if missing(module)}
    present = [module for module in chosen.split(",") if not missing(module)]
    common = {"folder": folder, "work": str(work), **options}
    results = []
    for fields in pairings(present, wanted, [int(count) for count in threads.split(",")]):
        found = run_job("turns.py", common | fields, fields["mode"])
        click.echo(describe(fields, found))
        module = fields["peer"]
        named = {"name": peer(module).NAME, "settings": peer(module).VARIANTS[fields["variant"]]} if module else {}
        results.append(fields | named | found)
        document = {
            "kind": "peers",
            "model": options["model"],
            "machine": machine(),
            "plan": {"rounds": options["rounds"], "turn_s": options["seconds"]},
            "not_installed": absent,
            "not_possible": not_possible,
            "pairings": results,
        }
        output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for name, packages in absent.items():
        click.echo(f"not installed: {name} ({', '.join(packages)})")


if __name__ == "__main__":
    main()
