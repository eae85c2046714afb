"""How ``predict`` prints: a table with bars for people, NDJSON or CSV for programs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tinysight.cli.output import bar_for_terminal, echo_json, echo_styled
from tinysight.errors import printable

if TYPE_CHECKING:
    from tinysight.classify import Classifier
    from tinysight.cli.predict import Outcome
    from tinysight.labels import Prediction

CSV_COLUMNS = ("source", "width", "height", "rank", "index", "wnid", "label", "probability", "error")
BAR_WIDTH = 24
LABEL_WIDTH = 26
# Certain from here (green), likely from there (yellow); below, the names are guesses.
CERTAIN, LIKELY = 0.5, 0.2


def outcome_fields(outcome: Outcome, model: str, precision: str) -> dict[str, Any]:
    """Return the object that ``--json`` prints for one picture; keys as in ``docs/json.md``."""
    if outcome.answer is None:
        return {"source": outcome.source, "error": {"reason": outcome.reason, "message": outcome.message}}
    return {
        "source": outcome.source,
        "width": outcome.answer.width,
        "height": outcome.answer.height,
        "predictions": [prediction.to_dict() for prediction in outcome.answer.predictions],
        "model": model,
        "precision": precision,
        "milliseconds": round(outcome.answer.milliseconds, 3),
    }


@contextmanager
def json_printer(classifier: Classifier) -> Iterator[Callable[[Outcome], None]]:
    """Print one JSON object a line."""
    model, precision = classifier.card.name, classifier.engine.precision
    yield lambda outcome: echo_json(outcome_fields(outcome, model, precision))


def neutral(cell: str) -> str:
    """Return text that a spreadsheet shows instead of computing: formulas start with one of ``=+-@``."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


@contextmanager
def csv_printer() -> Iterator[Callable[[Outcome], None]]:
    """Print a header and one line a class; a picture that cannot be read is one line with ``error``."""
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)

    def show(outcome: Outcome) -> None:
        source = neutral(printable(outcome.source, 4096))
        if outcome.answer is None:
            writer.writerow([source, *[""] * 7, outcome.reason])
            return
        for rank, p in enumerate(outcome.answer.predictions, start=1):
            name = neutral(printable(p.label))
            size = (outcome.answer.width, outcome.answer.height)
            writer.writerow([source, *size, rank, p.index, p.wnid or "", name, f"{p.probability:.6f}", ""])

    yield show


def _print_class(prediction: Prediction) -> None:
    share = prediction.probability
    colour = "green" if share >= CERTAIN else "yellow" if share >= LIKELY else "bright_black"
    weight = "bold" if share >= CERTAIN else ""
    echo_styled(
        (f"{share:7.1%}  ", weight),
        (f"{bar_for_terminal(share, BAR_WIDTH):<{BAR_WIDTH}}  ", colour),
        (f"{printable(prediction.label, 60):<{LABEL_WIDTH}}", weight),
        (f" {prediction.index:>4}", "dim"),
        (f"  {prediction.wnid}" if prediction.wnid else "", "dim"),
    )


def _print_compact(source: str, prediction: Prediction | None) -> None:
    if prediction is None:
        echo_styled(("      -  ", "dim"), (f"{'(nothing above the limit)':<{LABEL_WIDTH}} ", "dim"), (source, ""))
        return
    name = printable(prediction.label, LABEL_WIDTH)
    echo_styled((f"{prediction.probability:7.1%}  ", ""), (f"{name:<{LABEL_WIDTH}} ", "bold"), (source, "dim"))


@contextmanager
def table_printer(compact: bool, count: int) -> Iterator[Callable[[Outcome], None]]:
    """Print for people: one line a picture when ``compact``, else its classes with bars; problems go to stderr."""
    tally = {"read": 0, "unreadable": 0}

    def show(outcome: Outcome) -> None:
        source = printable(outcome.source, 500)
        if outcome.answer is None:
            tally["unreadable"] += 1
            click.echo(f"Error: {printable(outcome.message or '', 600)} ({outcome.reason})", err=True)
            return
        tally["read"] += 1
        answer = outcome.answer
        if compact:
            _print_compact(source, answer.predictions[0] if answer.predictions else None)
            return
        echo_styled((source, "bold"), (f"  {answer.width} x {answer.height} px, {answer.milliseconds:.0f} ms", "dim"))
        for prediction in answer.predictions:
            _print_class(prediction)

    yield show
    if count > 1:
        failed = f", {tally['unreadable']} could not be read" if tally["unreadable"] else ""
        pictures = "picture" if tally["read"] == 1 else "pictures"
        echo_styled((f"{tally['read']} {pictures}{failed}", "dim"))
