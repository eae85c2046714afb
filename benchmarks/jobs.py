"""Pairings in processes of their own, in one mode or the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from avx2_only import environment
from avx2_only.vector_state import vector_state
from peers import QUIET

PACKAGES = (
    *("tinysight", "numpy", "pillow", "onnxruntime", "onnx", "openvino", "nncf", "ai-edge-litert", "torch", "keras"),
)
LOOK_S = 0.5


def run_job(script: str, job: dict[str, Any], mode: str) -> dict[str, Any]:
    """Run one pairing in a process of its own; the last line that it prints when it fails becomes ``error``.

    Args:
        script: beside this file; takes the paths of job and result. Its registers are seen when it prints ``holding``.
        job: for the script; ``work`` is the folder for the files between.
        mode: one of ``MODES``.
    """
    work = Path(job["work"])
    paths = [work / "job.json", work / "result.json"]
    paths[0].write_text(json.dumps(job), encoding="utf-8")
    paths[1].unlink(missing_ok=True)
    variables = os.environ | QUIET | environment(mode, work)
    command = [sys.executable, str(Path(__file__).with_name(script)), *map(str, paths)]
    registers: list[str] = []
    with (work / "stderr.txt").open("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        for line in process.stdout:  # programs print what they like before
            if line == "holding\n":
                registers = sorted(vector_state(process.pid, LOOK_S))
        code = process.wait()
        errors.seek(0)
        last = (errors.read().strip() or "no message").splitlines()[-1]
    if code != 0 or not paths[1].exists():
        return {"error": last[:300]}
    return json.loads(paths[1].read_text(encoding="utf-8")) | {"registers": registers}
