"""How ``evaluate`` writes its numbers for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tinysight.cli.output import bar_for_terminal
from tinysight.cli.tables import show, table
from tinysight.errors import printable

if TYPE_CHECKING:
    from rich.console import Console

    from tinysight.evaluate.intervals import Share
    from tinysight.evaluate.pair import Pair
    from tinysight.evaluate.run import Evaluation
    from tinysight.evaluate.summary import Summary

CLASSES, CONFUSIONS, FLIPS = 25, 8, 5
NAME_CHARACTERS = 30


def _share(found: Share) -> str:
    return f"{found.value:6.1%}   {found.low:.1%} to {found.high:.1%}"


def print_evaluation(out: Console, evaluation: Evaluation, summary: Summary) -> None:
    """Print what a model is worth, the most telling first."""
    pictures = f"{len(evaluation.paths):,} picture{'s' * (len(evaluation.paths) != 1)}"
    click.echo(f"{printable(evaluation.model)} ({evaluation.precision}) on {pictures}; intervals are 95 %")
    if evaluation.left_out_seen:
        click.echo(f"{evaluation.left_out_seen:,} pictures left out that the model was trained on")
    click.echo(f"\ntop-1        {_share(summary.top1)}")
    if summary.top5 is not None:
        click.echo(f"top-5        {_share(summary.top5)}")
    click.echo(f"macro F1     {summary.f1:6.3f}   each class counting once\n")
    _classes(out, evaluation, summary)
    _confusions(evaluation, summary)
    _trust(evaluation, summary)
    faint = [one for one in summary.slices if one.meaningful and one.top1.high < summary.top1.value]
    for one in faint:
        click.echo(f"weak on      {one.kind}: {one.name}, {one.top1.value:.1%} of {one.top1.pictures:,} pictures")


def _classes(out: Console, evaluation: Evaluation, summary: Summary) -> None:
    import numpy as np

    from tinysight.evaluate.intervals import share

    scores = summary.scores
    found = {
        int(index): share(int(summary.confusion[index, index]), int(scores.support[index]))
        for index in np.flatnonzero(scores.support)
    }
    order = sorted(found, key=lambda index: (found[index].high, found[index].value))
    rows = table(["class", ">pictures", "found", "", "95 %", ">right when said", ">F1"])
    for index in order[:CLASSES]:
        one = found[index]
        said = f"{scores.precision[index]:.1%}" if scores.predicted[index] else "never said"
        rows.add_row(
            printable(evaluation.name(index), NAME_CHARACTERS),
            f"{one.pictures:,}",
            f"{one.value:.1%}",
            bar_for_terminal(one.value, 12),
            f"{one.low:.0%} to {one.high:.0%}",
            said,
            f"{scores.f1[index]:.3f}",
        )
    show(out, rows)
    if len(order) > CLASSES:
        click.echo(f"({len(order) - CLASSES:,} more classes, found more often; --json lists all)")
    click.echo("")


def _confusions(evaluation: Evaluation, summary: Summary) -> None:
    from tinysight.evaluate.metrics import worst_confusions

    for at, one in enumerate(worst_confusions(summary.confusion, CONFUSIONS)):
        label, said = (printable(evaluation.name(index), NAME_CHARACTERS) for index in (one.label, one.predicted))
        of = int(summary.scores.support[one.label])
        click.echo(f"{'mixed up' if not at else '':12} {one.pictures:,} of {of:,} {label} called {said}")


def _trust(evaluation: Evaluation, summary: Summary) -> None:
    mean = float(evaluation.probabilities.max(axis=1).mean())
    click.echo(
        f"calibration  says {mean:.1%} on average where {summary.top1.value:.1%} are right; error "
        f"{summary.calibration_error:.1%}, temperature wanted {summary.temperature:.2f}"
    )
    kept = summary.rejection
    if kept is not None:
        right = "none" if kept.top1 is None else f"{kept.top1.value:.1%} of those right"
        click.echo(f"sure ones    {kept.kept.value:.1%} have at least {100 * kept.below:g} %, {right}")
    found = summary.coverage
    if found is None:
        click.echo("sets         too few pictures to measure their coverage")
        return
    click.echo(
        f"sets         {found.mean_size:.2f} classes hold the right one for {found.covered.value:.1%} "
        f"({found.covered.low:.1%} to {found.covered.high:.1%}; {found.wanted:.1%} wanted)"
    )


def print_pair(out: Console, found: Pair) -> None:
    """Print which of two models is better, and the pictures that tell them apart."""
    from tinysight.evaluate.pair import flips, verdict

    comparison = found.comparison
    names = [printable(name, NAME_CHARACTERS) for name in found.names]
    if found.left_out_seen:
        click.echo(f"{found.left_out_seen:,} pictures left out that one of the models was trained on")
    rows = table(["model", "precision", ">right", ">of", ">top-1", "95 %"])
    for name, one, top1 in zip(names, (found.first, found.second), (comparison.first, comparison.second), strict=True):
        ends = f"{top1.low:.1%} to {top1.high:.1%}"
        rows.add_row(name, one.precision, f"{top1.hits:,}", f"{top1.pictures:,}", f"{top1.value:.1%}", ends)
    show(out, rows)
    click.echo(
        f"\nsecond less first  {100 * comparison.difference:+.1f} points, "
        f"{100 * comparison.low:+.1f} to {100 * comparison.high:+.1f}"
    )
    click.echo(f"verdict            {verdict(comparison, *names)}")
    for name, which in zip(names, (comparison.lost, comparison.won), strict=True):
        click.echo(f"only {name} is right on {len(which):,}")
        for flip in flips(found, which[:FLIPS]):
            told = f"{flip.label}: {flip.first} / {flip.second}"
            click.echo(f"  {printable(found.first.shown(flip.path), 80)}  {printable(told, 100)}")
