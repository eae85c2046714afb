"""One pairing from files to class indices, in a process of its own; started by ``end_to_end.py``.

python file_turns.py JOB.json RESULT.json
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import active_children
from pathlib import Path
from typing import Any

from pipelines import go, ours, pool, theirs
from turns import read_setting

from tinysight.agreement import listed
from tinysight.benchmark import Watch, compare
from tinysight.benchmark.end_to_end import Throughput
from tinysight.benchmark.machine import processors
from tinysight.benchmark.rows import noise_fields, throughput_row

WAYS = ("threads", "processes")


def own_seconds() -> float:
    """Return the processor time of this process and of its workers."""
    ticks = 0
    for child in active_children():
        fields = (
            Path(f"/proc/{child.pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        )
        ticks += int(fields[11]) + int(fields[12])
    return sum(os.times()[:4]) + ticks / os.sysconf("SC_CLK_TCK")


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Go through all files with every way in turns."""
    setting, workers = read_setting(job), processors()
    files = listed(Path(job["folder"]))
    paths, known = [path for path, _ in files], {str(path): index for path, index in files if index is not None}
    with ExitStack() as stack:
        ways: dict[tuple[str, str, str], Any] = {}
        for precision, checkpoint in setting.checkpoints.items():
            ways["native", precision, "threads"] = (
                stack.enter_context(ThreadPoolExecutor(workers)),
                ours(checkpoint, precision),
            )
        for way in WAYS if job["peer"] else ():
            executor = stack.enter_context(pool(way, workers, (setting.material, job["peer"], job["variant"])))
            ways[job["peer"], job["variant"], way] = executor, theirs
        answers = {key: go(*way, paths) for key, way in ways.items()}
        seconds: dict[tuple[str, str, str], list[float]] = {key: [] for key in ways}
        watch = Watch(own=own_seconds)
        for _ in range(job["rounds"]):
            watch.look()
            for key, way in ways.items():
                start = time.perf_counter()
                go(*way, paths)
                seconds[key].append(time.perf_counter() - start)
        noise = watch.result()
    name, rows = setting.material.checkpoint.card.name, []
    for key, taken in seconds.items():
        result = Throughput(
            [len(paths) / one for one in taken], dict(zip(map(str, paths), answers[key], strict=True)), noise
        )
        rows.append(throughput_row(name, *key[:2], workers, result, known or None) | {"way": key[2]})
    others = [key for key in ways if key[0] != "native"]
    best = min(others, key=lambda key: min(seconds[key])) if others else None
    ratios = []
    for key in ways if best else ():
        if key[0] == "native":
            ratio = compare([[one] for one in seconds[key]], [[one] for one in seconds[best]])
            ratios.append({"ours": key[1], "way": best[2], **{k: round(v, 4) for k, v in ratio._asdict().items()}})
    return {"rows": rows, "ratios": ratios, **noise_fields(noise)}


if __name__ == "__main__":
    found = measure(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
