"""The teacher judges pictures that it has not learnt from, so that it doubts a wrong label instead of repeating it."""

import contextlib

import numpy as np
import pytest

from tinysight.preprocess import encode_png

pytest.importorskip("sklearn", reason="needs scikit-learn (extra train)")
from tinysight.train.material import gather
from tinysight.train.plan import Plan
from tinysight.train.teacher import ask_teacher, judge
from tinysight.train.teaching import Tools

COUNT = 30  # pictures of each class
TOOLS = Tools(lambda _text: contextlib.nullcontext(None), lambda _line: None)


LABELS = np.repeat([0, 1], COUNT)
WRONG = 3  # labelled 0, looks like 1


@pytest.fixture(scope="module")
def embeddings():
    values = np.random.default_rng(1).normal(3, 0.3, (2 * COUNT, 2, 8)).astype(np.float32)
    values[COUNT:, :, 0] += 2
    values[WRONG, :, 0] += 2
    return values


def judged(embeddings, labels=LABELS, readable=None, classes=2, **options):
    everyone = np.ones(len(labels), np.bool_)
    return judge(embeddings, labels, everyone if readable is None else readable, classes, **options)


def test_a_wrong_label_is_doubted(embeddings):
    teacher = judged(embeddings)
    assert teacher.targets.shape == (len(LABELS), 2) and teacher.targets.dtype == np.float32
    np.testing.assert_allclose(teacher.targets.sum(axis=1), 1, rtol=1e-5)
    assert teacher.targets[WRONG, 1] > 0.8, "its label says 0"
    assert 0.9 < teacher.top1 < 1 and 0 < teacher.loss < np.log(2)


def test_it_says_the_same_again_and_something_else_with_another_seed(embeddings):
    first, again, other = (judged(embeddings, seed=seed).targets.tobytes() for seed in (3, 3, 4))
    assert first == again != other


def test_who_cannot_be_judged_keeps_the_label(embeddings):
    labels, readable = LABELS.copy(), np.ones(len(LABELS), np.bool_)
    labels[0], readable[WRONG] = 2, False
    teacher = judged(embeddings, labels, readable, classes=3)
    assert teacher.targets[0].tolist() == [0, 0, 1], "the only one of its class"
    assert teacher.targets[WRONG].tolist() == [1, 0, 0], "no picture"
    assert judged(embeddings[:2], np.array([0, 1])) is None


def test_the_built_in_network_looks_at_the_pictures(tmp_path):
    rng = np.random.default_rng(0)
    for place, name in enumerate(("dark", "light")):
        (tmp_path / name).mkdir()
        for number in range(12):
            pixels = rng.integers(120 * place, 120 * place + 100, (40, 40, 3), np.uint8)
            (tmp_path / name / f"{number:02}.png").write_bytes(encode_png(pixels))
    (tmp_path / "light" / "broken.png").write_bytes(b"no picture")
    plan = Plan(str(tmp_path), model="m", test_share=0, val_share=0.1)
    material = gather(plan, None)
    teacher = ask_teacher(material, plan, TOOLS)
    assert len(teacher.targets) == len(material.split.of("train"))
    assert teacher.top1 == 1
