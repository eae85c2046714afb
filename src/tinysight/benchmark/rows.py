"""Results as the rows that ``--json`` prints; the keys are documented in ``docs/json.md``."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from tinysight.agreement import Photographs, same_answers, top1
from tinysight.benchmark.contender import Contender
from tinysight.benchmark.end_to_end import Throughput
from tinysight.benchmark.process import ProcessRun
from tinysight.benchmark.rounds import Measurement
from tinysight.benchmark.statistics import compare, summarise

EXACT = "float32"  # what agreement is measured against, where it takes part


def standard_of(contenders: Sequence[Contender]) -> Contender:
    """Return the contender that the others' answers are compared with: the first in float32, else the first."""
    return next((contender for contender in contenders if contender.precision == EXACT), contenders[0])


def quality_fields(
    contenders: Sequence[Contender], photographs: Photographs | None, batch_size: int
) -> dict[str, dict[str, Any]]:
    """Let every contender answer for the photographs; fields by label, None where there is nothing to compare."""
    standard = standard_of(contenders)
    unknown = {"agreement": None, "agreement_with": standard.label, "top1": None, "pictures": 0}
    if photographs is None:
        return {contender.label: unknown for contender in contenders}
    images, classes = photographs.images, photographs.classes
    wanted, fields = standard.logits(images, batch_size), {}
    for contender in contenders:
        logits = wanted if contender is standard else contender.logits(images, batch_size)
        fields[contender.label] = {
            "agreement": round(same_answers(logits, wanted), 5),
            "agreement_with": standard.label,
            "top1": None if classes is None else round(top1(logits, classes), 5),
            "pictures": len(images),
        }
    return fields


def noise_fields(noise: Any) -> dict[str, Any]:
    """Return ``noisy`` and the three signs behind it."""
    return {
        "noisy": noise.noisy,
        "noise": {
            "slowdown": round(noise.slowdown, 4),
            "steal": None if noise.steal is None else round(noise.steal, 5),
            "foreign": None if noise.foreign is None else round(noise.foreign, 4),
            "reasons": list(noise.reasons),
        },
    }


def timing_rows(
    model: str,
    contenders: Sequence[Contender],
    measured: Measurement,
    quality: dict[str, dict[str, Any]],
    batch_size: int = 1,
) -> list[dict[str, Any]]:
    """Return one row a contender; ratios are to the first."""
    first, rows = contenders[0].label, []
    for contender in contenders:
        times = measured.times[contender.label]
        summary, ratio = summarise(times), compare(times, measured.times[first])
        rows.append(
            {
                "model": model,
                "engine": contender.name,
                "precision": contender.precision,
                "threads": contender.threads,
                "details": contender.details,
                "batch_size": batch_size,
                "min_ms": round(summary.min_ms, 4),
                "median_ms": round(summary.median_ms, 4),
                "p95_ms": round(summary.p95_ms, 4),
                "p99_ms": round(summary.p99_ms, 4),
                "calls": summary.calls,
                "rounds": len(times),
                "pictures_per_second": round(1e3 * batch_size / summary.median_ms, 2),
                "ratio": round(ratio.of_minima, 4),
                "ratio_median": round(ratio.of_medians, 4),
                "ratio_low": round(ratio.low, 4),
                "ratio_high": round(ratio.high, 4),
                "ratio_to": first,
                **quality[contender.label],
                **noise_fields(measured.noise),
            }
        )
    return rows


def throughput_row(
    model: str, engine: str, precision: str, workers: int, result: Throughput, classes: dict[str, int] | None
) -> dict[str, Any]:
    """Return the row of one way from files to names; ``classes`` are the right answers by file, where known."""
    read = {name: index for name, index in result.answers.items() if index is not None}
    right = None if classes is None else sum(classes.get(name) == index for name, index in read.items())
    return {
        "model": model,
        "engine": engine,
        "precision": precision,
        "workers": workers,
        "files": len(result.answers),
        "unreadable": len(result.answers) - len(read),
        "best_per_second": round(max(result.per_second), 2),
        "median_per_second": round(median(result.per_second), 2),
        "rounds": len(result.per_second),
        "top1": None if right is None or not read else round(right / len(read), 5),
        **noise_fields(result.noise),
    }


def process_row(name: str, run: ProcessRun) -> dict[str, Any]:
    """Return the row of one command."""
    return {
        "command": name,
        "min_ms": round(1e3 * min(run.seconds), 2),
        "median_ms": round(1e3 * median(run.seconds), 2),
        "rounds": len(run.seconds),
        "peak_bytes": run.peak_bytes,
    }
