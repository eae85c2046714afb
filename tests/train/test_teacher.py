"""The teacher judges pictures that it has not learnt from, so that it doubts a wrong label instead of repeating it."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from tinysight.preprocess import encode_png

pytest.importorskip("sklearn", reason="needs scikit-learn (extra train)")
from tinysight.models import open_model
from tinysight.train.material import gather
from tinysight.train.plan import Plan
from tinysight.train.teacher import ask_teacher, is_as_good
from tinysight.train.teaching import Tools

COUNT = 30  # pictures of each class
TOOLS = Tools(lambda _text: contextlib.nullcontext(None), lambda _line: None)


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Dark and light pictures; one light one lies among the dark, one file is no picture."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for place, name in enumerate(("dark", "light")):
        (folder / name).mkdir()
        for number in range(COUNT):
            pixels = rng.integers(120 * place, 120 * place + 100, (40, 40, 3), np.uint8)
            (folder / name / f"{number:02}.png").write_bytes(encode_png(pixels))
    (folder / "dark" / "wrong.png").write_bytes(encode_png(rng.integers(150, 220, (40, 40, 3), np.uint8)))
    (folder / "light" / "broken.png").write_bytes(b"no picture")
    plan = Plan(str(folder), model="m", test_share=0, val_share=0.1, seed=3)
    return gather(plan, None), plan


@pytest.fixture(scope="module")
def embeddings(material):
    rng = np.random.default_rng(1)
    values = rng.normal(3, 0.3, (len(material[0].labels), 2, 8)).astype(np.float32)
    light = material[0].labels == 1
    light[[path.name == "wrong.png" for path in material[0].paths(np.arange(len(light)))]] = True
    values[light, :, 0] += 2
    return values


def row_of(material, name):
    train = material.split.of("train")
    return [path.name for path in material.paths(train)].index(name)


def test_a_wrong_label_is_doubted(material, embeddings):
    data, plan = material
    teacher = ask_teacher(data, plan, TOOLS, embeddings)
    labels = data.labels[data.split.of("train")]
    assert teacher.targets.shape == (len(labels), 2) and teacher.targets.dtype == np.float32
    np.testing.assert_allclose(teacher.targets.sum(axis=1), 1, rtol=1e-5)
    assert teacher.targets[row_of(data, "wrong.png"), 1] > 0.8, "its label says 0"
    assert 0.9 < teacher.top1 < 1


def test_it_says_the_same_again_and_something_else_with_another_seed(material, embeddings):
    data, plan = material
    first, again = (ask_teacher(data, plan, TOOLS, embeddings).targets for _ in range(2))
    other = ask_teacher(data, replace(plan, seed=4), TOOLS, embeddings).targets
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_the_built_in_network_is_asked_and_a_file_that_is_no_picture_keeps_its_label(material):
    data, plan = material
    teacher = ask_teacher(data, plan, TOOLS)
    assert teacher.targets[row_of(data, "broken.png")].tolist() == [0, 1]
    assert teacher.targets[row_of(data, "wrong.png"), 1] > 0.5
    assert teacher.loss < np.log(2)


def test_the_only_picture_of_a_class_keeps_its_label(material, embeddings):
    data, plan = material
    lone = row_of(data, "00.png")
    labels = data.labels.copy()
    labels[data.split.of("train")[lone]] = 2
    classes = (*data.dataset.classes, "lone")
    examples = [one._replace(label=int(label)) for one, label in zip(data.dataset.examples, labels, strict=True)]
    changed = replace(data, dataset=replace(data.dataset, classes=classes, examples=examples))
    teacher = ask_teacher(changed, plan, TOOLS, embeddings)
    assert teacher.targets[lone].tolist() == [0, 0, 1]


def test_only_the_network_itself_or_a_wider_one_needs_no_teacher(material):
    data, _ = material
    built_in = open_model("mobilenet_v1_1.0_224", precision="int8")
    start = replace(data, backbone=built_in)
    assert is_as_good(start, 224) and not is_as_good(start, 160) and not is_as_good(data, 224)
    taught = replace(built_in, card=replace(built_in.card, seen=data.seen))
    assert not is_as_good(replace(data, backbone=taught), 224), "it would judge what it has learnt from"
