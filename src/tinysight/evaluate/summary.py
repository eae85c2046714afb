"""All numbers of one evaluation, and the object of them that ``--json`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.evaluate.calibration import brier_score, calibration_error, fit_temperature, negative_log_likelihood
from tinysight.evaluate.conformal import Coverage, measure_coverage
from tinysight.evaluate.intervals import Share, wilson
from tinysight.evaluate.metrics import ClassScores, class_scores, confusion_matrix, top_k_share
from tinysight.evaluate.rejection import Rejection, area_under_risk, reject, risk_coverage
from tinysight.evaluate.run import Evaluation
from tinysight.evaluate.slices import Slice, slice_by

FEWEST_FOR_TOP5 = 6  # with five classes or fewer, every answer is among the first five
DIGITS = 5


@dataclass(frozen=True, eq=False, slots=True)
class Summary:
    """What an evaluation comes to.

    Args:
        top1: share of first answers that are right.
        top5: share of pictures whose class is among the first five answers; None with fewer than six classes.
        precision, recall, f1: means over the classes with pictures, each class counting once.
        scores: of each of the model's classes.
        confusion: int64 ``(C, C)``, rows are the true classes.
        calibration_error: 0..1, of 15 equally wide bins.
        calibration_error_equal_mass: of 15 bins of equally many pictures.
        brier: 0..2.
        log_loss: mean of -log p(true class), nats.
        temperature: that these pictures would call for; 1 is what the model has.
        risk_area: mean share of wrong answers over all shares answered, the surest first.
        coverage: of sets of classes; None with too few pictures.
        rejection: what withholding unsure answers gives; None where it was not asked for.
        slices: top-1 of kinds of pictures.
    """

    top1: Share
    top5: Share | None
    precision: float
    recall: float
    f1: float
    scores: ClassScores
    confusion: NDArray[np.int64]
    calibration_error: float
    calibration_error_equal_mass: float
    brier: float
    log_loss: float
    temperature: float
    risk_area: float
    coverage: Coverage | None
    rejection: Rejection | None
    slices: tuple[Slice, ...]


def summarize(evaluation: Evaluation, coverage: float = 0.95, reject_below: float | None = None) -> Summary:
    """Measure what a model said.

    Args:
        evaluation: of at least one picture.
        coverage: that sets of classes promise, between 0 and 1.
        reject_below: withhold answers of less than this probability, 0..1.

    Raises:
        UsageError: a coverage out of range.
    """
    truth, logits, probabilities = evaluation.truth, evaluation.logits, evaluation.probabilities
    correct, confidence = evaluation.correct, probabilities.max(axis=1)
    confusion = confusion_matrix(truth, evaluation.predicted, logits.shape[1])
    scores = class_scores(confusion)
    precision, recall, f1 = scores.macro()
    return Summary(
        top1=top_k_share(logits, truth, 1),
        top5=top_k_share(logits, truth, 5) if logits.shape[1] >= FEWEST_FOR_TOP5 else None,
        precision=precision,
        recall=recall,
        f1=f1,
        scores=scores,
        confusion=confusion,
        calibration_error=calibration_error(probabilities, truth),
        calibration_error_equal_mass=calibration_error(probabilities, truth, equal_mass=True),
        brier=brier_score(probabilities, truth),
        log_loss=negative_log_likelihood(logits, truth),
        temperature=fit_temperature(logits, truth),
        risk_area=area_under_risk(risk_coverage(confidence, correct)),
        coverage=measure_coverage(probabilities, truth, evaluation.contents, coverage),
        rejection=None if reject_below is None else reject(confidence, correct, reject_below),
        slices=slice_by(evaluation.sizes, evaluation.grey, correct),
    )


def _round(value: float) -> float:
    return round(value, DIGITS)


def share_fields(name: str, found: Share | None) -> dict[str, float | None]:
    """Return ``{name, name_low, name_high}``, all None without a share."""
    values = (None, None, None) if found is None else (found.value, found.low, found.high)
    ends = ("", "_low", "_high")
    return {name + end: None if v is None else _round(v) for end, v in zip(ends, values, strict=True)}


def shown_classes(summary: Summary) -> NDArray[np.intp]:
    """Return the classes that have pictures, or that pictures were taken for."""
    return np.flatnonzero(summary.scores.support + summary.scores.predicted)


def _class_fields(evaluation: Evaluation, scores: ClassScores, index: int) -> dict[str, Any]:
    support, predicted = int(scores.support[index]), int(scores.predicted[index])
    low, high = wilson(round(scores.recall[index] * support), support) if support else (None, None)
    return {
        "index": index,
        "wnid": None if evaluation.labels is None else evaluation.labels[index].wnid,
        "label": evaluation.name(index),
        "support": support,
        "predicted": predicted,
        "precision": _round(float(scores.precision[index])) if predicted else None,
        "recall": _round(float(scores.recall[index])) if support else None,
        "recall_low": None if low is None else _round(low),
        "recall_high": None if high is None else _round(high),
        "f1": _round(float(scores.f1[index])) if support else None,
    }


def _coverage_fields(found: Coverage | None) -> dict[str, Any] | None:
    if found is None:
        return None
    sizes = {"mean_size": _round(found.mean_size), "singles": _round(found.singles.value)}
    return {"wanted": found.wanted, **share_fields("covered", found.covered), **sizes, "threshold": found.threshold}


def _rejection_fields(found: Rejection | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {"below": found.below, "kept": _round(found.kept.value), **share_fields("top1", found.top1)}


def to_fields(evaluation: Evaluation, summary: Summary) -> dict[str, Any]:
    """Return one evaluation as JSON holds it; docs/json.md tells the keys."""
    scores, shown = summary.scores, shown_classes(summary).tolist()
    rows, columns = np.nonzero(summary.confusion)
    cells = zip(rows.tolist(), columns.tolist(), summary.confusion[rows, columns].tolist(), strict=True)
    return {
        "model": evaluation.model,
        "precision": evaluation.precision,
        "data": evaluation.where,
        "images": len(evaluation.paths),
        **share_fields("top1", summary.top1),
        **share_fields("top5", summary.top5),
        "macro_precision": _round(summary.precision),
        "macro_recall": _round(summary.recall),
        "macro_f1": _round(summary.f1),
        "per_class": [_class_fields(evaluation, scores, index) for index in shown],
        "confusion": [{"label": row, "predicted": column, "pictures": count} for row, column, count in cells],
        "calibration_error": _round(summary.calibration_error),
        "calibration_error_equal_mass": _round(summary.calibration_error_equal_mass),
        "brier": _round(summary.brier),
        "log_loss": _round(summary.log_loss),
        "temperature": _round(summary.temperature),
        "risk_area": _round(summary.risk_area),
        "coverage": _coverage_fields(summary.coverage),
        "rejection": _rejection_fields(summary.rejection),
        "slices": [
            {
                "kind": one.kind,
                "name": one.name,
                "pictures": one.top1.pictures,
                **share_fields("top1", one.top1),
                "meaningful": one.meaningful,
            }
            for one in summary.slices
        ],
        "unreadable": len(evaluation.unreadable),
        "left_out_seen": evaluation.left_out_seen,
    }
