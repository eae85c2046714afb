"""One file that shows how good a model is: opens anywhere, needs no network, runs no script.

The page forbids everything but its own two style sheets, named by their hashes, and images inside it; whatever a file
or a class is called, it is text.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from tinysight.evaluate import report_sections as parts
from tinysight.evaluate.gallery import Mistake
from tinysight.evaluate.html import escape, interval, lines, percent, plural
from tinysight.evaluate.intervals import Share
from tinysight.evaluate.report_style import style_sheet
from tinysight.evaluate.run import Evaluation
from tinysight.evaluate.summary import Summary, summarize
from tinysight.evaluate.svg import Drawing, style
from tinysight.preprocess import Recipe

Section = tuple[str, str]  # title as plain text, body as HTML


def render_report(
    title: str,
    evaluation: Evaluation,
    gallery: Sequence[Mistake] = (),
    sections: Sequence[Section] = (),
    *,
    coverage: float = 0.95,
    reject_below: float | None = None,
) -> str:
    """Return a report as one HTML file.

    Args:
        title: plain text.
        evaluation: what the model said.
        gallery: of ``gallery.draw_mistakes``.
        sections: further parts, (title, HTML). The title is plain text; the HTML must come from ``html.escape``,
            ``html.table``, ``html.plot`` and the like: no style, no script, no address outside is let through.
        coverage: that sets of classes promise.
        reject_below: probability below which answers are withheld, 0..1.

    Raises:
        UsageError: a coverage out of range.
    """
    summary = summarize(evaluation, coverage, reject_below)
    wrong = "Worst mistakes"
    body: list[Section] = [
        (wrong, parts.mistakes(evaluation, gallery)),
        ("What it mixes up", parts.confusion(evaluation, summary)),
        ("Each class", parts.classes(evaluation, summary)),
        ("Can it be trusted?", parts.calibration(evaluation, summary)),
        ("“One of these”", parts.sets(summary, coverage)),
        ("Kinds of pictures", parts.kinds(summary)),
        *sections,
    ]
    if evaluation.unreadable:
        count = len(evaluation.unreadable)
        words = f"<p>{plural(count, 'picture')} could not be read and count nowhere.</p>{lines(evaluation.unreadable)}"
        body.append(("Not read", words))
    if not gallery and not evaluation.correct.all():
        body = [one for one in body if one[0] != wrong]
    return _page(title, evaluation, _headline(evaluation, summary), body)


def _page(title: str, evaluation: Evaluation, headline: str, body: Sequence[Section]) -> str:
    sheet, plots = style_sheet(), style()
    styles = f"style-src {_hash(sheet)} {_hash(plots)}"
    policy = f"default-src 'none'; img-src data:; {styles}; base-uri 'none'; form-action 'none'"
    links = "".join(f'<a href="#part-{at}">{escape(name)}</a>' for at, (name, _) in enumerate(body))
    sections = "".join(
        f'<section id="part-{at}"><h2>{escape(name)}</h2>{words}</section>' for at, (name, words) in enumerate(body)
    )
    facts = "".join(f"<li>{fact}</li>" for fact in _facts(evaluation))
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<style>{sheet}</style></head>
<body><header><div><h1>{escape(title)}</h1><ul class="facts">{facts}</ul></div></header>
<nav aria-label="Parts"><div><a href="#result">Result</a>{links}</div></nav>
<main><section id="result">{headline}</section>{sections}</main>
<footer>Intervals are 95 %: what more pictures like these could show (Wilson; each picture on its own).
Made by tinysight; the file is complete in itself.</footer></body></html>
"""


def _hash(sheet: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()}'"


def _facts(evaluation: Evaluation) -> list[str]:
    recipe = evaluation.recipe
    facts = [
        f"model {evaluation.model}",
        evaluation.precision,
        f"{recipe.resolution} px, {_crop(recipe)}, {recipe.resample}",
        f"data {evaluation.where}",
        plural(len(evaluation.paths), "picture"),
    ]
    return [escape(fact) for fact in facts]


