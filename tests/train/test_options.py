"""Options survive JSON without a change, and what cannot be is refused by name."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinysight.errors import UsageError
from tinysight.spec import BLOCKS
from tinysight.train.augment import Augmentation
from tinysight.train.options import Options, options_from_dict, usual_rate


def through_json(options: Options) -> Options:
    return options_from_dict(json.loads(json.dumps(options.to_dict())))


@given(
    st.builds(
        Options,
        resolution=st.integers(32, 1024),
        epochs=st.integers(1, 500),
        batch_size=st.integers(2, 4096),
        learning_rate=st.floats(0, 10),
        seed=st.integers(0, 2**31 - 1),
        optimizer=st.sampled_from(["adamw", "sgd"]),
        weight_decay=st.floats(0, 10),
        warmup=st.floats(0, 1),
        label_smoothing=st.floats(0, 1, exclude_max=True),
        average_decay=st.floats(0, 1, exclude_max=True),
        patience=st.integers(0, 100),
        mixed_precision=st.booleans(),
        last_blocks=st.none() | st.integers(1, len(BLOCKS) - 1),
        views=st.integers(1, 100),
        augmentation=st.builds(
            Augmentation,
            scale=st.just((0.3, 0.9)),
            flip=st.floats(0, 1),
            mixup=st.floats(0, 10),
            randaugment=st.none() | st.tuples(st.integers(1, 14), st.integers(0, 10)),
        ),
    )
)
def test_they_come_back_from_json_as_they_were(options):
    assert through_json(options) == options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resolution", 31),
        ("resolution", 1025),
        ("resolution", 160.0),
        ("resolution", "160"),
        ("epochs", 0),
        ("epochs", True),
        ("epochs", 100_001),
        ("batch_size", 1),
        ("seed", -1),
        ("seed", 2**31),
        ("patience", -1),
        ("views", 0),
        ("learning_rate", -0.001),
        ("learning_rate", 10.5),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("learning_rate", "0.1"),
        ("learning_rate", None),
        ("weight_decay", -1),
        ("warmup", 1.01),
        ("label_smoothing", 1.0),
        ("average_decay", 1),
        ("optimizer", "adam"),
        ("optimizer", None),
        ("last_blocks", 0),
        ("last_blocks", len(BLOCKS)),
        ("last_blocks", -1),
    ],
)
def test_what_cannot_be_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=f"^{name} must be .*received"):
        Options(**{name: value})
    with pytest.raises(UsageError, match=f"^{name} must be .*received"):
        options_from_dict(Options().to_dict() | {name: value})


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        [],
        None,
        "options",
        {"epochs": 3},
        Options().to_dict() | {"colour": "red"},
        Options().to_dict() | {"augmentation": None},
        Options().to_dict() | {"augmentation": {"zoom": 2}},
    ],
)
def test_a_damaged_record_is_refused(damaged):
    with pytest.raises(UsageError, match="the run's options are damaged"):
        options_from_dict(damaged)


def test_an_augmentation_out_of_range_is_refused_by_name():
    fields = Options().to_dict()
    fields["augmentation"] = fields["augmentation"] | {"scale": [0.9, 0.1]}
    with pytest.raises(UsageError, match=r"^scale must be"):
        options_from_dict(fields)


@pytest.mark.parametrize(("last_blocks", "first"), [(None, 0), (1, 25), (2, 23), (12, 3)])
def test_the_first_trained_convolution_is_the_depthwise_one_of_a_block(last_blocks, first):
    assert Options(last_blocks=last_blocks).first_trained == first


def test_the_usual_rate_grows_with_the_batch_as_suits_the_optimizer():
    assert usual_rate(0.25, "adamw", 64) == pytest.approx(2e-3)
    assert usual_rate(1.0, "adamw", 32) == pytest.approx(4e-4)
    assert usual_rate(0.25, "adamw", 256) == pytest.approx(2 * usual_rate(0.25, "adamw", 64))
    assert usual_rate(0.25, "sgd", 256) == pytest.approx(4 * usual_rate(0.25, "sgd", 64))
    assert usual_rate(1.0, "adamw", 64, "from-scratch") == usual_rate(0.25, "adamw", 64, "from-scratch")
    assert usual_rate(1.0, "adamw", 32, "last-blocks") == pytest.approx(1e-4)
