"""Photographs that a test dependency ships, through the real weights: the answers do not move."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinysight.classify import Classifier

# Top 1 of mobilenet_v1_1.0_224 and its probability, seen with this project's reference engine.
GOLDEN = {
    ("chelsea.png", "center"): (285, "Egyptian cat", 0.53),
    ("chelsea.png", "center-87.5"): (281, "tabby", 0.50),
    ("chelsea.png", "keras"): (285, "Egyptian cat", 0.95),
    ("coffee.png", "center"): (967, "espresso", 0.97),
    ("coffee.png", "center-87.5"): (967, "espresso", 0.99),
    ("coffee.png", "keras"): (967, "espresso", 0.99),
    ("rocket.jpg", "center"): (657, "missile", 0.53),
    ("rocket.jpg", "center-87.5"): (657, "missile", 0.65),
    # Squashed and sampled at the nearest pixel the rocket is lost: the launch tower beside it wins.
    ("rocket.jpg", "keras"): (517, "crane", 0.47),
}
CATS = {281, 282, 285}  # tabby, tiger cat, Egyptian cat


def photo(name: str) -> Path:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image")
    return Path(data.__file__).parent / name


@pytest.fixture(scope="module")
def classifiers(real_checkpoint) -> dict[str, Classifier]:
    return {
        recipe: Classifier(real_checkpoint, recipe=recipe, precision="float32")
        for recipe in ("center", "center-87.5", "keras")
    }


@pytest.mark.weights
@pytest.mark.parametrize(("name", "recipe"), GOLDEN)
def test_golden_answer(classifiers: dict[str, Classifier], name: str, recipe: str) -> None:
    best = classifiers[recipe].predict(photo(name), top_k=1)[0]
    index, label, probability = GOLDEN[name, recipe]
    assert (best.index, best.label) == (index, label)
    assert best.probability == pytest.approx(probability, abs=0.0051)


@pytest.mark.weights
def test_the_default_recipe_is_the_centred_square(classifiers, real_checkpoint) -> None:
    default = Classifier(real_checkpoint)
    assert default.recipe == classifiers["center"].recipe
    best = default.predict(photo("chelsea.png"), top_k=3)
    assert {prediction.index for prediction in best} == CATS
    assert sum(prediction.probability for prediction in best) > 0.95
