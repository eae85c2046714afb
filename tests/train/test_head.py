"""The head: right on classes that can be told apart, calibrated, folded, the same bytes again."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinysight.errors import MissingExtraError, UsageError
from tinysight.evaluate.calibration import fit_temperature, negative_log_likelihood
from tinysight.train.head import SMALLEST_DEVIATION, Regression, fit_head
from tinysight.train.strength import DEFAULT_STRENGTH, STRENGTHS, careful_temperature, make_folds

NONE = np.empty(0, np.intp)


def features(pictures, classes, noise, channels=40, seed=0):
    """Rectified, like the network's, with a class' own direction; channels of very different size, one of them dead."""
    rng = np.random.default_rng(seed)
    labels = np.arange(pictures) % classes
    centres = np.random.default_rng(99).normal(0, 1, (classes, channels))
    views = centres[labels, None] + rng.normal(0, noise, (pictures, 2, channels))
    values = np.maximum(views + 1, 0) * np.linspace(0.01, 2, channels)
    values[:, :, 3] = 0
    return values.astype(np.float32), labels


def parts(pictures, val=0.2):
    order = np.random.default_rng(1).permutation(pictures)
    cut = int(val * pictures)
    return np.sort(order[cut:]), np.sort(order[:cut])


def answers(head, values):
    return values[:, 0] @ head.kernel + head.bias


def probabilities(logits):
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


class TestWithScikitLearn:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("sklearn", reason="needs scikit-learn (extra train)")

    @pytest.mark.parametrize("classes", [2, 5])
    def test_classes_apart_are_told_apart(self, classes):
        values, labels = features(400, classes, noise=0.4)
        head = fit_head(values, labels, *parts(400), classes)
        new, truth = features(300, classes, noise=0.4, seed=7)
        assert (answers(head, new).argmax(axis=1) == truth).mean() > 0.99 and head.val_top1 > 0.97
        assert head.kernel.shape == (40, classes) and head.kernel.dtype == head.bias.dtype == np.float32
        assert head.strength in STRENGTHS and len(head.curve) >= 3

    @pytest.mark.parametrize("classes", [2, 4])
    def test_the_folded_head_says_what_scikit_learn_says(self, classes):
        from sklearn.linear_model import LogisticRegression

        values, labels = features(300, classes, noise=1.5)
        train, val = parts(300)
        head = fit_head(values, labels, train, val, classes)
        both = np.concatenate([train, val])
        learnt = values[train].reshape(-1, 40)
        deviation = learnt.std(axis=0)
        root = np.sqrt(np.maximum(deviation, SMALLEST_DEVIATION * deviation.mean()))
        divisor = root * np.sqrt(np.square(deviation / root).mean())
        scaled = (values - learnt.mean(axis=0)) / divisor
        model = LogisticRegression(C=1 / head.strength, max_iter=500)
        model.fit(scaled[both].reshape(-1, 40), np.repeat(labels[both], 2))
        wanted = model.predict_proba(scaled[:, 0])
        given = probabilities(answers(head, values).astype(np.float64) * head.temperature)
        np.testing.assert_allclose(given, wanted, atol=1e-5)

    def test_the_best_trial_is_taken(self):
        values, labels = features(300, 5, noise=2)
        head = fit_head(values, labels, *parts(300), 5)
        best = min(head.curve, key=lambda trial: trial.val_nll)
        assert (head.strength, head.val_top1) == (best.strength, best.val_top1)
        assert [trial.strength for trial in head.curve] == list(STRENGTHS[: len(head.curve)])
        assert len(head.curve) == min(head.curve.index(best) + 3, len(STRENGTHS))

    def test_probabilities_are_calibrated(self):
        values, labels = features(1500, 5, noise=2.5)
        head = fit_head(values, labels, *parts(1500), 5)
        new, truth = features(2000, 5, noise=2.5, seed=5)
        shares = probabilities(answers(head, new))
        assert abs(shares.max(axis=1).mean() - (shares.argmax(axis=1) == truth).mean()) < 0.04
        assert abs(np.log(fit_temperature(answers(head, new), truth))) < 0.25

    def test_same_input_same_bytes_whatever_the_threads(self):
        program = """
