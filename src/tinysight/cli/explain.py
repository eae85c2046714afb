"""``tinysight explain``: where in a picture the network looked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tinysight.cli.options import model_option, offline_option, open_classifier, precision_option, recipe_option
from tinysight.cli.output import echo_json, json_option, output_path, standard_input
from tinysight.errors import ImageError, printable

if TYPE_CHECKING:
    from tinysight.explain import Explanation

EPILOG = """\b
Examples:
  tinysight explain examples/analog_clock.jpg -o clock_heat.png
  tinysight explain photo.jpg --class tabby --json"""


@click.command(epilog=EPILOG)
@click.argument("picture")
@click.option("-o", "--output", metavar="PNG", help="Where the overlay goes. Default: PICTURE's name + _explained.png.")
@click.option(
    "--class", "wanted", metavar="CLASS", help="Class to explain: index, wnid or name. Default: the likeliest."
)
@click.option("--force", is_flag=True, help="Replace an output that is already there.")
@model_option
@recipe_option
@precision_option
@offline_option
@json_option
def command(
    picture: str,
    output: str | None,
    wanted: str | None,
    force: bool,
    model: str,
    recipe: str | None,
    precision: str,
    offline: bool,
    as_json: bool,
) -> int:
    """Draw the evidence for one class over PICTURE (a file, or - for standard input).

    The class activation map is exact for this network: the mean of the numbers in --json plus the bias is the class's
    logit.
    """
    from tinysight.cli import EXIT_SOME_UNREADABLE
    from tinysight.explain import explain
    from tinysight.labels import class_index

    stem = "stdin" if picture == "-" else Path(picture).stem
    target = output_path(f"{stem}_explained.png" if output is None else output, ".png", force)
    classifier = open_classifier(model, recipe, precision, offline)
    card = classifier.card
    index = None if wanted is None else class_index(wanted, card.labels, card.spec.num_classes)
    try:
        explanation = explain(classifier, standard_input() if picture == "-" else picture, index)
    except ImageError as error:
        if as_json:
            echo_json({"source": picture, "error": {"reason": error.reason, "message": str(error)}})
        else:
            click.echo(f"Error: {error} ({error.reason})", err=True)
        return EXIT_SOME_UNREADABLE
    explanation.save(target)
    _show(picture, target, explanation, as_json)
    return 0


def _show(picture: str, target: Path, explanation: Explanation, as_json: bool) -> None:
    prediction = explanation.prediction
    top, left, height, width = explanation.box
    if as_json:
        fields = {
            "source": picture,
            "output": str(target),
            "prediction": prediction.to_dict(),
            "logit": explanation.logit,
            "bias": explanation.bias,
            "heat": explanation.heat.tolist(),
            "box": {"top": top, "left": left, "height": height, "width": width},
        }
        echo_json(fields)
        return
    name = printable(prediction.label)
    click.echo(f"{name}: {prediction.probability:.1%}, logit {explanation.logit:.2f} (bias {explanation.bias:+.2f})")
    click.echo(f"wrote {printable(str(target))}")
