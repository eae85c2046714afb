"""Print the tables of ``docs/training.md`` from what ``training.py`` and ``training_loop.py`` measured.

python benchmarks/write_training.py benchmarks/results/training/*.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


def share(column: dict[str, Any]) -> str:
    """Format a mean with half of its interval, in percent."""
    half = column["half_interval"]
    return f"{100 * column['mean']:.1f} %" + ("" if half is None else f" ± {100 * half:.1f}")


def accuracy_table(settings: dict[str, Any]) -> list[str]:
    """Return a row for each setting."""
    lines = [
        "| run | options | seeds | top-1, float32 | top-1, int8 | calibration error | seconds |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for name, one in settings.items():
        options = f"`{one['options']}`" if one["options"] else ""
        seconds = " ".join(f"{row['wall_s']:.0f}" for row in one["runs"])
        error = max(row["calibration_error"] for row in one["runs"])
        lines.append(
            f"| {name} | {options} | {len(one['runs'])} | {share(one['float_top1'])} | {share(one['top1'])} | "
            f"up to {error:.3f} | {seconds} |"
        )
    return lines


def loop_table(rows: list[dict[str, Any]]) -> list[str]:
    """Return a row for each loop."""
    lines = ["| alpha | px | loop | pictures/s | ratio | to |", "|---:|---:|---|---:|---:|---|"]
    for row in rows:
        ratio = f"{row['ratio']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})"
        lines.append(
            f"| {row['alpha']} | {row['resolution']} | {row['loop']} | {row['pictures_per_second']:.0f} | {ratio} | "
            f"{row['ratio_to']} |"
        )
    return lines


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Print a table for each of FILES."""
    for path in files:
        document = json.loads(path.read_text(encoding="utf-8"))
        machine = document["machine"]
        lines = accuracy_table(document["settings"]) if "settings" in document else loop_table(document["rows"])
        click.echo("\n".join(lines))
        click.echo(f"\n{machine.get('processor')}, commit {machine.get('commit')}\n")


if __name__ == "__main__":
    main()
