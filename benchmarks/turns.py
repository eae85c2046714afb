"""One pairing in a process of its own: our engines and one other program in turns; started by ``run_peers.py``.

    python turns.py JOB.json RESULT.json

JOB holds ``folder``, ``model``, ``calibration``, ``work``, ``tensorflow``, ``peer`` (module, or null for ours alone),
``variant``, ``threads``, ``rounds``, ``seconds`` and ``quality`` (whether to compare answers). When the result is
written the process says ``holding`` and lets the other program run on for a second, so that its registers can be seen.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import peer
from peers.material import Material

from tinysight.agreement import Photographs, read_photographs, same_answers, top1
from tinysight.benchmark import Contender, Plan, compare, interleave
from tinysight.benchmark.own import open_precisions, own_contenders
from tinysight.benchmark.rows import noise_fields, timing_rows
from tinysight.models import open_model

CALIBRATION_EVERY = 10  # of the photographs, where no folder of others is given
HOLD_S = 1.0


@dataclass(frozen=True)
class Setting:
    """What all pairings share: our model by precision, the pictures to judge on, and what peers are built from."""

    checkpoints: dict[str, Any]
    photographs: Photographs
    material: Material


def read_setting(job: dict[str, Any]) -> Setting:
    """Open the model and read the pictures; those that calibrate are never those that judge."""
    opened = open_precisions(lambda precision: open_model(job["model"], precision=precision), None)
    checkpoint = opened.checkpoints["float32"]
    every = read_photographs(Path(job["folder"]), checkpoint.card.recipe)
    if job["calibration"]:
        calibration, judged = read_photographs(Path(job["calibration"]), checkpoint.card.recipe).images, every
    else:
        left_out = np.arange(len(every.images)) % CALIBRATION_EVERY == 0
        calibration = every.images[left_out]
        classes = None if every.classes is None else every.classes[~left_out]
        judged = Photographs(every.images[~left_out], classes, every.unreadable)
    material = Material(checkpoint, calibration, Path(job["work"]), job["tensorflow"])
    return Setting(opened.checkpoints, judged, material)


def exact_logits(setting: Setting) -> NDArray[np.float32]:
    """Return what our float32 engine answers to the photographs that judge; kept for the other pairings."""

    def write(path: Path) -> None:
        contender = own_contenders({"float32": setting.checkpoints["float32"]}, ["auto"], [1])[0]
        with path.open("wb") as file:
            np.save(file, contender.logits(setting.photographs.images))

    judged = hashlib.sha256(setting.photographs.images.tobytes()).hexdigest()[:12]
    answers: NDArray[np.float32] = np.load(setting.material.kept(f"answers-{judged}.npy", write, calibrated=True))
    return answers


def quality(contender: Contender, setting: Setting) -> dict[str, Any]:
    """Return agreement with our float32, largest difference of a logit, and accuracy."""
    images, classes = setting.photographs.images, setting.photographs.classes
    logits, wanted = contender.logits(images), exact_logits(setting)
    return {
        "agreement": round(same_answers(logits, wanted), 5),
        "agreement_with": "native:float32",
        "top1": None if classes is None else round(top1(logits, classes), 5),
        "pictures": len(images),
        "logit_difference": round(float(np.abs(logits - wanted).max()), 5),
    }


def measure(job: dict[str, Any]) -> tuple[dict[str, Any], Callable[[], Any]]:
    """Measure one pairing; also return one more call of the other program."""
    setting = read_setting(job)
    ours = own_contenders(setting.checkpoints, ["auto"], [job["threads"]])
    contenders = list(ours)
    if job["peer"]:
        contenders.append(peer(job["peer"]).contender(setting.material, job["variant"], job["threads"]))
    last = contenders[-1]
    judged = contenders if job["peer"] is None else [last]
    fields = {contender.label: quality(contender, setting) for contender in judged if job["quality"]}
    batches = [image[None] for image in setting.photographs.images[:4]]
    measured = interleave(contenders, batches, Plan(job["rounds"], job["seconds"]))
    name = setting.material.checkpoint.card.name
    rows = timing_rows(name, contenders, measured, {c.label: fields.get(c.label, {}) for c in contenders})
    ratios = []
    for contender in ours if job["peer"] else []:
        ratio = compare(measured.times[contender.label], measured.times[last.label])
        ratios.append({"ours": contender.precision, **{key: round(value, 4) for key, value in ratio._asdict().items()}})
    prepared = last.prepare(batches[0])
    return {"rows": rows, "ratios": ratios, **noise_fields(measured.noise)}, lambda: last.run(prepared)


def main(job_path: str, result_path: str) -> None:
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    result, call = measure(job)
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
    print("holding", flush=True)
    end = time.monotonic() + HOLD_S
    while time.monotonic() < end:
        call()


if __name__ == "__main__":
    main(*sys.argv[1:])
