"""A plan is what ``run.json`` keeps of it, and a plan that contradicts itself is none."""

import json

import pytest

from tinysight.errors import UsageError
from tinysight.train.augment import Augmentation
from tinysight.train.options import Options
from tinysight.train.plan import Plan, plan_from_dict

PLANS = [
    Plan("flowers", model="mobilenet_v1_1.0_224"),
    Plan("flowers/table.csv", model="a.safetensors", predict_resolution=96, class_weights=True, seed=3),
    Plan("d", "last-blocks", "mobilenet_v1_1.0_224", options=Options(last_blocks=2, views=5), test_share=0.0),
    Plan("d", "all-layers", "m", options=Options(augmentation=Augmentation(randaugment=(2, 9))), device="cuda"),
    Plan("d", "from-scratch", None, 0.35, Options(optimizer="sgd", learning_rate=0.1), val_share=0.3, split_seed=9),
]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.mode)
def test_it_comes_back_from_json_as_it_was(plan):
    assert plan_from_dict(json.loads(json.dumps(plan.to_dict()))) == plan


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mode": "tail"}, "mode must be one of head, last-blocks, all-layers, from-scratch, received 'tail'"),
        ({"mode": "all-layers"}, "mode all-layers and options of training layers do not fit"),
        ({"options": Options()}, "mode head and options of training layers do not fit"),
        ({"test_share": 0.9}, "must leave pictures to learn from, received 0.9 and 0.1"),
        ({"test_share": -0.1}, "received -0.1 and 0.1"),
        ({"model": None}, "mode head does not fit model None and alpha None"),
        ({"alpha": 0.5}, "mode head does not fit model 'm' and alpha 0.5"),
        ({"mode": "last-blocks", "options": Options()}, "mode last-blocks and last_blocks None do not fit"),
        ({"mode": "all-layers", "options": Options(last_blocks=2)}, "mode all-layers and last_blocks 2 do not fit"),
        ({"val_share": 0}, "received 0.2 and 0"),
        ({"val_share": float("nan")}, "received 0.2 and nan"),
    ],
)
def test_what_does_not_fit_is_refused(fields, words):
    with pytest.raises(UsageError, match=words):
        Plan("flowers", **{"model": "m", **fields})


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        [],
        "plan",
        7,
        {},
        {"options": None},
        Plan("d", model="m").to_dict() | {"colour": 1},
        Plan("d", model="m").to_dict() | {"test_share": "0.2"},
        PLANS[2].to_dict() | {"options": "all"},
        PLANS[2].to_dict() | {"options": {}},
    ],
)
def test_a_damaged_record_is_refused(damaged):
    with pytest.raises(UsageError, match="damaged"):
        plan_from_dict(damaged)


def test_values_out_of_range_in_a_record_are_refused_by_name():
    fields = PLANS[2].to_dict()
    fields["options"]["epochs"] = -1
    with pytest.raises(UsageError, match=r"^epochs must be"):
        plan_from_dict(fields)
