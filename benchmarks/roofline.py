"""How near our engine comes to what one core can do, and where its time goes.

    python benchmarks/roofline.py --work DIR --output roofline.json

The peak is that of multiply-adds in float32 (``fma_peak.c``), measured in turns with the engine; float32 does not get
beyond it, the integer kernels do, because one of their instructions does more products.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from avx2_only import build
from jobs import machine

from tinysight.benchmark import Plan, Watch, interleave, summarise
from tinysight.benchmark.machine import OUR_PACKAGES
from tinysight.benchmark.own import open_precisions, own_contender
from tinysight.benchmark.rows import noise_fields
from tinysight.costs import network_cost
from tinysight.engines.native import NativeEngine, available_isas
from tinysight.models import open_model
from tinysight.quantize import synthetic_pictures
from tinysight.spec import Spec

HERE = Path(__file__).parent
WIDE = ("avx512", "amx")  # instruction sets whose float kernels use the wide registers


def peaks(work: Path) -> dict[str, float]:
    """Return GFLOP/s of one core, by the registers used: ``avx2`` and ``avx512``."""
    program = build(work, "fma_peak", folder=HERE)
    lines = subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()
    return {name: float(value) for name, value in (line.split() for line in lines)}


def stage_mult_adds(spec: Spec) -> dict[str, int]:
    """Return multiply-adds of each part that the engine times: stem, blocks, head."""
    found: dict[str, int] = {}
    for layer in network_cost(spec).layers:
        block = layer.name.rpartition("_")[2]
        name = f"block_{block}" if block.isdecimal() else layer.name if layer.kind == "stem" else "head"
        found[name] = found.get(name, 0) + layer.mult_adds
    return found


def stage_times(engine: NativeEngine, images: Any, calls: int = 30) -> dict[str, float]:
    """Return microseconds of each part, the least of many calls."""
    times = [engine.stage_nanoseconds(images) for _ in range(calls)]
    return {name: round(min(one[name] for one in times) / 1e3, 1) for name in times[0]}


def measure(work: Path, model: str, rounds: int, seconds: float) -> dict[str, Any]:
    """Time every precision and instruction set on one thread, with the peak before and after each round."""
    checkpoints = open_precisions(lambda precision: open_model(model, precision=precision), None).checkpoints
    spec = next(iter(checkpoints.values())).card.spec
    image, mult_adds = synthetic_pictures(spec.resolution, 1), network_cost(spec).mult_adds
    opened = {
        (isa, precision): own_contender(checkpoint, "native", precision, 1, isa)
        for isa in available_isas()
        for precision, checkpoint in checkpoints.items()
    }
    named = {key: replace(contender, name=key[0]) for key, contender in opened.items()}
    watch, peak, times = Watch(), peaks(work), {contender.label: [] for contender in named.values()}
    for _ in range(rounds):
        watch.look()
        for label, found in interleave(list(named.values()), [image], Plan(1, seconds)).times.items():
            times[label] += found
        peak = {name: max(peak[name], value) for name, value in peaks(work).items()}
    rows = []
    for (isa, precision), contender in named.items():
        best = summarise(times[contender.label]).min_ms
        row = {
            "isa": isa,
            "precision": precision,
            "min_ms": round(best, 4),
            "gmac_per_second": round(mult_adds / best / 1e6, 2),
        }
        limit = peak.get("avx512" if isa in WIDE else "avx2")
        share = None if limit is None or precision != "float32" else round(2 * row["gmac_per_second"] / limit, 4)
        engine = NativeEngine(checkpoints[precision], 1, isa, precision)
        rows.append(row | {"share_of_peak": share, "stage_us": stage_times(engine, image)})
    return {
        "model": model,
        "mult_adds": mult_adds,
        "peak_gflops": peak,
        "rows": rows,
        "stage_mult_adds": stage_mult_adds(spec),
        **noise_fields(watch.result()),
    }


@click.command()
@click.option("--work", type=click.Path(path_type=Path), required=True)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--model", default="mobilenet_v1_1.0_224")
@click.option("--rounds", default=15, show_default=True)
@click.option("--seconds", default=0.2, show_default=True, help="Length of a turn.")
def main(work: Path, output: Path, model: str, rounds: int, seconds: float) -> None:
    """Measure the peak and our engine on one core."""
    found = measure(work, model, rounds, seconds)
    document = {"kind": "roofline", "machine": machine(OUR_PACKAGES), **found}
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    click.echo(", ".join(f"{name} {value:.1f} GFLOP/s" for name, value in found["peak_gflops"].items()))
    for row in found["rows"]:
        share = "" if row["share_of_peak"] is None else f", {row['share_of_peak']:.1%} of the peak"
        click.echo(f"{row['isa']:12} {row['precision']:8} {row['min_ms']:7.2f} ms{share}")


if __name__ == "__main__":
    main()
