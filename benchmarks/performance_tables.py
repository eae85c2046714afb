"""The parts of docs/performance.md, each from one kind of result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Fields = dict[str, Any]
AVX2_ONLY, AS_IS = "avx2 only", "as is"
TITLES = {
    AVX2_ONLY: "Programs see AVX2 and FMA, nothing newer",
    AS_IS: "Programs see all that this processor has",
}
FLOAT = "float32"
OURS = (FLOAT, "int16", "int8")
KEEPS = 0.9  # a rival in int8 must give this share of the float answers to be called accurate
INTRODUCTION = """\
Made by `benchmarks/write_performance.py` from `benchmarks/results/`; not edited by hand. Times are milliseconds of one
call with one picture, `mobilenet_v1_1.0_224`. *same answers*: share of photographs with the same first answer as our
float32; *top-1*: share named right (they are training pictures, so only differences mean something); *faster* compares
the fastest calls of one process in which both took turns, with the interval that 95 of 100 resamples of its rounds
give. `*`: something else kept the machine busy."""


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a title that starts with ``>`` is flush right."""
    lines = ["| " + " | ".join(title.removeprefix(">") for title in titles) + " |"]
    lines.append("|" + "|".join("---:" if title.startswith(">") else "---" for title in titles) + "|")
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


def machine(fields: Fields) -> str:
    """Say which machine it was."""
    versions = ", ".join(f"{name} {version}" for name, version in fields["packages"].items())
    governor = f", governor {fields['governor']}" if fields["governor"] else ""
    return (
        f"## Machine\n{fields['processor']}, {fields['processors']} processors{governor}; {fields['system']}; "
        f"{fields['python']}.  \n{versions}.  \nFlags: {' '.join(fields['flags'])}."
    )


def commits(results: dict[str, Fields]) -> str:
    """Say of which commit each kind of result is."""
    of = {kind: (document["machine"].get("commit") or "not recorded")[:12] for kind, document in results.items()}
    return "  \nCommits: " + ", ".join(f"{kind} {commit}" for kind, commit in sorted(of.items())) + "."


def _name(pairing: Fields) -> str:
    return f"{pairing['name']}, {pairing['variant']}"


def _marked(pairing: Fields) -> str:
    return f"{_name(pairing)}{_mark(pairing)}"


def _mark(fields: Fields) -> str:
    return "*" if fields["noisy"] else ""


def _ratio(pairing: Fields, ours: str, key: str = "ours") -> str:
    found = next((one for one in pairing["ratios"] if one[key] == ours), None)
    return "" if found is None else f"{found['of_minima']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def _good(document: Fields, mode: str, threads: int) -> list[Fields]:
    return [
        pairing
        for pairing in document["pairings"]
        if pairing["mode"] == mode and pairing.get("threads", threads) == threads and "error" not in pairing
    ]


def _quality(document: Fields, mode: str) -> dict[tuple[Any, str], Fields]:
    """Agreement and accuracy by program and arithmetic: judged once for each mode, whatever the threads."""
    return {
        (pairing["peer"], row["precision"]): row
        for pairing in document["pairings"]
        for row in pairing.get("rows", [])
        if pairing["mode"] == mode and row.get("agreement") is not None
    }


def _times(document: Fields, mode: str, threads: int) -> str:
    quality, rows = _quality(document, mode), []
    for pairing in _good(document, mode, threads):
        own = pairing["peer"] is None
        for row in pairing["rows"] if own else pairing["rows"][-1:]:
            judged = quality.get((pairing["peer"], row["precision"]), {})
            name = f"**tinysight, {row['precision']}** ({row['details']})" if own else _name(pairing)
            numbers = [f"{row[key]:.2f}" for key in ("min_ms", "median_ms", "p95_ms", "p99_ms")]
            numbers[0] += _mark(pairing)
            judgement = [percent(judged.get("agreement")), percent(judged.get("top1"))]
            is_float = row["precision"].startswith(FLOAT)
            ratios = ["", "", ""] if own else [_ratio(pairing, one) for one in OURS]
            if not is_float:
                ratios[0] = ratios[1] = ""
            rows.append([name, *numbers, *judgement, *ratios])
    titles = ["program", ">min", ">median", ">p95", ">p99", ">same answers", ">top-1"]
    return table([*titles, ">our float32 faster", ">our int16 faster", ">our int8 faster"], rows)


def comparison(document: Fields) -> list[str]:
    """Return one part for each mode: times on each number of threads."""
    parts = []
    for mode in TITLES:
        counts = sorted({one["threads"] for one in document["pairings"] if one["mode"] == mode})
        if counts:
            parts.append(f"## {TITLES[mode]}")
        names = {1: "1 thread"}
        parts += [f"### {names.get(n, f'{n} threads')}\n{_times(document, mode, n)}" for n in counts]
    failed = [f"{_name(p)} ({p['mode']}): {p['error']}" for p in document["pairings"] if "error" in p]
    if failed:
        parts.append("Not measured: " + "; ".join(sorted(set(failed))) + ".")
    settings = {_name(p): p["settings"] for p in document["pairings"] if p["peer"] is not None}
    parts.append("Settings:\n" + "\n".join(f"- {name}: {text}" for name, text in settings.items()))
    return parts


def _share(pairing: Fields, ours: str) -> float:
    return next((float(one["of_minima"]) for one in pairing["ratios"] if one["ours"] == ours), float("inf"))


