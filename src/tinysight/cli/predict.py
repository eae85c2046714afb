"""``tinysight predict``: what pictures show."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tinysight.cli.options import (
    model_option,
    offline_option,
    open_classifier,
    precision_option,
    recipe_option,
    threads_option,
)
from tinysight.cli.output import json_option, standard_input
from tinysight.errors import ImageError, UsageError

if TYPE_CHECKING:
    from tinysight.classify import Answer, Classifier
    from tinysight.pictures import Found

DEFAULT_TOP_K = 5
EPILOG = """\b
Examples:
  tinysight predict examples/analog_clock.jpg
  tinysight predict --json --top-k 1 'photos/**/*.jpg' holiday/
  curl -s ADDRESS | tinysight predict -"""


class Outcome(NamedTuple):
    """One picture's answer, or why there is none."""

    source: str
    answer: Answer | None
    reason: str | None = None
    message: str | None = None


def classify_one(classifier: Classifier, found: Found, top_k: int, min_probability: float) -> Outcome:
    """Answer for one input; a picture that cannot be read is an outcome, not an exception."""
    from dataclasses import replace

    from tinysight.pictures import STDIN

    if found.problem is not None:
        return Outcome(found.name, None, found.reason, found.problem)
    try:
        answer = classifier.answer(standard_input() if found.name == STDIN else found.name, top_k)
    except ImageError as error:
        where = "standard input: " if found.name == STDIN else ""
        return Outcome(found.name, None, error.reason, f"{where}{error}")
    kept = [prediction for prediction in answer.predictions if prediction.probability >= min_probability]
    return Outcome(found.name, replace(answer, predictions=kept))


@click.command(epilog=EPILOG)
@click.argument("pictures", nargs=-1, required=True)
@model_option
@click.option("-k", "--top-k", type=click.IntRange(min=1), help="How many classes for each picture (1 to all).")
@click.option(
    "--min-probability", type=click.FloatRange(0, 1), default=0.0, help="Leave out classes below this probability."
)
@recipe_option
@precision_option
@threads_option
@offline_option
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print one line a class, separated by commas.")
def command(
    pictures: tuple[str, ...],
    model: str,
    top_k: int | None,
    min_probability: float,
    recipe: str | None,
    precision: str,
    threads: int | None,
    offline: bool,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Say what PICTURES show: files, folders, patterns such as 'photos/*.jpg', or - for standard input.

    A picture that cannot be read is reported, the others are done, and the exit code is 4.
    """
    from tinysight.cli.answers import csv_printer, json_printer, table_printer
    from tinysight.pictures import find_pictures

    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other")
    if min_probability != min_probability:
        raise UsageError("--min-probability must be from 0 to 1, received nan")
    found = list(find_pictures(pictures))
    classifier = open_classifier(model, recipe, precision, offline, threads)
    printer: AbstractContextManager[Callable[[Outcome], None]]
    if as_json:
        printer = json_printer(classifier)
    elif as_csv:
        printer = csv_printer()
    else:
        printer = table_printer(compact=len(found) > 1 and top_k is None, count=len(found))
    return _run(classifier, found, top_k or DEFAULT_TOP_K, min_probability, printer)


def _run(classifier: Classifier, found: list[Found], top_k: int, min_probability: float, printer: Any) -> int:
    from tinysight.cli import EXIT_SOME_UNREADABLE

    unreadable = 0
    with printer as show:
        for one in found:
            outcome = classify_one(classifier, one, top_k, min_probability)
            unreadable += outcome.answer is None
            show(outcome)
    return EXIT_SOME_UNREADABLE if unreadable else 0
