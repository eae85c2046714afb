"""Where the training of layers starts: a backbone with a fitted head, or random numbers; and the teacher beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card, Checkpoint
from tinysight.evaluate.metrics import top_k_share
from tinysight.preprocess import Recipe
from tinysight.spec import Spec
from tinysight.train.head import Head
from tinysight.train.material import Material, card_for
from tinysight.train.options import Options
from tinysight.train.plan import Plan
from tinysight.train.scratch import random_start
from tinysight.train.teacher import Teacher, ask_teacher
from tinysight.train.teaching import Tools, learn_head, model_name, needs_floats, source_text
from tinysight.train.team import Team
from tinysight.train.weights import Arrays


class Start(NamedTuple):
    """What training begins with.

    Args:
        card: of the model to be, without probes.
        arrays: float32 by our names.
        facts: for the record.
        unreadable: pictures, a line each.
        soft: what a teacher says of the pictures of train, float32 ``(M, C)``; None without one.
    """

    card: Card
    arrays: Arrays
    facts: dict[str, Any]
    unreadable: tuple[str, ...] = ()
    soft: NDArray[np.float32] | None = None


def make_start(material: Material, plan: Plan, options: Options, team: Team, tools: Tools) -> Start:
    """Fit the first head and ask the teacher; one process does, all have the same numbers.

    Raises:
        UsageError: a model without float32 weights, or a class without a picture that can be read.
    """
    if material.backbone is None:
        return _random(material, plan, options)
    needs_floats(material.backbone, plan)
    width, classes = material.backbone.arrays["conv_pw_13_bn.gamma"].size, len(material.dataset.classes)
    both, facts = np.zeros((width + 1, classes), np.float32), {}
    soft = np.zeros((len(material.split.of("train")) if options.teacher_share else 0, classes), np.float32)
    reasons: tuple[str, ...] = ()
    if team.leads:
        head, values, readable, reasons, _ = learn_head(material, plan, tools, options.resolution, refit=False)
        both[:-1], both[-1] = head.kernel, head.bias
        facts = _facts(material, head, values, readable)
        if options.teacher_share:
            teacher = ask_teacher(material, plan, tools)
            if _is_believed(teacher, head, facts, tools):
                assert teacher is not None
                soft = teacher.targets
    both, soft = team.agree(both), team.agree(soft)
    arrays = {name: array for name, array in material.backbone.arrays.items() if not name.startswith("conv_preds")}
    arrays |= {"conv_preds.kernel": both[None, None, :-1], "conv_preds.bias": both[-1]}
    return Start(_card(material, plan, options), arrays, facts, reasons, soft if soft.any() else None)


def _random(material: Material, plan: Plan, options: Options) -> Start:
    assert plan.alpha is not None
    spec = Spec(alpha=plan.alpha, resolution=options.resolution, num_classes=len(material.dataset.classes))
    card = Card(model_name(plan), spec, Recipe(resolution=options.resolution), None, "", source_text(plan))
    return Start(card_for(material, card, card.name, card.source), random_start(spec, plan.seed), {})


def _card(material: Material, plan: Plan, options: Options) -> Card:
    backbone: Checkpoint | None = material.backbone
    assert backbone is not None
    old, classes = backbone.card, len(material.dataset.classes)
    spec = replace(old.spec, resolution=options.resolution, num_classes=classes, include_top=True)
    recipe = replace(old.recipe, resolution=options.resolution)
    bare = replace(old, spec=spec, recipe=recipe, labels=None, probes=())
    return card_for(material, bare, model_name(plan), source_text(plan))


def _facts(material: Material, head: Head, values: NDArray[np.float32], readable: NDArray[np.bool_]) -> dict[str, Any]:
    facts: dict[str, Any] = {"head_val_top1": head.val_top1, "head_strength": head.strength}
    test = material.split.of("test")
    test = test[readable[test]]
    if len(test):  # told, not used: what layers add to the head that they start with
        logits = values[test, 0] @ head.kernel + head.bias
        facts["head_top1"] = top_k_share(logits, material.labels[test], 1).value
    return facts


def _is_believed(teacher: Teacher | None, head: Head, facts: dict[str, Any], tools: Tools) -> bool:
    """Whether the teacher knows more than the head that the network starts with."""
    if teacher is None:
        return False
    facts["teacher_top1"] = teacher.top1
    own = min((trial.val_nll for trial in head.curve), default=np.inf)
    if teacher.loss >= own:
        tools.say("the built-in network knows less of these pictures than the start does: labels alone teach")
        return False
    tools.say(f"a teacher has a say in the targets: it names {teacher.top1:.1%} of pictures new to it right")
    return True
