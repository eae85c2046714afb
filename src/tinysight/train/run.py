"""One run from plan to report; called again for a run that was stopped, it goes on and ends with the same bytes."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinysight.checkpoint import Checkpoint, write_checkpoint
from tinysight.classify import Classifier
from tinysight.errors import UsageError, printable
from tinysight.evaluate.calibration import calibration_error
from tinysight.evaluate.gallery import draw_mistakes
from tinysight.evaluate.html import plot, table
from tinysight.evaluate.metrics import top_k_share
from tinysight.evaluate.plots import curves_svg
from tinysight.evaluate.report import render_report
from tinysight.evaluate.run import Evaluation, evaluate_model
from tinysight.train import folder as files
from tinysight.train.material import Material, Prepared, gather
from tinysight.train.plan import Plan
from tinysight.train.stages import timed
from tinysight.train.teaching import Taught, Tools, teach_head
from tinysight.train.whole_numbers import add_int8

PACKAGES = ("tinysight", "numpy", "pillow", "scikit-learn", "torch")
CALIBRATION = 32  # pictures; 64 take twice as long and agree no better
EPOCH_COLUMNS = ("epoch", "learning_rate", "train_loss", "val_top1", "val_loss")
HEAD_COLUMNS = ("strength", "val_loss", "val_top1")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run: its record, and the pictures that could not be read, a line each."""

    record: dict[str, Any]
    unreadable: tuple[str, ...]


def train(plan: Plan, folder: Path, backbone: Checkpoint | None, tools: Tools, team: Any = None) -> Result:
    """Make a model from labelled pictures, and measure it on those held out.

    Args:
        plan: what to do.
        folder: of the run; its ``run.json`` says what has been done before.
        backbone: the model to start from, float32 (a head alone also takes int8); None from scratch.
        tools: progress, cache.
        team: of several processes, ``team.Team``; None for one. Only the leader writes and returns a whole record.

    Raises:
        UsageError: data or options that cannot work, or data that changed since the run began.
        TinysightError: files that cannot be written, or a loss that left the numbers.
    """
    leads = team is None or team.leads
    tools, seconds = timed(tools)
    with tools.stage("Checking the pictures"):
        material = gather(plan, backbone)
    record = _record(plan, material, team)
    if leads:
        _begin(folder, record, tools)
    _check_same_pictures(material, team)
    if material.known_before:
        tools.say(f"{material.known_before} pictures of test taught the model to start from; they are in train")
    for line in material.split.reasons[:5]:
        tools.say(f"left out: {printable(line, 300)}")
    if len(material.split.reasons) > 5:
        tools.say(f"left out: {len(material.split.reasons) - 5} more; tinysight doctor names them")
    taught = _teach(material, plan, folder, tools, team)
    if not leads:
        return Result(record, ())
    columns = HEAD_COLUMNS if plan.mode == "head" else EPOCH_COLUMNS
    files.write_metrics(folder, columns, taught.rows)
    model = _with_int8(taught, material, tools)
    write_checkpoint(folder / files.MODEL, model)
    results = _measure(model, taught, material, folder, plan, tools)
    unreadable = tuple(dict.fromkeys([*taught.unreadable, *results.pop("unreadable", ())]))
    record |= {"status": "done", "results": results, "unreadable": list(unreadable), "seconds": seconds}
    files.write_record(folder, record)
    shutil.rmtree(folder / files.SNAPSHOTS, ignore_errors=True)
    return Result(record, unreadable)


def _teach(material: Material, plan: Plan, folder: Path, tools: Tools, team: Any) -> Taught:
    if plan.mode == "head":
        return teach_head(material, plan, tools)
    from tinysight.train.layers import teach_layers
    from tinysight.train.team import joined

    if team is not None:
        return teach_layers(material, plan, folder, team, tools)
    with joined(plan.device) as alone:
        return teach_layers(material, plan, folder, alone, tools)


def _check_same_pictures(material: Material, team: Any) -> None:
    if team is not None and team.agree_text(material.order_sha256) != material.order_sha256:
        raise UsageError("the processes see different pictures; give all of them the same files at the same path")


def _record(plan: Plan, material: Material, team: Any) -> dict[str, Any]:
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    parts = material.split
    return {
        "status": "running",
        "plan": plan.to_dict(),
        "classes": list(material.dataset.classes),
        "pictures": {part: len(parts.of(part)) for part in ("train", "val", "test")},
        "left_out": len(material.split.parts) - sum(len(parts.of(part)) for part in ("train", "val", "test")),
        "data_sha256": material.data_sha256,
        "order_sha256": material.order_sha256,
        "backbone_sha256": material.backbone_sha256,
        "processes": 1 if team is None else team.size,
        "versions": {"python": platform.python_version(), **versions},
    }


