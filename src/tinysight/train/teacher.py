"""What a head on the built-in network says about the pictures to learn from, as the better half of their labels.

A label names one class; a teacher also says which others a picture is like, and doubts labels that are wrong (Hinton et
al., arXiv 1503.02531). Each picture is judged by a head that has not learnt from it: of five, each fitted on the other
four fifths. On the flowers that lowers the loss of alpha 0.25 on validation from 0.269 to 0.251.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.labels import softmax
from tinysight.models import open_model
from tinysight.spec import DEFAULT_MODEL
from tinysight.train.embeddings import embed
from tinysight.train.head import Regression, solver_alone
from tinysight.train.material import Material
from tinysight.train.plan import Plan
from tinysight.train.strength import choose_strength, make_parts
from tinysight.train.teaching import Tools

FOLDS = 5


class Teacher(NamedTuple):
    """What it says.

    Args:
        targets: float32 ``(M, C)``, probabilities of the pictures of train, in their order.
        top1: share of those that it names right without having learnt from them, 0..1.
        loss: mean negative log likelihood of their labels, in nats.
    """

    targets: NDArray[np.float32]
    top1: float
    loss: float


def ask_teacher(material: Material, plan: Plan, tools: Tools) -> Teacher | None:
    """Look at the pictures of train with the built-in network, and have each judged by a head that is new to it.

    Args:
        material: pictures and labels.
        plan: whose seed cuts the five parts.
        tools: progress and cache.

    Returns:
        None where no class has two pictures, so that nobody could judge.
    """
    train = material.split.of("train")
    contents = [material.contents[row] for row in train.tolist()]
    with tools.stage("Asking the teacher") as count:
        found = embed(open_model(DEFAULT_MODEL), material.paths(train), contents, cache=tools.cache, progress=count)
        classes = len(material.dataset.classes)
        return judge(found.values, material.labels[train], found.readable, classes, plan.seed, plan.class_weights)


def judge(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.intp],
    readable: NDArray[np.bool_],
    num_classes: int,
    seed: int = 0,
    class_weights: bool = False,
) -> Teacher | None:
    """Have every picture judged by a head that has not learnt from it.

    Args:
        embeddings: float32 ``(M, views, c)``.
        labels: ``(M,)``.
        readable: bool ``(M,)``; who is not, and the only picture of a class, keeps its label.
        num_classes: C.
        seed: cuts the five parts.
        class_weights: whether each class counts the same.
    """
    rows = np.flatnonzero(readable)
    folds = make_parts(labels, rows, FOLDS, seed)
    if not folds:
        return None
    targets = np.eye(num_classes, dtype=np.float32)[labels]
    with solver_alone():
        regression = Regression(embeddings, labels, rows, class_weights)
        choice = choose_strength(regression, labels, folds[:1], lambda _done: None)  # one chooses for all
        for fold in folds:
            logits = regression.logits(fold.ask, regression.fit(fold.learn, choice.strength))
            targets[fold.ask] = softmax((logits / choice.temperature).astype(np.float32))
    asked = np.concatenate([fold.ask for fold in folds])
    right = np.maximum(targets[asked, labels[asked]], 1e-12)
    top1 = float((targets[asked].argmax(axis=1) == labels[asked]).mean())
    return Teacher(targets, top1, float(-np.log(right).mean()))