def _hardest(rivals: list[Fields], ours: str) -> str:
    """Return the smallest of our ratios to these programs, and to which one."""
    if not rivals:
        return ""
    rival = min(rivals, key=lambda pairing: _share(pairing, ours))
    return f"{_ratio(rival, ours)} {_marked(rival)}"


def promises(results: dict[str, Fields]) -> str:
    """Return the short table: each of our precisions against the program that it is least ahead of."""
    document, rows = results["peers"], []
    for mode in TITLES:
        for threads in sorted({one["threads"] for one in document["pairings"] if one["mode"] == mode}):
            others = [pairing for pairing in _good(document, mode, threads) if pairing["peer"] is not None]
            quality = _quality(document, mode)
            floats = [one for one in others if one["variant"].startswith(FLOAT)]
            whole = [one for one in others if one not in floats and _is_accurate(one, quality)]
            cells = [*(_hardest(floats, one) for one in OURS), _hardest(whole, "int8")]
            rows.append([TITLES[mode], str(threads), *cells])
    titles = ["", ">threads", *(f"our {one} against all in float32" for one in OURS)]
    short = table([*titles, "our int8 against all accurate int8"], rows)
    return (
        "## In short\nHow many times faster than the program that comes nearest, which is named. Accurate: it keeps at "
        f"least {KEEPS:.0%} of the float answers.\n\n{short}"
    )


def _is_accurate(pairing: Fields, quality: dict[Any, Fields]) -> bool:
    judged = quality.get((pairing["peer"], pairing["variant"])) or {}
    return bool(judged.get("agreement", 0) >= KEEPS)


def end_to_end(document: Fields) -> str:
    """Return pictures per second from files."""
    rows = []
    for mode in TITLES:
        for pairing in (one for one in document["pairings"] if one["mode"] == mode and "error" not in one):
            others = [row for row in pairing["rows"] if row["engine"] != "native"]
            best = max(others, key=lambda row: row["best_per_second"])
            own = {row["precision"]: row for row in pairing["rows"] if row["engine"] == "native"}
            ours = ", ".join(f"{name} {row['best_per_second']:.0f}" for name, row in own.items())
            theirs = f"{best['best_per_second']:.0f} ({best['way']}){_mark(pairing)}"
            ratios = [_ratio(pairing, one) for one in ("int8", "int16")]
            rows.append([TITLES[mode], _name(pairing), theirs, percent(best["top1"]), ours, *ratios])
    titles = ["", "program", ">pictures a second", ">top-1", ">ours in turns with it", ">int8 faster", ">int16 faster"]
    files = next((row["files"] for one in document["pairings"] for row in one.get("rows", [])), 0)
    workers = document["machine"]["processors"]
    return f"## From JPEG files to names\n{files} files, {workers} workers, one thread a picture.\n\n" + table(
        titles, rows
    )


def cold_start(document: Fields) -> str:
    """Return whole processes."""
    rows = [
        [f"`{row['command']}`", f"{row['min_ms']:.0f}", f"{row['median_ms']:.0f}", f"{row['peak_bytes'] / 1e6:.0f}"]
        for row in document["rows"]
    ]
    titles = ["command", ">min ms", ">median ms", ">peak MB"]
    return f"## From process start to printed label{_mark(document)}\n" + table(titles, rows)


def roofline(document: Fields) -> str:
    """Return how near the engine is to the peak, and the time of each part."""
    peaks = ", ".join(f"{name} {value:.1f}" for name, value in document["peak_gflops"].items())
    rows = [
        [
            row["isa"],
            row["precision"],
            f"{row['min_ms']:.2f}",
            f"{row['gmac_per_second']:.1f}",
            percent(row["share_of_peak"]),
        ]
        for row in document["rows"]
    ]
    text = (
        f"## Roofline{_mark(document)}\nOne core, float32 multiply-adds, GFLOP/s: {peaks}. The network is "
        f"{document['mult_adds']:,} multiply-adds (FLOPs are twice that).\n\n"
    )
    text += table(["instruction set", "precision", ">min ms", ">G multiply-adds/s", ">of the float peak"], rows)
    shown = [row for row in document["rows"] if row["isa"] != "portable"]
    titles = ["part", ">multiply-adds", *(f">{row['isa']} {row['precision']}" for row in shown)]
    parts = [
        [name, f"{count:,}", *(f"{row['stage_us'][name]:,.0f}" for row in shown)]
        for name, count in document["stage_mult_adds"].items()
    ]
    return (
        text
        + "\n\nMicroseconds of each part on one thread (a block is a depthwise and a pointwise layer):\n\n"
        + table(titles, parts)
    )


def proof(document: Fields) -> str:
    """Return what shows that programs took their AVX2 code when they were shown AVX2."""
    by_side: dict[str, dict[str, Fields]] = {}
    for pairing in _good(document, AVX2_ONLY, 1) + _good(document, AS_IS, 1):
        if pairing["peer"] is not None:
            by_side.setdefault(_name(pairing), {})[pairing["mode"]] = pairing
    rows = []
    for name, sides in by_side.items():
        if len(sides) == len(TITLES):
            times = [sides[mode]["rows"][-1]["min_ms"] for mode in (AS_IS, AVX2_ONLY)]
            registers = [", ".join(sides[mode]["registers"]) for mode in (AS_IS, AVX2_ONLY)]
            rows.append([name, *registers, *(f"{value:.2f}" for value in times)])
    titles = ["program", "registers, as is", "registers, AVX2 only", ">ms as is", ">ms AVX2 only"]
    return (
        "## Did they take their AVX2 code?\nVector registers in use in any thread of the running process.\n\n"
        + table(titles, rows)
    )
