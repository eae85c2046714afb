"""``tinysight cost``: standard against separable convolution, for a network, for one layer, in the paper."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from tinysight.cli.output import console, echo_json, json_option
from tinysight.cli.spec_options import named_spec, spec_options
from tinysight.errors import UsageError, printable

if TYPE_CHECKING:
    from tinysight.costs import Convolution, Factorisation, NetworkCost
    from tinysight.spec import Spec

EPILOG = """\b
Examples:
  tinysight cost
  tinysight cost --alpha 0.5 --resolution 160
  tinysight cost --input 12x12x3 --kernel 5 --filters 256
  tinysight cost --paper
"""
MOST = 2**20  # of any size of a layer; larger ones are slips of the finger


@click.command("cost", epilog=EPILOG)
@click.argument("model", required=False)
@spec_options
@click.option("--input", "input_size", metavar="HxWxC", help="One layer: its input, for example 12x12x3.")
@click.option("--kernel", type=int, help="One layer: side of the square kernel.")
@click.option("--filters", type=int, help="One layer: output channels.")
@click.option("--stride", type=int, help="One layer: step of the kernel.  [default: 1]")
@click.option("--padding", type=click.Choice(["valid", "same"]), help="One layer: border rule.  [default: valid]")
@click.option("--paper", is_flag=True, help="The paper's tables, printed and recomputed.")
@json_option
def command(
    model: str | None,
    alpha: float | None,
    resolution: int | None,
    depth_multiplier: int | None,
    classes: int | None,
    no_top: bool,
    input_size: str | None,
    kernel: int | None,
    filters: int | None,
    stride: int | None,
    padding: str | None,
    paper: bool,
    as_json: bool,
) -> None:
    """Compare standard with depthwise separable convolution.

    Without --input or --paper: a whole network, as it is and with full convolutions. MODEL is a released name or
    the path of a checkpoint; flags change it. With --input, --kernel and --filters: one layer, written in three
    ways. Mult-adds are multiply-adds for one picture (FLOPs are twice as many).
    """
    network = [model, alpha, resolution, depth_multiplier, classes, no_top or None]
    layer = {"--input": input_size, "--kernel": kernel, "--filters": filters, "--stride": stride, "--padding": padding}
    asked = [any(value is not None for value in network), any(value is not None for value in layer.values()), paper]
    if sum(asked) > 1:
        raise UsageError("a network (MODEL and its flags), one layer (--input ...) and --paper: only one at a time")
    if paper:
        from tinysight.cli.cost_paper import echo_paper

        echo_paper(as_json)
    elif asked[1]:
        _one_layer(_convolution(layer), as_json)
    else:
        name, spec = named_spec(model, alpha, resolution, depth_multiplier, classes, no_top)
        _network(name, spec, as_json)


def _convolution(layer: dict[str, Any]) -> Convolution:
    from tinysight.costs import Convolution

    missing = [flag for flag in ("--input", "--kernel", "--filters") if layer[flag] is None]
    if missing:
        raise UsageError(f"one layer needs --input, --kernel and --filters; missing: {', '.join(missing)}")
    match = re.fullmatch(r"([0-9]{1,7})x([0-9]{1,7})x([0-9]{1,7})", layer["--input"])
    if not match:
        shown = printable(layer["--input"])
        raise UsageError(f"--input is height x width x channels, for example 12x12x3; received {shown!r}")
    height, width, channels = map(int, match.groups())
    sizes = (height, width, channels, layer["--kernel"], layer["--filters"], layer["--stride"] or 1)
    if max(sizes) > MOST:
        raise UsageError(f"no size of a layer may be above {MOST}, received {str(max(sizes))[:20]}")
    stride = 1 if layer["--stride"] is None else layer["--stride"]
    padding: Any = layer["--padding"] or "valid"
    return Convolution((height, width, channels), layer["--kernel"], layer["--filters"], stride, padding)


def _one_layer(job: Convolution, as_json: bool) -> None:
    from tinysight.costs import depthwise_separable, expected_ratio, spatially_separable, standard

    ways = (standard(job), depthwise_separable(job), spatially_separable(job))
    if as_json:
        job_fields = {
            "input": job.input_shape,
            "kernel": job.kernel_size,
            "filters": job.filters,
            "stride": job.stride,
            "padding": job.padding,
            "output": job.output_shape,
        }
        echo_json(job_fields | {way.name.replace(" ", "_"): _way_fields(way, ways[0]) for way in ways})
        return
    _print_ways(job, ways)
    ratio = float(expected_ratio(job))
    n, k = job.filters, job.kernel_size
    out = console()
    out.print(f"\ndepthwise separable / standard = 1/N + 1/k^2 = 1/{n} + 1/{k * k} = {ratio:.4f}")
    out.print("spatially separable: each slice of the kernel is a column times a row")


def _way_fields(way: Factorisation, full: Factorisation) -> dict[str, Any]:
    steps = [
        {"name": step.name, "output": step.output_shape, "params": step.weights, "mult_adds": step.mult_adds}
        for step in way.steps
    ]
    ratios = {"params_ratio": way.weights / full.weights, "mult_adds_ratio": way.mult_adds / full.mult_adds}
    return {"params": way.weights, "mult_adds": way.mult_adds, **ratios, "steps": steps}


def _print_ways(job: Convolution, ways: tuple[Factorisation, ...]) -> None:
    from tinysight.cli.tables import percent, show, size, table

    rows = table(("one layer", ">params", ">share", ">mult-adds", ">share", "output"))
    full = ways[0]
    for way in ways:
        weights, mult_adds = f"{way.weights:,}", f"{way.mult_adds:,}"
        shares = percent(way.weights / full.weights), percent(way.mult_adds / full.mult_adds)
        rows.add_row(way.name, weights, shares[0], mult_adds, shares[1], size(job.output_shape), style="bold")
        for step in way.steps:
            rows.add_row(f"  {step.name}", f"{step.weights:,}", "", f"{step.mult_adds:,}", "", size(step.output_shape))
    out = console()
    out.print(
        f"{size(job.input_shape)} -> {size(job.output_shape)}: kernel {job.kernel_size} x {job.kernel_size},"
        f" {job.filters} filters, stride {job.stride}, padding {job.padding}\n"
    )
    show(out, rows)


def _network(name: str, spec: Spec, as_json: bool) -> None:
    from tinysight.cli.tables import memory_fields, memory_text
    from tinysight.costs import full_convolution_cost, network_cost
    from tinysight.spec import Spec

    full, separable = full_convolution_cost(spec), network_cost(spec)
    if as_json:
        fields = {
            "model": name,
            "full_convolutions": _network_fields(full),
            "depthwise_separable": _network_fields(separable),
            "peak_activation": memory_fields(spec),
            "spec": spec.to_dict(),
        }
        echo_json(fields)
        return
    _print_networks(name, full, separable)
    out = console()
    if separable == network_cost(Spec()):
        out.print("\nThe paper prints 4866 million, without the head, against 569 million, with it.")
    out.print("\n" + memory_text(spec))


def _network_fields(cost: NetworkCost) -> dict[str, int]:
    headless = cost.without_head()
    return {
        "params": cost.params,
        "mult_adds": cost.mult_adds,
        "params_without_head": headless.params,
        "mult_adds_without_head": headless.mult_adds,
    }


def _print_networks(name: str, full: NetworkCost, separable: NetworkCost) -> None:
    from tinysight.cli.tables import show, table

    ways = {"full convolutions": _network_fields(full), "depthwise separable": _network_fields(separable)}
    has_head = separable != separable.without_head()
    titles = {"params": ">params", "mult_adds": ">mult-adds"}
    if has_head:
        titles |= {"params_without_head": ">params*", "mult_adds_without_head": ">mult-adds*"}
    many, few = ways.values()
    rows = table((name, *titles.values()), footer=("times fewer", *(f"{many[c] / few[c]:.2f} x" for c in titles)))
    for way, fields in ways.items():
        rows.add_row(way, *(f"{fields[column]:,}" for column in titles))
    show(console(), rows)
    if has_head:
        console().print("* without the head")
