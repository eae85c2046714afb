"""A new head on a backbone: in float32 and in int8 alone."""

from dataclasses import replace

import numpy as np
import pytest
from integer_models import in_both, same_numbers, with_probes
from lively_models import lively, pictures

from tinysight.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from tinysight.classify import Classifier
from tinysight.engines import check_probes, open_engine
from tinysight.errors import CheckpointError, UsageError
from tinysight.spec import Spec
from tinysight.train.assemble import with_head

NAMES = ("daisy", "rose", "tulip")
FACTS = {"name": "flowers", "source": "a test", "licence": "none"}


@pytest.fixture(scope="module")
def backbone():
    return with_probes(lively(Spec(alpha=0.25, resolution=64, num_classes=5)))


@pytest.fixture(scope="module")
def int8_backbone(backbone):
    return in_both(backbone).without_floats()


@pytest.fixture
def head():
    rng = np.random.default_rng(1)
    return rng.normal(0, 0.1, (256, 3)).astype(np.float32), rng.normal(0, 1, 3).astype(np.float32)


def embeddings(model, images):
    return open_engine(model).run(images).embedding


def test_float_head_through_a_file(tmp_path, backbone, head):
    made = with_head(backbone, *head, NAMES, **FACTS)
    assert made.card.spec == replace(backbone.card.spec, num_classes=3, include_top=True)
    assert [label.name for label in made.card.labels] == list(NAMES) and made.card.name == "flowers"
    write_checkpoint(tmp_path / "own.safetensors", made)
    back = read_checkpoint(tmp_path / "own.safetensors")
    same_numbers(back.numbers(), made.numbers())
    classifier = Classifier(tmp_path / "own.safetensors", precision="float32")
    assert check_probes(classifier.engine, back) < 1e-4
    image = pictures(made.card.spec)[0]
    logits = classifier.run([image]).logits[0]
    np.testing.assert_allclose(logits, classifier.embed(image) @ head[0] + head[1], atol=1e-4)
    assert classifier.predict(image)[0].label == NAMES[int(logits.argmax())]


def test_a_backbone_without_a_head_takes_one(backbone, head):
    spec = replace(backbone.card.spec, include_top=False)
    arrays = {name: array for name, array in backbone.arrays.items() if not name.startswith("conv_preds")}
    headless = Checkpoint(replace(backbone.card, spec=spec, probes=()), arrays)
    same_numbers(with_head(headless, *head, NAMES, **FACTS).arrays, with_head(backbone, *head, NAMES, **FACTS).arrays)


def test_the_backbone_is_not_changed(backbone, head):
    before = {name: array.copy() for name, array in backbone.arrays.items()}
    with_head(backbone, *head, NAMES, **FACTS)
    same_numbers(backbone.arrays, before)


@pytest.mark.parametrize("looked_at", [0, 40])
def test_int8_alone_through_a_file(tmp_path, int8_backbone, head, looked_at):
    images = pictures(int8_backbone.card.spec, 60)
    found = embeddings(int8_backbone, images)
    made = with_head(int8_backbone, *head, NAMES, **FACTS, embeddings=found[:looked_at] if looked_at else None)
    assert not made.arrays and made.precisions == ("int8",)
    write_checkpoint(tmp_path / "own.safetensors", made)
    classifier = Classifier(tmp_path / "own.safetensors")
    assert classifier.engine.precision == "int8" and check_probes(classifier.engine, made) < 1e-4
    output = classifier.engine.run(images)
    assert np.array_equal(output.embedding, found)
    wanted = found @ head[0] + head[1]
    # 8 bits of weights, 5 of the mean: one part in 127 of the largest weight, rounded independently 256 times.
    assert np.abs(output.logits - wanted).max() < 0.03 * np.abs(wanted).max()
    assert classifier.predict(images[0])[0].label in NAMES


def test_pictures_make_the_rounding_better(int8_backbone, head):
    images = pictures(int8_backbone.card.spec, 80)
    found = embeddings(int8_backbone, images)
    wanted = found[40:] @ head[0] + head[1]
    errors = {}
    for known in (None, found[:40]):
        made = with_head(int8_backbone, *head, NAMES, **FACTS, embeddings=known)
        errors[known is None] = np.square(open_engine(made).run(images[40:]).logits - wanted).mean()
    assert errors[False] < 0.7 * errors[True]


def test_native_and_reference_agree_on_the_new_head(int8_backbone, head):
    made = with_head(int8_backbone, *head, NAMES, **FACTS)
    images = pictures(made.card.spec, 2)
    outputs = [open_engine(made, engine).run(images).logits for engine in ("reference", "auto")]
    np.testing.assert_allclose(*outputs, atol=1e-4)


@pytest.mark.parametrize("which", ["backbone", "int8_backbone"])
def test_refused(request, head, which):
    model, (kernel, bias) = request.getfixturevalue(which), head
    with pytest.raises(UsageError, match=r"must be \(256, 2\) with 2 biases, received \(256, 3\) and \(3,\)"):
        with_head(model, kernel, bias, NAMES[:2], **FACTS)
    with pytest.raises(CheckpointError, match="not finite"):
        with_head(model, kernel, bias * np.float32("nan"), NAMES, **FACTS)
