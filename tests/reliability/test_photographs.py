"""The default recipe on 500 photographs: the accuracy that the README states."""

import csv

import numpy as np
import pytest

from tinysight.classify import Classifier

pytestmark = [pytest.mark.weights, pytest.mark.slow]


@pytest.mark.parametrize("precision", ["float32", "int16"])
def test_top1_and_top5_on_the_sample(real_checkpoint, shared, precision):
    folder = shared / "data" / "imagenet_sample"
    classifier = Classifier(real_checkpoint, precision=precision)
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = [(folder / row["file"], int(row["index"])) for row in csv.DictReader(file)]
    ranked = np.array([[p.index for p in classifier.predict(path, top_k=5)] for path, _ in rows])
    truth = np.array([index for _, index in rows])[:, None]
    assert len(rows) == 500
    assert (ranked[:, :1] == truth).mean() >= 0.93
    assert (ranked == truth).any(axis=1).mean() >= 0.98
