"""``tinysight evaluate``: how good a model is on labelled pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinysight.cli.options import offline_option, open_classifier, precision_option, recipe_option
from tinysight.cli.output import console, echo_json, json_option, left_out, output_path, progress_bar
from tinysight.errors import GateError, UsageError, printable

if TYPE_CHECKING:
    from tinysight.classify import Classifier
    from tinysight.evaluate.pair import Pair
    from tinysight.evaluate.run import Evaluation

EPILOG = """\b
Examples:
  tinysight evaluate mine.safetensors flowers/ --output report.html
  tinysight evaluate mine.safetensors flowers/ --min-top1 0.9 --json
  tinysight evaluate old.safetensors new.safetensors flowers/"""


@click.command(epilog=EPILOG)
@click.argument("inputs", nargs=-1, metavar="MODEL [MODEL_B] DATA")
@click.option(
    "--part",
    type=click.Choice(["auto", "all", "test", "val", "train"]),
    default="auto",
    show_default=True,
    help="Which pictures. auto: test or val where the data has such a part, else all.",
)
@click.option("--include-seen", is_flag=True, help="Measure on pictures that the model was trained on, too.")
@click.option("--coverage", type=float, default=0.95, show_default=True, help="What sets of classes shall promise.")
@click.option("--reject-below", type=click.FloatRange(0, 1), metavar="P", help="Withhold answers less likely than P.")
@click.option("--min-top1", type=click.FloatRange(0, 1), metavar="X", help="Exit 3 if top-1 is below X, 0 to 1.")
@click.option("-o", "--output", metavar="HTML", help="Write a report, one file that needs no network.")
@click.option("--force", is_flag=True, help="Replace a report that is already there.")
@recipe_option
@precision_option
@offline_option
@json_option
def command(
    inputs: tuple[str, ...],
    part: str,
    include_seen: bool,
    coverage: float,
    reject_below: float | None,
    min_top1: float | None,
    output: str | None,
    force: bool,
    recipe: str | None,
    precision: str,
    offline: bool,
    as_json: bool,
) -> int:
    """Measure MODEL, a released name or a .safetensors file, on DATA, labelled pictures.

    DATA is a folder with one folder for each class, or a table such as labels.csv. Classes are found in the model by
    name. With MODEL_B the two are compared on the same pictures; a gate is then MODEL_B's. What a model was trained on
    is left out, as far as it tells. Pictures that cannot be read count nowhere, and the exit code is 4.
    """
    models, data = _checked(inputs, coverage, reject_below, min_top1)
    target = None if output is None else output_path(output, ".html", force)
    classifiers = [open_classifier(model, recipe, precision, offline) for model in models]
    evaluations = _evaluate(classifiers, data, part, include_seen)
    compared = None
    if len(evaluations) == 2:
        from tinysight.evaluate.pair import pair

        compared = pair(*evaluations)
    if target is not None:
        _write(target, classifiers[0], evaluations[0], compared, coverage, reject_below)
    _print(evaluations[0], compared, coverage, reject_below, as_json)
    if target is not None and not as_json:
        click.echo(f"wrote {printable(str(target))}")
    code = left_out(list(dict.fromkeys(line for one in evaluations for line in one.unreadable)))
    _gate(evaluations[-1], min_top1)
    return code


def _checked(
    inputs: tuple[str, ...], coverage: float, reject_below: float | None, min_top1: float | None
) -> tuple[tuple[str, ...], str]:
    """Refuse what cannot end well, before any work, and return the models and the data."""
    if not 2 <= len(inputs) <= 3:
        raise UsageError(f"give MODEL and DATA, or MODEL, MODEL_B and DATA; received {len(inputs)} of them")
    if not 0 < coverage < 1:
        raise UsageError(f"--coverage must be between 0 and 1, received {coverage}")
    for name, value in (("--reject-below", reject_below), ("--min-top1", min_top1)):
        if value is not None and value != value:
            raise UsageError(f"{name} must be from 0 to 1, received nan")
    return inputs[:-1], inputs[-1]


def _evaluate(classifiers: list[Classifier], data: str, part: str, include_seen: bool) -> list[Evaluation]:
    from tinysight.data.contents import hash_contents
    from tinysight.data.layout import read_dataset
    from tinysight.evaluate.run import choose_part, evaluate_model

    dataset = read_dataset(data)
    indexes = choose_part(dataset, part)
    contents = [b""] * len(dataset.examples)
    hashes = hash_contents(dataset.examples[index].path for index in indexes.tolist())
    for index, digest in zip(indexes.tolist(), hashes, strict=True):
        contents[index] = digest
    evaluations = []
    for classifier in classifiers:
        with progress_bar(f"Running {printable(classifier.card.name, 40)}", of_bytes=False) as progress:
            found = evaluate_model(classifier, dataset, indexes, contents, progress, include_seen=include_seen)
        evaluations.append(found)
    return evaluations


def _write(
    target: Path,
    classifier: Classifier,
    evaluation: Evaluation,
    compared: Pair | None,
    coverage: float,
    reject_below: float | None,
) -> None:
    from tinysight.atomic import write_atomically
    from tinysight.evaluate.gallery import draw_mistakes
    from tinysight.evaluate.pair import pair_section
    from tinysight.evaluate.report import render_report

    with progress_bar("Drawing mistakes", of_bytes=False) as progress:
        gallery = draw_mistakes(classifier, evaluation, progress=progress)
    sections = [] if compared is None else [pair_section(compared)]
    title = f"How good is {evaluation.model}?"
    page = render_report(title, evaluation, gallery, sections, coverage=coverage, reject_below=reject_below)
    write_atomically(target, page.encode())


def _print(
    evaluation: Evaluation, compared: Pair | None, coverage: float, reject_below: float | None, as_json: bool
) -> None:
    from tinysight.cli.evaluation_text import print_evaluation, print_pair
    from tinysight.evaluate.pair import pair_fields
    from tinysight.evaluate.summary import summarize, to_fields

    if compared is not None:
        if as_json:
            echo_json(pair_fields(compared))
        else:
            print_pair(console(), compared)
        return
    summary = summarize(evaluation, coverage, reject_below)
    if as_json:
        echo_json(to_fields(evaluation, summary))
    else:
        print_evaluation(console(), evaluation, summary)


def _gate(evaluation: Evaluation, min_top1: float | None) -> None:
    top1 = float(evaluation.correct.mean())
    if min_top1 is not None and top1 < min_top1:
        raise GateError(
            f"{evaluation.model} names {int(evaluation.correct.sum()):,} of {len(evaluation.paths):,} pictures right, "
            f"a share of {top1:.4f}; at least {min_top1} is wanted"
        )
