import io
from dataclasses import replace

import numpy as np
import pytest

from tinysight.checkpoint import Checkpoint
from tinysight.classify import Classifier
from tinysight.errors import ImageError, UsageError
from tinysight.labels import Label
from tinysight.preprocess import encode_png
from tinysight.preprocess.recipe import Recipe

LABELS = tuple(Label(f"n{i}", f"thing {i}") for i in range(7))


@pytest.fixture
def model(make_checkpoint):
    return make_checkpoint(alpha=0.25, resolution=64, num_classes=7, labels=LABELS)


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)


def test_every_form_of_one_picture_gets_one_answer(model, picture, tmp_path):
    from PIL import Image

    data = encode_png(picture)
    path = tmp_path / "x.png"
    path.write_bytes(data)
    classifier = Classifier(model)
    sources = [picture, data, path, str(path), io.BytesIO(data), Image.fromarray(picture), picture[::-1][::-1]]
    answers = [classifier.predict(source) for source in sources]
    assert all(answer == answers[0] for answer in answers)


def test_answer_has_size_names_and_probabilities(model, picture):
    answer = Classifier(model).answer(picture, top_k=7)
    assert (answer.width, answer.height) == (90, 70)
    assert sum(p.probability for p in answer.predictions) == pytest.approx(1)
    assert [p.probability for p in answer.predictions] == sorted(
        (p.probability for p in answer.predictions), reverse=True
    )
    assert all(p.label == f"thing {p.index}" and p.wnid == f"n{p.index}" for p in answer.predictions)
    assert answer.milliseconds > 0


def test_recipe_changes_what_the_network_sees(model, picture):
    answers = {name: Classifier(model, recipe=name).predict(picture)[0].probability for name in ("center", "keras")}
    assert answers["center"] != answers["keras"]
    assert Classifier(model).predict(picture)[0].probability == answers["center"]


def test_recipe_of_the_card_is_the_default(model, picture):
    card = replace(model.card, recipe=Recipe(resolution=64, crop="squash", resample="nearest"))
    assert Classifier(Checkpoint(card, model.arrays)).predict(picture) == Classifier(model, recipe="keras").predict(
        picture
    )


@pytest.mark.parametrize("recipe", ["Center", 5, Recipe(resolution=128), Recipe(resolution=64, value_range=(0.0, 1.0))])
def test_recipes_that_do_not_fit_are_refused(model, recipe):
    with pytest.raises(UsageError):
        Classifier(model, recipe=recipe)


def test_embedding_needs_no_head(make_checkpoint, picture):
    classifier = Classifier(make_checkpoint(alpha=0.25, resolution=64, include_top=False))
    assert classifier.embed(picture).shape == (256,)
    with pytest.raises(UsageError, match="no head"):
        classifier.predict(picture)


def test_batch_and_single_agree(model, picture):
    classifier = Classifier(model)
    output = classifier.run([picture, picture[:, ::-1]])
    assert output.logits.shape == (2, 7)
    assert classifier.name(output, 1)[0][0].index == classifier.predict(picture, 1)[0].index


def test_errors(model, tmp_path):
    classifier = Classifier(model)
    with pytest.raises(ImageError):
        classifier.predict(tmp_path / "none.jpg")
    for single in ("x.jpg", b"x", tmp_path, np.zeros((8, 8, 3), np.uint8)):
        with pytest.raises(UsageError, match="into a list"):
            classifier.run(single)
    with pytest.raises(UsageError, match="no pictures"):
        classifier.run([])
    with pytest.raises(UsageError):
        classifier.predict(np.zeros((8, 8, 3), np.uint8), top_k=0)
    for model in (None, 5, b"x"):
        with pytest.raises(UsageError, match="a name, a path or a Checkpoint"):
            Classifier(model)
