"""How verbs print: one JSON object a line for programs, tables and bars for people."""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from tinysight.errors import ImageError, UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

NAMED = 5  # pictures of which it is said why they were left out
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def echo_json(fields: dict[str, Any]) -> None:
    """Print one object as one line of JSON, keys in the order given, ASCII only, no NaN."""
    click.echo(json.dumps(fields, allow_nan=False))


def console(stderr: bool = False) -> Console:
    """Return rich's console for stdout or stderr: colours on a terminal, plain text elsewhere and under NO_COLOR."""
    from rich.console import Console

    class PipeConsole(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich would end the process with exit code 1; the command line has its own

    made = PipeConsole(stderr=stderr, highlight=False, emoji=False, markup=False, soft_wrap=True)
    if made.width < 1:  # COLUMNS=0, as some terminals without a size have it
        made.width = 80
    return made


def stderr_is_terminal() -> bool:
    """Whether a person may see what is written to stderr."""
    return sys.stderr is not None and sys.stderr.isatty()


def coloured() -> bool:
    """Whether stdout takes colours, by the rules that rich follows: a terminal or FORCE_COLOR, and no NO_COLOR."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (sys.stdout.isatty() and os.environ.get("TERM") != "dumb")


def echo_styled(*parts: tuple[str, str]) -> None:
    """Print a line of (text, style) on stdout, without rich, which takes longer to import than a picture to classify.

    Args:
        parts: style is words from ``bold``, ``dim`` and the names of the terminal's colours; all are left out where
            stdout takes none.
    """
    colours = coloured()

    def styled(text: str, style: str) -> str:
        words = style.split() if colours and text else []
        colour = next((word for word in words if word not in ("bold", "dim")), None)
        return click.style(text, fg=colour, bold="bold" in words or None, dim="dim" in words or None)

    click.echo("".join(styled(text, style) if style else text for text, style in parts), color=colours)


def standard_input() -> BinaryIO:
    """Return standard input as bytes.

    Raises:
        ImageError: it is closed.
    """
    if sys.stdin is None:
        raise ImageError("unreadable", "it is closed")
    return sys.stdin.buffer


def output_path(name: str, suffix: str, force: bool) -> Path:
    """Return where a verb may write, before it does any work.

    Args:
        name: as the user gave it.
        suffix: that it must have; empty for a folder that is to be made.
        force: whether what is there may be replaced.

    Raises:
        UsageError: the name has another ending than ``suffix``, its folder is not there, or something is there and may
            not be replaced.
    """
    target, shown = Path(name), printable(name)
    if suffix and target.suffix.lower() != suffix:
        raise UsageError(f"the output must end in {suffix}, received {shown!r}")
    if suffix or not target.is_dir():
        check_folder(target)
    if os.path.lexists(target) and not force:
        raise UsageError(f"{shown} is already there; pass --force to replace it")
    return target


def left_out(reasons: list[str]) -> int:
    """Say on stderr which pictures could not be read, the first few by name, and return the exit code."""
    from tinysight.cli import EXIT_SOME_UNREADABLE

    if not reasons:
        return 0
    for reason in reasons[:NAMED]:
        click.echo(f"left out: {printable(reason, 500)}", err=True)
    if len(reasons) > NAMED:
        click.echo(f"left out: {len(reasons) - NAMED} more pictures that cannot be read", err=True)
    return EXIT_SOME_UNREADABLE


def check_folder(target: Path) -> None:
    """Refuse a file that could not be written in the end: its folder is missing, or it is a folder itself.

    Raises:
        UsageError: that.
    """
    shown = printable(str(target))
    if not target.parent.is_dir():
        raise UsageError(f"cannot write {shown}: the folder {printable(str(target.parent))} does not exist")
    if target.is_dir():
        raise UsageError(f"cannot write {shown}: it is a folder")


def bar_for_terminal(share: float, width: int) -> str:
    """Draw a bar in characters that stdout's encoding has."""
    if (sys.stdout.encoding or "").lower().startswith("utf"):
        return bar(share, width)
    return "#" * round(min(max(share, 0.0), 1.0) * width)


def bar(share: float, width: int = 20) -> str:
    """Draw a share of 0..1 as a bar of eighth blocks, ``width`` characters at most.

    >>> bar(0.5, 4)
    '██'
    """
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]


@contextmanager
def progress_bar(
    text: str = "Fetching weights", of_bytes: bool = True
) -> Iterator[Callable[[int, int | None], None] | None]:
    """Yield a callback (done, in all or None) that draws a progress bar on stderr, None off a terminal."""
    if not stderr_is_terminal():
        yield None
        return
    with ExitStack() as stack:
        show: Callable[[int, int | None], None] | None = None

        def update(done: int, total: int | None) -> None:
            nonlocal show
            if show is None:  # nearly always nothing is fetched, and rich is not needed
                show = stack.enter_context(_bar(text, of_bytes))
            show(done, total)

        yield update


@contextmanager
def _bar(text: str, of_bytes: bool) -> Iterator[Callable[[int, int | None], None]]:
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    counts = (DownloadColumn(), TransferSpeedColumn()) if of_bytes else (MofNCompleteColumn(),)
    columns = (TextColumn(text), BarColumn(), *counts, TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
