"""The many options of ``tinysight train``, and the plan that they make."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinysight.errors import MissingExtraError, UsageError
from tinysight.spec import DEFAULT_MODEL, MIN_RESOLUTION

if TYPE_CHECKING:
    from tinysight.train.options import Mode, Options
    from tinysight.train.plan import Plan

SHARE = click.FloatRange(0, 1, max_open=True)
SIDE = click.IntRange(MIN_RESOLUTION, 1024)
# No option has a default here: what is not given is None (flags: False), and what is usual depends on the others.
OPTIONS = [
    click.option("--fine-tune", is_flag=True, help="Train all layers."),
    click.option("--last-blocks", type=click.IntRange(1, 12), metavar="K", help="Train only the last K of 13 blocks."),
    click.option("--from-scratch", is_flag=True, help="Train all layers from random numbers."),
    click.option("--alpha", type=click.FloatRange(0, 8, min_open=True), help="Width from scratch. Default: 0.25."),
    click.option("--budget", metavar="TIME", help="Such as 5min: choose mode, size and epochs that fit into it."),
    click.option("--epochs", type=click.IntRange(1), help="Times that every picture is taken."),
    click.option("--batch-size", type=click.IntRange(2), help="Pictures in a step. Default: 64, wide networks 32."),
    click.option("--learning-rate", type=click.FloatRange(0, 10, min_open=True), help="Default: by width and batch."),
    click.option("--optimizer", type=click.Choice(["adamw", "sgd"]), help="Default: adamw."),
    click.option("--weight-decay", type=click.FloatRange(0, 10), help="Of dense kernels. Default: 0.02."),
    click.option("--label-smoothing", type=SHARE, help="Default: 0.1."),
    click.option(
        "--teacher-share",
        type=click.FloatRange(0, 1),
        help="Of each target. Default: 0.5 for all layers of narrow networks, else 0, off.",
    ),
    click.option("--average-decay", type=SHARE, help="Of the weights' moving average. Default: 0.99; 0 is off."),
    click.option("--patience", type=click.IntRange(0), help="Epochs without gain after which it ends. Default: off."),
    click.option("--resolution", type=SIDE, help="Side of the pictures in training, in pixels."),
    click.option("--predict-resolution", type=SIDE, help="Side for predicting. Default: chosen on validation."),
    click.option("--views", type=click.IntRange(1, 100), help="For --last-blocks: views of a picture. Default: 3."),
    click.option("--smallest-crop", type=click.FloatRange(0.01, 1), help="Share of the area. Default: 0.25."),
    click.option("--mixup", type=click.FloatRange(0, 10), help="Blend pairs of pictures. Default: 0, off."),
    click.option("--cutmix", type=click.FloatRange(0, 10), help="Paste parts of other pictures. Default: 0, off."),
    click.option("--erasing", type=click.FloatRange(0, 1), help="How often a part is erased. Default: 0."),
    click.option("--randaugment", type=(int, int), metavar="N M", help="N operations of magnitude M. Default: off."),
    click.option("--class-weights", is_flag=True, help="A rare class counts as much as a common one."),
    click.option("--mixed-precision/--full-precision", default=None, help="Default: where the device gains."),
    click.option("--tensorboard", is_flag=True, default=None, help="Also write each epoch for TensorBoard."),
    click.option("--device", help="auto, cpu, cuda or mps. Default: auto."),
    click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of all chance in training. Default: 0."),
    click.option("--split-seed", type=int, help="Another one holds out other pictures. Default: 0."),
    click.option("--test-share", type=SHARE, help="Of each class, held out to measure with. Default: 0.2."),
    click.option(
        "--val-share",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="Of each class, to choose with. Default: 0.1.",
    ),
]
FOR_LAYERS = (
    *("epochs", "batch_size", "learning_rate", "optimizer", "weight_decay", "label_smoothing", "average_decay"),
    "teacher_share",
    *("patience", "resolution", "views", "smallest_crop", "mixup", "cutmix", "erasing", "randaugment"),
    *("mixed_precision", "device", "tensorboard"),
)
EPOCHS = {"all-layers": 28, "last-blocks": 10, "from-scratch": 60}
RESOLUTIONS = {"all-layers": 160, "last-blocks": 224, "from-scratch": 96}
LAST_BLOCKS_CROP = 0.35  # the blocks before do not learn how large things are now
SHARES = {"test_share": 0.2, "val_share": 0.1}
LAST_BLOCKS = 2  # of a budget: more cost more than they gain
TEACHER_SHARE = 0.5  # of the targets of narrow networks; wide ones soon know more than the teacher
WIDE_EPOCHS = 14  # of all layers at alpha above 0.5, which learn more from each


def training_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add all options to a command."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def make_plan(data: str, model: str | None, choices: dict[str, Any]) -> Plan:
    """Return the plan that a command line asks for.

    Raises:
        UsageError: options that exclude each other.
    """
    from tinysight.train.plan import Plan

    if choices["budget"] is not None:
        return make_plan(data, *_within_budget(data, model, choices))
    mode = _mode(choices)
    _check_fits(mode, model, choices)
    _check_packages(mode, choices)
    start = None if mode == "from-scratch" else model or DEFAULT_MODEL
    alpha = choices["alpha"] or 0.25 if mode == "from-scratch" else None
    seed = choices["seed"] or 0
    shares = {name: choices[name] for name in ("test_share", "val_share") if choices[name] is not None}
    return Plan(
        data,
        mode,
        start,
        alpha,
        None if mode == "head" else _options(mode, start, alpha, seed, choices),
        split_seed=choices["split_seed"] or 0,
        seed=seed,
        class_weights=choices["class_weights"],
        predict_resolution=choices["predict_resolution"],
        device=choices["device"] or "auto",
        tensorboard=bool(choices["tensorboard"]),
        **shares,
    )


def _mode(choices: dict[str, Any]) -> Mode:
    modes: dict[Mode, Any] = {
        "all-layers": choices["fine_tune"],
        "last-blocks": choices["last_blocks"],
        "from-scratch": choices["from_scratch"],
    }
    asked = [mode for mode, wanted in modes.items() if wanted]
    if len(asked) > 1:
        raise UsageError("--fine-tune, --last-blocks and --from-scratch exclude each other")
    return asked[0] if asked else "head"


def _check_fits(mode: Mode, model: str | None, choices: dict[str, Any]) -> None:
    """Refuse options that mean nothing in this mode."""
    given = [name for name in FOR_LAYERS if choices[name] is not None]
    if mode == "head" and given:
        raise UsageError(f"--{given[0].replace('_', '-')} is for training layers; add --fine-tune or --last-blocks K")
    if mode != "last-blocks" and choices["views"] is not None:
        raise UsageError("--views is for --last-blocks K; else every epoch makes views of its own")
    if mode == "from-scratch" and model is not None:
        raise UsageError("--from-scratch starts from random numbers; leave --model out")
    if mode == "from-scratch" and choices["teacher_share"] is not None:
        raise UsageError("--teacher-share is a network's that knows ImageNet; --from-scratch learns from labels alone")
    if mode != "from-scratch" and choices["alpha"] is not None:
        raise UsageError("--alpha is for --from-scratch; else it is the model's")


def _check_packages(mode: Mode, choices: dict[str, Any]) -> None:
    """Say what is not installed before any picture is looked at.

    Raises:
        MissingExtraError: that.
    """
    needed = [("sklearn", "scikit-learn", "train")] if mode != "from-scratch" else []
    needed += [("torch", "torch", "finetune")] if mode != "head" else []
    needed += [("tensorboard", "tensorboard", "tensorboard")] if choices["tensorboard"] else []
    for module, package, extra in needed:
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(package, extra)


def _within_budget(data: str, model: str | None, choices: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the model to start from and the choices, with mode, resolution and epochs that fit into the time."""
    from tinysight.cli.options import place_in_team
    from tinysight.data import read_dataset
    from tinysight.train.budget import Candidate, candidates, choose, measure, parse_time

    fixed = ("fine_tune", "last_blocks", "from_scratch", "epochs", "resolution")
    given = [name for name in fixed if choices[name]]
    if given:
        raise UsageError(f"--budget chooses what --{given[0].replace('_', '-')} sets; give one of them")
    if place_in_team()[1] > 1:
        raise UsageError("--budget measures one process; give several of them --epochs and --resolution")
    seconds, name = parse_time(choices["budget"]), model or DEFAULT_MODEL
    shares = (choices[part] if choices[part] is not None else usual for part, usual in SHARES.items())
    pictures = max(1, round(len(read_dataset(data).examples) * (1 - sum(shares))))
    alpha = _alpha_of(name)
    head = Candidate("head", name, alpha, 224)
    device, mixed = choices["device"] or "auto", choices["mixed_precision"]

    def measured(way: Candidate) -> float:
        fast = _gains(way.alpha, device) if mixed is None else mixed
        return measure(way, choices["batch_size"] or 32, device=device, mixed_precision=fast)

    chosen, epochs = choose(seconds, pictures, candidates([(name, alpha)]), measured, head)
    shown = f"{chosen.mode}, {chosen.resolution} px, {epochs} epochs" if epochs else "a head alone"
    click.echo(f"fits into {choices['budget']}: {shown}", err=True)
    changed = choices | {"budget": None}
    if not epochs:
        changed |= dict.fromkeys(FOR_LAYERS)  # of no use to a head
    else:
        changed |= {"epochs": epochs, "resolution": chosen.resolution, "fine_tune": chosen.mode == "all-layers"}
        changed["last_blocks"] = LAST_BLOCKS if chosen.mode == "last-blocks" else None
    return chosen.model, changed


