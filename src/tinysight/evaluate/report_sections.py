"""The parts of a report: each takes what was measured and returns HTML, in words that need no course in statistics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinysight.evaluate.calibration import reliability_bins
from tinysight.evaluate.class_plots import MOST_NAMED, class_bars_svg, confusion_svg
from tinysight.evaluate.conformal import fewest_pictures
from tinysight.evaluate.gallery import Mistake
from tinysight.evaluate.html import escape, image, interval, percent, plot, plural, table
from tinysight.evaluate.intervals import share
from tinysight.evaluate.metrics import worst_confusions
from tinysight.evaluate.plots import reliability_svg, risk_coverage_svg
from tinysight.evaluate.rejection import reject, risk_coverage
from tinysight.evaluate.run import Evaluation
from tinysight.evaluate.slices import FEWEST
from tinysight.evaluate.summary import Summary, shown_classes

MATRIX_CLASSES = 40  # of more than MOST_NAMED classes, those that mistakes are made with
BARS = 30
REJECTIONS = (0.5, 0.7, 0.9)


def mistakes(evaluation: Evaluation, gallery: Sequence[Mistake]) -> str:
    """Show the most confident wrong answers, with the evidence for both classes."""
    wrong = int((~evaluation.correct).sum())
    if not gallery:
        return f"<p>{'No picture was named wrong.' if not wrong else 'None could be drawn.'}</p>"
    words = (
        f"<p>{plural(wrong, 'picture')} of {len(evaluation.paths):,} {'was' if wrong == 1 else 'were'} named wrong. "
        f"These {len(gallery)} it was surest of. Look at them before you blame the model: the most confident mistakes "
        "are often wrong labels. Colour marks what spoke for a class: the brighter, the more.</p>"
    )
    return words + f'<div class="cards">{"".join(_card(evaluation, one) for one in gallery)}</div>'


def _card(evaluation: Evaluation, one: Mistake) -> str:
    said, true = (evaluation.name(index) for index, _ in (one.said, one.true))
    views = (
        (one.picture, "the picture", f"Picture {one.path.name}"),
        (one.said_heat, f"what spoke for {said}", f"Heat map: evidence for {said}"),
        (one.true_heat, f"what spoke for {true}", f"Heat map: evidence for {true}"),
    )
    figures = "".join(
        f"<figure>{image(png, words)}<figcaption>{escape(caption)}</figcaption></figure>"
        for png, caption, words in views
    )
    rows = "".join(
        f'<dt>{what}</dt><dd class="{kind}">{escape(name)}</dd><dd class="share">{percent(probability)}</dd>'
        for what, kind, name, probability in (
            ("it said", "said", said, one.said[1]),
            ("the label", "true", true, one.true[1]),
        )
    )
    file = f'<p class="file">{escape(evaluation.shown(one.path))}</p>'
    verdict = f'<div class="verdict"><dl>{rows}</dl>{file}</div>'
    return f'<article class="card"><div class="views">{figures}</div>{verdict}</article>'


def confusion(evaluation: Evaluation, summary: Summary) -> str:
    """Show which classes are taken for which."""
    classes = shown_classes(summary)
    words = "Rows are what the label says, columns what the model said. Blue is right, orange is wrong."
    if len(classes) > MOST_NAMED:
        classes = _most_confused(summary.confusion)
        words += f" Of many classes, the {len(classes)} that most mistakes are made with."
    names = [evaluation.name(index) for index in classes.tolist()]
    worst = worst_confusions(summary.confusion, 12)
    rows = [
        (
            f"{evaluation.name(one.label)} → {evaluation.name(one.predicted)}",
            f"{one.pictures:,} of {int(summary.scores.support[one.label]):,}",
        )
        for one in worst
    ]
    drawn = plot(confusion_svg(summary.confusion[np.ix_(classes, classes)], names), words) if names else ""
    listed = f"<div><h3>Most frequent</h3>{table(('label → answer', 'pictures'), rows)}</div>" if rows else ""
    return f'<div class="pair">{drawn}{listed}</div>' if drawn else "<p>Nothing was named wrong.</p>"


def _most_confused(counts: NDArray[np.int64]) -> NDArray[np.intp]:
    wrong = counts - np.diag(np.diagonal(counts))
    involved = wrong.sum(axis=0) + wrong.sum(axis=1)
    order = np.argsort(-involved, kind="stable")[:MATRIX_CLASSES]
    return np.sort(order[involved[order] > 0])


def classes(evaluation: Evaluation, summary: Summary) -> str:
    """Show how many pictures of each class are found."""
    scores = summary.scores
    there = np.flatnonzero(scores.support)
    recalls = {int(i): share(int(summary.confusion[i, i]), int(scores.support[i])) for i in there}
    # By the upper end of the interval: first those that are surely bad, not those with a single picture.
    order = sorted(recalls, key=lambda index: (recalls[index].high, recalls[index].value))
    few = [evaluation.name(index) for index in order[:BARS]]
    bars = plot(
        class_bars_svg(few, [recalls[index] for index in order[:BARS]]),
        "Of the pictures with this label, the share named right; the thin line is the 95 % interval: with few "
        "pictures it is wide.",
    )
    rows = [
        (
            evaluation.name(index),
            f"{recalls[index].pictures:,}",
            percent(recalls[index].value),
            interval(recalls[index]),
            percent(float(scores.precision[index])) if scores.predicted[index] else "never said",
            f"{scores.f1[index]:.3f}",
        )
        for index in order
    ]
    columns = ("class", "pictures", "found (recall)", "95 % interval", "right when said (precision)", "F1")
    more = f"<p>The lowest {BARS} of {len(order):,} classes.</p>" if len(order) > BARS else ""
    return f"{more}{bars}<details><summary>All numbers</summary>{table(columns, rows)}</details>"


def calibration(evaluation: Evaluation, summary: Summary) -> str:
    """Say whether probabilities mean what they say, and what withholding unsure answers gives."""
    probabilities, truth = evaluation.probabilities, evaluation.truth
    confidence = probabilities.max(axis=1)
    reliability = plot(
        reliability_svg(reliability_bins(probabilities, truth)),
        f"Each dot is a group of answers of like probability, larger for more pictures; lines are 95 % intervals. "
        f"Expected calibration error {percent(summary.calibration_error)} (15 equal widths), "
        f"{percent(summary.calibration_error_equal_mass)} (15 groups of equal size).",
    )
    asked = summary.rejection
    mark = None if asked is None or asked.top1 is None else (asked.kept.value, 1 - asked.top1.value)
    risk = plot(
        risk_coverage_svg(risk_coverage(confidence, evaluation.correct), mark),
        "If only the surest answers are given and the rest left to a person: how many of those given are wrong.",
        wide=True,
    )
    thresholds = sorted({*REJECTIONS, *(() if asked is None else (asked.below,))})
    found = [reject(confidence, evaluation.correct, below) for below in thresholds]
    rows = [
        (
            f"at least {100 * one.below:g} %",
            percent(one.kept.value),
            "-" if one.top1 is None else percent(one.top1.value),
            "-" if one.top1 is None else interval(one.top1),
        )
        for one in found
    ]
    kept = table(("answers with", "share kept", "right", "95 % interval"), rows)
    return f'<p>{_trust(confidence, summary)}</p><div class="pair">{reliability}<div>{risk}{kept}</div></div>'


def _trust(confidence: NDArray[np.float64], summary: Summary) -> str:
    mean, top1 = float(confidence.mean()), summary.top1
    said = f"On average it gave its answers {percent(mean)}, and {percent(top1.value)} were right: "
    if top1.low <= mean <= top1.high:
        return said + "as far as these pictures can tell, its probabilities can be taken at their word."
    verdict = "it is surer than it should be" if mean > top1.value else "it is more modest than it needs to be"
    remedy = f"Dividing its logits by a temperature of {summary.temperature:.2f} would put most of that right."
    return f"{said}{verdict}. {remedy}"


def sets(summary: Summary, wanted: float) -> str:
    """Say how large sets of classes must be to hold the right one as often as wanted."""
    found = summary.coverage
    if found is None:
        return f"<p>Too few pictures: each half needs at least {fewest_pictures(wanted)}.</p>"
    return (
        "<p>Instead of one class the model can name a few, such that the right one is among them for "
        f"{found.wanted:.0%} of pictures. On these pictures that took <b>{found.mean_size:.2f} classes on average</b>; "
        f"{percent(found.singles.value)} of the sets held one class only.</p>"
        f"<p>Measured, the right class was in the set for <b>{percent(found.covered.value)}</b> of the pictures "
        f"({interval(found.covered)}): sets of one half of the pictures were made with a threshold fitted on the other "
        "half. The promise holds for pictures like these, on average over all of them and not for each class. "
        f"A class is named if its probability is at least {found.threshold:.4f}, the likeliest always.</p>"
    )


def kinds(summary: Summary) -> str:
    """Show top-1 of kinds of pictures."""
    rows = [
        (f"{one.kind}: {one.name}", f"{one.top1.pictures:,}", percent(one.top1.value), interval(one.top1))
        for one in summary.slices
    ]
    faint = [not one.meaningful for one in summary.slices]
    words = (
        f"<p>Kinds with fewer than {FEWEST} pictures are faint: they tell next to nothing.</p>" if any(faint) else ""
    )
    return words + table(("kind of pictures", "pictures", "named right", "95 % interval"), rows, faint)