def _crop(recipe: Recipe) -> str:
    if recipe.crop == "squash":
        return "squashed"
    return "centred square" + ("" if recipe.crop_fraction == 1 else f" of {percent(recipe.crop_fraction)}")


def _headline(evaluation: Evaluation, summary: Summary) -> str:
    top1 = summary.top1
    words = (
        f"Of {plural(top1.pictures, 'picture')}, the model named <b>{top1.hits:,} right</b>. Of many more pictures "
        f"like these it would name between <b>{percent(top1.low)} and {percent(top1.high)}</b> right."
    )
    number = f'<div class="big">{100 * top1.value:.1f}<small> %</small></div><p class="soft">named right (top-1)</p>'
    bar = f'<div class="plot">{_interval_svg(top1)}</div>'
    tiles = "".join(
        f'<li><b>{value}</b><span class="what">{escape(what)}</span><span>{escape(more)}</span></li>'
        for value, what, more in _tiles(summary)
    )
    return (
        f'<div class="headline"><div>{number}</div><div><p>{words}</p>{bar}</div></div>'
        f'<ul class="tiles">{tiles}</ul>{_notes(evaluation)}'
    )


def _tiles(summary: Summary) -> list[tuple[str, str, str]]:
    tiles = []
    if summary.top5 is not None:
        tiles.append(
            (percent(summary.top5.value), "top-5", f"right class among the first five; {interval(summary.top5)}")
        )
    tiles.append((f"{summary.f1:.3f}", "macro F1", "precision and recall together, each class counting once"))
    tiles.append((percent(summary.calibration_error), "calibration error", "how far probabilities are off, on average"))
    if summary.coverage is not None:
        size = f"{summary.coverage.mean_size:.2f} classes"
        tiles.append((size, f"for {summary.coverage.wanted:.0%} certainty", "size of a set that holds the right one"))
    if summary.rejection is not None and summary.rejection.top1 is not None:
        kept = percent(summary.rejection.kept.value)
        more = f"answered when at least {100 * summary.rejection.below:g} % sure: {kept} of the pictures"
        tiles.append((percent(summary.rejection.top1.value), "right when sure", more))
    return tiles


def _notes(evaluation: Evaluation) -> str:
    notes = []
    if evaluation.left_out_seen:
        left = plural(evaluation.left_out_seen, "picture")
        notes.append(f"{left} left out that the model was trained on.")
    elif not evaluation.training_known:
        notes.append(
            "The model does not say which pictures it was trained on. If these are among them, all numbers here are "
            "better than it would do on new ones."
        )
    if evaluation.unreadable:
        notes.append(f"{plural(len(evaluation.unreadable), 'picture')} could not be read.")
    return "".join(f'<p class="note">{escape(note)}</p>' for note in notes)


def _interval_svg(found: Share) -> str:
    """Draw a share and its interval on a line from 0 to 100 %."""
    width, left, right, middle = 520.0, 12.0, 508.0, 20.0
    words = f"{percent(found.value)}, interval {interval(found)}"
    drawing = Drawing(width, 48, "Share named right", words)

    def at(value: float) -> float:
        return left + value * (right - left)

    drawing.rect(left, middle - 4, right - left, 8, "grid")
    drawing.rect(
        at(found.low), middle - 8, max(2.0, at(found.high) - at(found.low)), 16, "blue", opacity=0.4, hint=words
    )
    drawing.rect(at(found.value) - 1.5, middle - 12, 3, 24, "blue", hint=words)
    for value in (0, 0.25, 0.5, 0.75, 1):
        anchor = "start" if value == 0 else "end" if value == 1 else "middle"
        drawing.text(at(value), 44, f"{value:.0%}", "soft", size=11, anchor=anchor)
    return drawing.svg()
