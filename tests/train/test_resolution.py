"""The side to predict at is the smallest that is nearly the best, and its temperature ends up in the head."""

import numpy as np
import pytest
from lively_models import lively

from tinysight.engines import open_engine
from tinysight.preprocess import encode_png
from tinysight.spec import Spec
from tinysight.train.material import Prepared, at_resolution, gather
from tinysight.train.plan import Plan
from tinysight.train.resolution import candidates, choose_resolution, divided, smallest_good


@pytest.mark.parametrize(
    ("losses", "place"),
    [([0.3], 0), ([0.3, 0.2, 0.1], 2), ([0.1, 0.2], 0), ([0.102, 0.1], 0), ([0.1021, 0.1], 1), ([0.2, 0.101, 0.1], 1)],
)
def test_the_smallest_within_two_percent_is_taken(losses, place):
    assert smallest_good(losses) == place


def test_candidates_rise_and_begin_with_the_side_of_training():
    for side in range(32, 400, 7):
        found = candidates(side)
        assert found[0] == side
        assert found == sorted(set(found))
    assert candidates(224, (1.0, 1.2)) == [224, 256]


@pytest.fixture
def material(tmp_path):
    rng = np.random.default_rng(0)
    for place, name in enumerate(("dark", "light")):
        (tmp_path / name).mkdir()
        for number in range(30):
            pixels = rng.integers(80 * place, 80 * place + 150, (50, 60, 3), np.uint8)
            (tmp_path / name / f"{number}.png").write_bytes(encode_png(pixels))
    (tmp_path / "light" / "broken.png").write_bytes(b"no picture")
    return gather(Plan(str(tmp_path), model="m", val_share=0.4), None)


def test_the_choice_is_what_the_engine_says_of_validation(material):
    model = lively(Spec(alpha=0.25, resolution=32, num_classes=2))
    chosen = choose_resolution(model, material, [32, 48, 64])
    assert [one["resolution"] for one in chosen.tried] == [32, 48, 64]
    best = chosen.tried[smallest_good([one["loss"] for one in chosen.tried])]
    assert (chosen.resolution, chosen.temperature, chosen.top1) == (
        best["resolution"],
        best["temperature"],
        best["top1"],
    )
    card, arrays = divided(model, chosen)
    assert card.spec.resolution == card.recipe.resolution == chosen.resolution
    seen = Prepared(material, "val", card.recipe)
    assert chosen.embeddings.shape == (len(seen.images), 256)
    before = open_engine(at_resolution(model, chosen.resolution), precision="float32").run(seen.images)
    after = open_engine(type(model)(card, arrays), precision="float32").run(seen.images)
    np.testing.assert_allclose(after.logits * chosen.temperature, before.logits, rtol=1e-4, atol=1e-4)
    assert (before.logits.argmax(axis=1) == material.labels[seen.indexes]).mean() == pytest.approx(chosen.top1)