def _options(mode: Mode, model: str | None, alpha: float | None, seed: int, choices: dict[str, Any]) -> Options:
    from tinysight.train.augment import Augmentation
    from tinysight.train.options import WIDE_FROM, Options, usual_rate

    width = alpha if alpha is not None else _alpha_of(model)
    wide = width > WIDE_FROM and mode != "from-scratch"
    epochs = WIDE_EPOCHS if wide and mode == "all-layers" else EPOCHS[mode]
    batch = choices["batch_size"] or (32 if wide else 64)
    optimizer: Any = choices["optimizer"] or "adamw"
    rate = choices["learning_rate"] or usual_rate(width, optimizer, batch, mode)
    mixed = choices["mixed_precision"]
    names = ("weight_decay", "label_smoothing", "teacher_share", "average_decay", "patience", "views")
    rest = {name: choices[name] for name in names if choices[name] is not None}
    if mode == "all-layers" and not wide:
        rest.setdefault("teacher_share", TEACHER_SHARE)
    changes = {
        name: choices[name] for name in ("mixup", "cutmix", "erasing", "randaugment") if choices[name] is not None
    }
    smallest = choices["smallest_crop"]
    if smallest is not None or mode == "last-blocks":
        changes["scale"] = (smallest or LAST_BLOCKS_CROP, 1.0)
    return Options(
        resolution=choices["resolution"] or RESOLUTIONS[mode],
        epochs=choices["epochs"] or epochs,
        batch_size=batch,
        learning_rate=rate,
        seed=seed,
        optimizer=optimizer,
        last_blocks=choices["last_blocks"],
        mixed_precision=_gains(width, choices["device"]) if mixed is None else mixed,
        augmentation=Augmentation(**changes),
        **rest,
    )


def _alpha_of(model: str | None) -> float:
    from tinysight.models.opening import open_file, resolve
    from tinysight.spec import spec_from_name

    meant = resolve(model or DEFAULT_MODEL)
    return open_file(meant).card.spec.alpha if isinstance(meant, Path) else spec_from_name(meant).alpha


def _gains(alpha: float, device: str | None) -> bool:
    """Whether bfloat16 is faster: on GPUs, and on processors with AMX where layers are wide (1.3 times at alpha 1)."""
    from tinysight.engines.native import available_isas, is_built
    from tinysight.train.options import WIDE_FROM
    from tinysight.train.team import find_device

    found = find_device(device or "auto").type
    return found == "cuda" or (found == "cpu" and alpha > WIDE_FROM and is_built() and "amx" in available_isas())
