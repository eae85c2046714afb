"""``tinysight train``: a folder of labelled pictures becomes a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinysight.cli.options import offline_option, place_in_team, settings
from tinysight.cli.output import echo_json, json_option, left_out, progress_bar
from tinysight.cli.train_options import training_options
from tinysight.errors import UsageError, printable
from tinysight.spec import DEFAULT_MODEL

if TYPE_CHECKING:
    from tinysight.checkpoint import Checkpoint
    from tinysight.store import Settings
    from tinysight.train.plan import Plan
    from tinysight.train.teaching import Tools

EPILOG = """\b
Examples:
  tinysight train flowers/
  tinysight train flowers/ --fine-tune --model mobilenet_v1_0.25_224 --epochs 20
  tinysight train flowers/ --last-blocks 2
  tinysight train --resume runs/train-3"""


@click.command(epilog=EPILOG)
@click.argument("data", required=False)
@click.option("-m", "--model", metavar="MODEL", help=f"Model to start from. Default: {DEFAULT_MODEL}.")
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True, help="Where runs go.")
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN", help="Go on with a run that was stopped.")
@training_options
@offline_option
@json_option
def command(
    data: str | None,
    model: str | None,
    runs: Path,
    resume: Path | None,
    offline: bool,
    as_json: bool,
    **choices: Any,
) -> int:
    """Make a model of your own from DATA, labelled pictures (docs/data.md).

    Without options a new head is fitted on the features of a released model, in seconds (extra train). --fine-tune,
    --last-blocks and --from-scratch train layers, in minutes (extra finetune). Settings are chosen on a validation part
    and the result is measured on pictures that were held out.
    """
    from tinysight.train.plan import plan_from_dict

    if (data is None) == (resume is None):
        raise UsageError("give DATA for a new run, or --resume RUN to go on with one")
    if resume is not None:
        from tinysight.train.folder import read_record

        _refuse_others(("resume", "offline", "as_json"))
        record = read_record(resume)
        if record.get("status") == "done":
            return _print(record, resume, tuple(record.get("unreadable", ())), as_json)
        return _run(plan_from_dict(record.get("plan")), runs, resume, settings(offline), as_json)
    from tinysight.cli.train_options import make_plan

    assert data is not None
    plan = make_plan(data, model, choices)
    return _run(plan, runs, None, settings(offline), as_json)


def _refuse_others(allowed: tuple[str, ...]) -> None:
    """Refuse options beside --resume, also those whose value is 0 or that only say what is usual."""
    context = click.get_current_context()
    for option in context.command.params:
        name = str(option.name)
        if name not in allowed and context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(f"--resume takes all settings from the run; give no --{name.replace('_', '-')} beside it")


def _run(plan: Plan, runs: Path, folder: Path | None, store: Settings, as_json: bool) -> int:
    from tinysight.data import read_dataset
    from tinysight.train.folder import new_folder
    from tinysight.train.run import train

    read_dataset(plan.data)  # what is no data set is refused before anything is written or fetched
    backbone = _open(plan, store)
    if place_in_team()[1] > 1 and plan.mode != "head":
        return _run_in_team(plan, runs, folder, backbone, store, as_json)
    made = folder or new_folder(runs)
    try:
        result = train(plan, made, backbone, _tools(store, as_json))
    except UsageError:
        _remove_if_empty(made, new=folder is None)
        raise
    return _print(result.record, made, result.unreadable, as_json)


def _run_in_team(
    plan: Plan, runs: Path, folder: Path | None, backbone: Checkpoint | None, store: Settings, as_json: bool
) -> int:
    """Run as one of the processes that torchrun started."""
    import json

    import numpy as np

    from tinysight.train.folder import new_folder
    from tinysight.train.plan import plan_from_dict
    from tinysight.train.run import train
    from tinysight.train.team import joined

    rank, size, local = place_in_team()
    with joined(plan.device, rank, size, local) as team:
        plan = plan_from_dict(json.loads(team.agree_text(json.dumps(plan.to_dict()))))  # each would choose by itself
        made = (folder or new_folder(runs)) if team.leads else None
        number = np.zeros(1, np.float32)
        if made is not None and folder is None:
            number[0] = float(made.name.rpartition("-")[2])
        number = team.agree(number)
        made = made or folder or runs / f"train-{int(number[0])}"
        try:
            result = train(plan, made, backbone, _tools(store, as_json, quiet=not team.leads), team)
        except UsageError:
            _remove_if_empty(made, new=folder is None and team.leads)
            raise
        leads = team.leads
    return _print(result.record, made, result.unreadable, as_json) if leads else 0


def _open(plan: Plan, store: Settings) -> Checkpoint | None:
    """Open the model to start from; offline, a head can be fitted on the package's own int8 one."""
    from tinysight.errors import StoreError
    from tinysight.models import open_model

    if plan.model is None:
        return None
    with progress_bar() as progress:
        try:
            return open_model(plan.model, store, progress, precision="float32")
        except StoreError:
            if plan.mode != "head" or plan.model != DEFAULT_MODEL:
                raise
            click.echo("Note: the float32 weights cannot be had here, so the head goes on the int8 ones.", err=True)
            return open_model(plan.model, store, progress)


def _tools(store: Settings, as_json: bool, quiet: bool = False) -> Tools:
    from contextlib import nullcontext

    from tinysight.train.teaching import Tools

    def say(line: str) -> None:
        if not quiet:
            click.echo(printable(line, 500), err=as_json)

    if quiet:
        return Tools(lambda _text: nullcontext(None), say, store.cache)
    return Tools(lambda text: progress_bar(text, of_bytes=False), say, store.cache)


def _remove_if_empty(folder: Path, new: bool) -> None:
    if new and not any(folder.iterdir()):
        folder.rmdir()


def _print(record: dict[str, Any], folder: Path, unreadable: tuple[str, ...], as_json: bool) -> int:
    from tinysight.train.folder import MODEL, REPORT

    results = record.get("results", {})
    where = str(folder / MODEL)
    if as_json:
        echo_json(
            {
                "run": str(folder),
                "model": where,
                "mode": record["plan"]["mode"],
                "classes": record["classes"],
                "pictures": record["pictures"],
                "left_out": record["left_out"],
                "results": results,
                "seconds": record.get("seconds"),
            }
        )
        return left_out(list(unreadable))
    if "top1" in results:
        click.echo(
            f"named right: {results['top1']:.1%} of {results['images']} pictures held out "
            f"(95 % interval {results['top1_low']:.1%} to {results['top1_high']:.1%}), in {results['precision']}; "
            f"float32 {results['float_top1']:.1%}"
        )
    if "neighbours" in results:
        click.echo(f"nearest neighbours would name {results['neighbours']['top1']:.1%}")
    report = f", report {printable(str(folder / REPORT))}" if (folder / REPORT).exists() else ""
    click.echo(f"wrote {printable(where)}{report}")
    return left_out(list(unreadable))