import numpy as np, hashlib
from test_head import features, parts
from tinysight.train.head import fit_head
head = fit_head(*features(600, 5, 1.5, channels=256), *parts(600), 5)
print(hashlib.sha256(head.kernel.tobytes() + head.bias.tobytes()).hexdigest())
"""
        here = str(Path(__file__).parent)
        found = set()
        for threads in ("1", "2"):
            variables = {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "PYTHONPATH": here}
            environment = os.environ | variables
            found.add(subprocess.check_output([sys.executable, "-c", program], env=environment, text=True))
        assert len(found) == 1

    @pytest.mark.parametrize("each", [1, 2, 5])
    def test_a_few_pictures_without_validation(self, each):
        values, labels = features(4 * each, 4, noise=0.3)
        head = fit_head(values, labels, np.arange(4 * each), NONE, 4)
        new, truth = features(200, 4, noise=0.3, seed=8)
        assert (answers(head, new).argmax(axis=1) == truth).mean() > 0.9
        if each == 1:
            assert (head.strength, head.temperature, head.val_top1, head.curve) == (DEFAULT_STRENGTH, 1.0, None, ())
        else:
            assert head.val_top1 is not None and head.temperature > 0.05

    def test_few_right_answers_are_no_certainty(self):
        values, labels = features(10, 2, noise=0.05)
        head = fit_head(values, labels, np.arange(10), NONE, 2)
        assert head.val_top1 == 1 and 0.8 < probabilities(answers(head, values)).max(axis=1).mean() < 0.999

    def test_class_weights_help_the_rare(self):
        values, labels = features(600, 2, noise=3)
        kept = np.flatnonzero((labels == 0) | (np.arange(600) % 20 == 1))
        found = {}
        for weights in (False, True):
            head = fit_head(values[kept], labels[kept], *parts(len(kept)), 2, class_weights=weights)
            new, truth = features(600, 2, noise=3, seed=4)
            found[weights] = (answers(head, new)[truth == 1].argmax(axis=1) == 1).mean()
        assert found[True] > found[False] + 0.1

    def test_progress_ends(self):
        values, labels = features(100, 2, noise=1)
        calls = []
        fit_head(values, labels, *parts(100), 2, progress=lambda *call: calls.append(call))
        assert calls[0] == (1, 12) and calls[-1] == (12, 12) and calls == sorted(calls)

    def test_values_are_not_touched(self):
        values, labels = features(100, 2, noise=1)
        before = values.copy()
        fit_head(values, labels, *parts(100), 2)
        assert np.array_equal(values, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_classes": 1}, "two are needed, received 1"),
        ({"num_classes": 4}, r"class 3 has no picture to learn from \(1 of 4 have none\)"),
        ({"num_classes": 2}, "labels must be 0 to 1, received 0 to 2"),
        ({"values": np.zeros((30, 8), np.float32)}, r"must be \(N, views, c\)"),
        ({"values": np.full((30, 2, 8), np.nan, np.float32)}, "not finite"),
    ],
)
def test_refused(change, message):
    values, labels = features(30, 3, noise=1)
    options = {"values": values, "labels": labels, "train_indexes": np.arange(30), "val_indexes": NONE}
    with pytest.raises(UsageError, match=message):
        fit_head(**{"num_classes": 3, **options, **change})


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.exceptions", None)
    values, labels = features(30, 3, noise=1)
    with pytest.raises(MissingExtraError, match=r"tinysight\[train\]"):
        fit_head(values, labels, np.arange(30), NONE, 3)


def test_enough_validation_is_the_only_fold():
    labels, (train, val) = np.arange(400) % 4, parts(400)
    ((learn, ask),) = make_folds(labels, train, val, seed=0)
    assert np.array_equal(learn, train) and np.array_equal(ask, val)


@pytest.mark.parametrize("seed", range(5))
def test_folds_ask_everyone_once_and_leave_something_to_learn(seed):
    labels = np.array([0] * 9 + [1] * 2 + [2] + [3] * 30)
    train, val = np.arange(0, 42, 2), np.arange(1, 42, 2)
    folds = make_folds(labels, train, val, seed)
    assert sorted(np.concatenate([fold.ask for fold in folds])) == [*range(11), *range(12, 42)]  # 11 is alone
    for fold in folds:
        assert sorted([*fold.learn, *fold.ask]) == list(range(42)) and set(labels[fold.learn]) == {0, 1, 2, 3}
    again = make_folds(labels, train, val, seed)
    assert all(np.array_equal(a.ask, b.ask) for a, b in zip(folds, again, strict=True))


def test_of_many_pictures_one_fold_is_asked():
    ((learn, ask),) = make_folds(np.arange(2500) % 5, np.arange(2500), NONE, seed=0)
    assert (len(learn), len(ask)) == (2000, 500) and set(np.bincount(np.arange(2500)[ask] % 5)) == {100}


def test_temperature_improves_the_loss():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 800)
    logits = 8 * (np.eye(4)[labels] + rng.normal(0, 0.7, (800, 4)))
    temperature = careful_temperature(logits[:400], labels[:400])
    loss = negative_log_likelihood(logits[400:], labels[400:])
    assert temperature > 2 and negative_log_likelihood(logits[400:], labels[400:], temperature) < loss - 0.5
    assert abs(temperature / fit_temperature(logits[:400], labels[:400]) - 1) < 0.02


def test_dead_and_constant_features_do_no_harm():
    values = np.ones((10, 2, 3), np.float32)
    regression = Regression(values, np.arange(10) % 2, np.arange(10), False)
    assert np.isfinite(regression.divisor).all() and (regression.divisor > 0).all()


def test_without_refitting_val_chooses_and_teaches_nothing():
    """A head that training starts from must not know the pictures by which training is judged."""
    pytest.importorskip("sklearn", reason="needs scikit-learn (extra train)")
    rng = np.random.default_rng(4)
    labels = np.arange(160) % 3
    values = (rng.normal(size=(160, 1, 12)) + labels[:, None, None] * rng.normal(size=12) / 2).astype(np.float32)
    train, val = np.arange(100), np.arange(100, 160)
    head = fit_head(values, labels, train, val, 3, refit=False)
    moved = values.copy()
    moved[val] *= np.float32(1.01)
    again = fit_head(moved, labels, train, val, 3, refit=False)
    assert again.strength == head.strength
    np.testing.assert_allclose(again.kernel * again.temperature, head.kernel * head.temperature, rtol=1e-4, atol=1e-5)
    whole = fit_head(values, labels, train, val, 3)
    assert np.abs(whole.kernel * whole.temperature - head.kernel * head.temperature).max() > 1e-3
