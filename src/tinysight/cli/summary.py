"""``tinysight summary``: the layers of a network and what each costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tinysight.cli.output import echo_json, json_option
from tinysight.cli.spec_options import named_spec, spec_options

if TYPE_CHECKING:
    from tinysight.costs import NetworkCost
    from tinysight.spec import Spec

EPILOG = """\b
Examples:
  tinysight summary
  tinysight summary mobilenet_v1_0.5_192
  tinysight summary --alpha 0.35 --resolution 97 --classes 7 --json
"""


@click.command("summary", epilog=EPILOG)
@click.argument("model", required=False)
@spec_options
@json_option
def command(
    model: str | None,
    alpha: float | None,
    resolution: int | None,
    depth_multiplier: int | None,
    classes: int | None,
    no_top: bool,
    as_json: bool,
) -> None:
    """Print the layers of a network and what each costs.

    MODEL is a released name or the path of a checkpoint; without it the full network, mobilenet_v1_1.0_224. Flags
    change it. Params are all stored numbers, a layer's batch norm counted with it; mult-adds are multiply-adds for
    one picture (FLOPs are twice as many).
    """
    from tinysight.costs import network_cost

    name, spec = named_spec(model, alpha, resolution, depth_multiplier, classes, no_top)
    cost = network_cost(spec)
    if as_json:
        echo_json(_fields(name, spec, cost))
    else:
        _print(name, spec, cost)


def _fields(name: str, spec: Spec, cost: NetworkCost) -> dict[str, Any]:
    from tinysight.cli.tables import memory_fields

    headless = cost.without_head()
    rows = [
        {"name": layer.name, "output": layer.output_shape, "params": layer.params, "mult_adds": layer.mult_adds}
        for layer in cost.layers
    ]
    return {
        "model": name,
        "layers": rows,
        "params": cost.params,
        "mult_adds": cost.mult_adds,
        "trainable_params": cost.trainable_params,
        "params_without_head": headless.params,
        "mult_adds_without_head": headless.mult_adds,
        "weighted_layers": sum(layer.weights > 0 for layer in cost.layers),
        "peak_activation": memory_fields(spec),
        "spec": spec.to_dict(),
    }


def _print(name: str, spec: Spec, cost: NetworkCost) -> None:
    from tinysight.cli.output import console
    from tinysight.cli.tables import memory_text, percent, show, size, table

    totals = ("total", "", f"{cost.params:,}", f"{cost.mult_adds:,}", percent(1))
    rows = table(("layer", "output", ">params", ">mult-adds", ">share"), footer=totals)
    for layer in cost.layers:
        share = percent(layer.mult_adds / cost.mult_adds)
        rows.add_row(layer.name, size(layer.output_shape), f"{layer.params:,}", f"{layer.mult_adds:,}", share)

    out, headless = console(), cost.without_head()
    weighted = sum(layer.weights > 0 for layer in cost.layers)
    out.print(f"{name}: {weighted} layers with weights, input {size((spec.resolution, spec.resolution, 3))}\n")
    show(out, rows)
    head = (f", {headless.params:,} without the head", f", {headless.mult_adds:,} without the head")
    params_head, mult_adds_head = head if spec.include_top else ("", "")
    out.print(f"\nparams       {cost.params:,} stored, {cost.trainable_params:,} trained{params_head}")
    out.print(f"mult-adds    {cost.mult_adds:,} for one picture{mult_adds_head}")
    out.print(memory_text(spec))