SAME = {
    "data_sha256": "the pictures",
    "order_sha256": "the names of the pictures",
    "backbone_sha256": "the model it started from",
    "processes": "the number of processes",
}


def _begin(folder: Path, record: dict[str, Any], tools: Tools) -> None:
    """Write the record, or see that a run which goes on has the same data, start and processes."""
    if (folder / files.RECORD).exists():
        before = files.read_record(folder)
        for key, what in SAME.items():
            if before.get(key) != record[key]:
                raise UsageError(f"{what} changed since {printable(str(folder))} began; start a new run")
        if before.get("versions") != record["versions"]:
            tools.say("packages changed since the run began, so that its bytes may differ from an unbroken run's")
            record["versions"] = before.get("versions")
    files.write_record(folder, record)
    (folder / files.SNAPSHOTS).mkdir(exist_ok=True)


def _with_int8(taught: Taught, material: Material, tools: Tools) -> Checkpoint:
    model = taught.model
    if not model.arrays:
        return model
    some = Prepared(material, "train", model.card.recipe, CALIBRATION).images
    with tools.stage("Quantizing") as count:
        return add_int8(model, some, taught.embeddings, tools.cache if taught.is_head else None, count)


def _measure(
    model: Checkpoint, taught: Taught, material: Material, folder: Path, plan: Plan, tools: Tools
) -> dict[str, Any]:
    """Measure the file on the pictures held out, as it will be run and in float32, and write the report."""
    test = material.split.of("test")
    results = dict(taught.facts)
    if not len(test):
        tools.say("no picture was held out, so nothing is known about new ones")
        return results
    classifier = Classifier(model)
    evaluation = _evaluated(classifier, material, test, tools)
    results |= _figures(evaluation)
    results["unreadable"] = evaluation.unreadable
    results["precision"] = classifier.engine.precision
    if "float_top1" not in results:
        floats = _evaluated(Classifier(model, precision="float32"), material, test, tools)
        results["float_top1"] = _figures(floats)["top1"]
    if taught.rows and plan.mode != "head":
        files.write(folder, files.CURVES, _curves(taught.rows))
    with tools.stage("Writing the report"):
        gallery = draw_mistakes(classifier, evaluation)
        title = f"{model.card.name}: {plan.mode}"
        text = render_report(title, evaluation, gallery, _sections(taught, plan, results))
        files.write(folder, files.REPORT, text)
    return results


def _evaluated(classifier: Classifier, material: Material, test: Any, tools: Tools) -> Evaluation:
    with tools.stage("Measuring") as count:
        return evaluate_model(classifier, material.dataset, test, material.contents, progress=count, include_seen=True)


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    share = top_k_share(evaluation.logits, evaluation.truth, 1)
    return {
        "images": share.pictures,
        "top1": share.value,
        "top1_low": share.low,
        "top1_high": share.high,
        "calibration_error": calibration_error(evaluation.probabilities, evaluation.truth),
    }


def _curves(rows: list[tuple[float, ...]]) -> str:
    series = {
        "training loss": [(row[0], row[2]) for row in rows],
        "validation loss": [(row[0], row[4]) for row in rows],
    }
    return curves_svg(series, "epoch", "loss in nats", title="Loss of each epoch")


def _sections(taught: Taught, plan: Plan, results: dict[str, Any]) -> list[tuple[str, str]]:
    sections = []
    if taught.rows and plan.mode != "head":
        accuracy = {"validation": [(row[0], row[3]) for row in taught.rows]}
        drawn = curves_svg(accuracy, "epoch", "named right", title="Validation of each epoch", percent=True)
        sections.append(("How it learned", plot(_curves(taught.rows)) + plot(drawn)))
    settings = plan.to_dict() | (plan.options.to_dict() if plan.options else {})
    rows = [(name, str(value)) for name, value in settings.items() if name not in ("options", "augmentation")]
    found = [(name, _short(value)) for name, value in results.items() if not isinstance(value, list)]
    sections.append(("Settings", table(("setting", "value"), rows)))
    sections.append(("Figures", table(("figure", "value"), found)))
    return sections


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float | np.floating) else str(value)
