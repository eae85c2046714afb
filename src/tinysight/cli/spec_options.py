"""Which network ``summary`` and ``cost`` talk about: a released name, a checkpoint, or flags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import click

from tinysight.errors import UsageError
from tinysight.spec import Spec, spec_from_name

Command = TypeVar("Command", bound=Callable[..., Any])

OPTIONS = (
    click.option("--alpha", type=float, help="Width multiplier, above 0.  [default: 1.0]"),
    click.option("--resolution", type=int, help="Input side in pixels, at least 32.  [default: 224]"),
    click.option("--depth-multiplier", type=int, help="Depthwise outputs per channel, at least 1.  [default: 1]"),
    click.option("--classes", type=int, help="Outputs of the head, at least 1.  [default: 1000]"),
    click.option("--no-top", is_flag=True, help="Leave the head out."),
)


def spec_options(function: Command) -> Command:
    """Add the flags that describe a network to a command."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def named_spec(
    model: str | None,
    alpha: float | None,
    resolution: int | None,
    depth_multiplier: int | None,
    classes: int | None,
    no_top: bool,
) -> tuple[str, Spec]:
    """Return the name and the spec that a command line asks for; a flag changes the model it stands beside.

    A released name and flags alone read no file; a path opens the checkpoint with all its checks.

    Raises:
        UsageError: an unknown name or a value outside its range.
        CheckpointError: a file that is not a whole checkpoint.
    """
    name, base = _named(model) if model is not None else ("", Spec())
    given = {
        "alpha": alpha,
        "resolution": resolution,
        "depth_multiplier": depth_multiplier,
        "num_classes": classes,
        "include_top": False if no_top else None,
    }
    changes: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    spec = replace(base, **changes)
    return (name if name and spec == base else _described(spec)), spec


def _described(spec: Spec) -> str:
    """Name a network that flags describe, with whatever its name does not say."""
    usual = Spec(alpha=spec.alpha, resolution=spec.resolution)
    fields = ("depth_multiplier", "num_classes", "include_top")
    changed = [f"{f}={getattr(spec, f)}" for f in fields if getattr(spec, f) != getattr(usual, f)]
    return " ".join([spec.name, *changed])


def _named(model: str) -> tuple[str, Spec]:
    try:
        spec = spec_from_name(model)
    except UsageError:
        from tinysight.cli.options import settings
        from tinysight.models import open_model  # numpy and safetensors: only for a file

        card = open_model(model, settings(offline=True)).card
    else:
        return spec.name, spec
    return card.name, card.spec
