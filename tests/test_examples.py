"""The drawn pictures: the script still draws them, and the real network names each one right."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinysight.classify import Classifier
from tinysight.labels import Prediction, imagenet_labels

EXAMPLES = Path(__file__).parents[1] / "examples"
with (EXAMPLES / "expected.csv").open(encoding="utf-8", newline="") as table:
    EXPECTED = {row["file"]: row for row in csv.DictReader(table)}

# Another libjpeg or FreeType moves pixels a little. Turning only the second hand of the clock by two degrees moves
# 0.18 % of that picture's pixels by more than 32 levels.
MEAN_LEVELS = 1.0
FAR_LEVELS, FAR_SHARE = 32, 0.0005


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), np.int16)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    subprocess.run([sys.executable, EXAMPLES / "draw_pictures.py", folder], check=True, stdout=subprocess.PIPE)
    return folder


def test_table_folder_and_script_have_the_same_pictures(drawn: Path) -> None:
    assert list(EXPECTED) == sorted(EXPECTED)
    assert {path.name for path in EXAMPLES.glob("*.jpg")} == set(EXPECTED)
    assert {path.name for path in drawn.iterdir()} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_script_draws_the_picture(drawn: Path, name: str) -> None:
    kept, again = pixels(EXAMPLES / name), pixels(drawn / name)
    assert kept.shape == again.shape == (480, 640, 3)
    difference = np.abs(kept - again)
    assert difference.mean() < MEAN_LEVELS
    assert (difference.max(axis=2) > FAR_LEVELS).mean() < FAR_SHARE


@pytest.mark.parametrize("name", EXPECTED)
def test_pictures_are_small_files(name: str) -> None:
    assert (EXAMPLES / name).stat().st_size < 60_000


def test_the_readme_shows_the_table() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for name, row in EXPECTED.items():
        assert f'src="{name}"' in text
        assert f"| `{name}` | {row['index']} {row['label']} | {row['center']} | {row['keras']} |" in text


def test_the_table_uses_our_names() -> None:
    for row in EXPECTED.values():
        assert imagenet_labels()[int(row["index"])].name == row["label"]


@pytest.fixture(scope="module", params=["center", pytest.param("keras", marks=pytest.mark.slow)])
def answers(request: pytest.FixtureRequest, real_checkpoint) -> tuple[str, dict[str, Prediction]]:
    classifier = Classifier(real_checkpoint, recipe=request.param, precision="float32")
    output = classifier.run(EXAMPLES / name for name in EXPECTED)
    return request.param, {name: best for name, (best,) in zip(EXPECTED, classifier.name(output, 1), strict=True)}


@pytest.mark.weights
def test_the_network_names_every_picture(answers: tuple[str, dict[str, Prediction]]) -> None:
    recipe, best = answers
    for name, row in EXPECTED.items():
        assert (best[name].index, best[name].label) == (int(row["index"]), row["label"])
        # the file is what is classified, so only another JPEG decoder could move the figure
        assert best[name].probability == pytest.approx(float(row[recipe]), abs=0.01)
        assert best[name].probability > 0.9
