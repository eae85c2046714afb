"""The same picture in other clothes gets the same answer from the real network (RELIABILITY 3, 4 and 5)."""

import csv
import json
from collections import defaultdict

import numpy as np
import pytest

from tinysight.classify import Classifier
from tinysight.cli import run
from tinysight.labels import softmax

pytestmark = pytest.mark.weights
# Two groups are lossless copies of one picture; the third went through JPEG coders that turned or recoded it.
LARGEST_DIFFERENCE = {"hopper_256": 1e-4, "hopper_gray": 1e-4, "hopper_512": 0.02}


@pytest.fixture(scope="module")
def groups(shared):
    found = defaultdict(list)
    folder = shared / "data" / "bad_images"
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["group"] in LARGEST_DIFFERENCE and row["expect"] == "ok":
                found[row["group"]].append(folder / row["file"])
    return found


@pytest.fixture(scope="module", params=["float32", "int16"])
def classifier(real_checkpoint, request):
    return Classifier(real_checkpoint, precision=request.param)


@pytest.mark.parametrize("group", LARGEST_DIFFERENCE)
def test_one_answer_a_group(classifier, groups, group):
    scores = {path.name: softmax(classifier.run([path]).logits[0]) for path in groups[group]}
    assert len(scores) >= 4
    assert len({int(score.argmax()) for score in scores.values()}) == 1
    reference = scores[
        min(scores, key=lambda name: ("base" not in name, "rgb.png" not in name, "gray.png" not in name))
    ]
    differences = {name: float(np.abs(score - reference).max()) for name, score in scores.items()}
    worst = max(differences, key=differences.get)
    assert differences[worst] <= LARGEST_DIFFERENCE[group], f"{worst}: {differences[worst]:.4f}"


def test_command_and_python_give_the_same_numbers(classifier, groups, capsys):
    paths = [path for group in groups.values() for path in group[:3]]
    options = ["--json", "--offline", "-k", "3", "--precision", classifier.engine.precision]
    assert run(["predict", *options, *map(str, paths)]) == 0
    for path, line in zip(paths, capsys.readouterr().out.splitlines(), strict=True):
        printed = [(p["index"], p["probability"]) for p in json.loads(line)["predictions"]]
        for source in (path, path.read_bytes()):
            assert printed == [(p.index, p.probability) for p in classifier.predict(source, top_k=3)]
