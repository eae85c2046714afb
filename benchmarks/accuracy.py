"""Share of photographs that a model names right, for each recipe.

    python benchmarks/accuracy.py FOLDER [--model MODEL] [--recipe center --recipe keras] [--precision int8]

FOLDER holds photographs and ``labels.csv`` with the columns ``file,index``. Prints one JSON object a recipe: top-1 and
top-5 with Wilson's 95 % interval. Photographs from a training set overstate accuracy; differences between recipes still
mean something.
"""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import click

from tinysight import Classifier, ImageError
from tinysight.preprocess.recipe import RECIPES


def wilson(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval for a share, in percent."""
    share, square = hits / count, z * z
    centre = (share + square / (2 * count)) / (1 + square / count)
    half = z * math.sqrt(share * (1 - share) / count + square / (4 * count * count)) / (1 + square / count)
    return round(100 * (centre - half), 1), round(100 * (centre + half), 1)


def measure(folder: Path, model: str, recipe: str, precision: str) -> dict[str, object]:
    """Classify every photograph and compare with its label."""
    classifier = Classifier(model, recipe=recipe, precision=precision)
    top1 = top5 = unreadable = count = 0
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            count += 1
            try:
                indices = [p.index for p in classifier.predict(folder / row["file"], top_k=5)]
            except ImageError:
                unreadable += 1
                continue
            top1 += indices[0] == int(row["index"])
            top5 += int(row["index"]) in indices
    low, high = wilson(top1, count)
    return {
        "model": classifier.card.name,
        "recipe": recipe,
        "precision": classifier.precision,
        "images": count,
        "unreadable": unreadable,
        "top1": round(100 * top1 / count, 1),
        "top1_low": low,
        "top1_high": high,
        "top5": round(100 * top5 / count, 1),
    }


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--model", default="mobilenet_v1_1.0_224")
@click.option("--recipe", "recipes", multiple=True, default=tuple(RECIPES))
@click.option("--precision", default="float32")
def main(folder: Path, model: str, recipes: tuple[str, ...], precision: str) -> None:
    """Measure FOLDER with each recipe."""
    for recipe in recipes:
        click.echo(json.dumps(measure(folder, model, recipe, precision)))


if __name__ == "__main__":
    main()
