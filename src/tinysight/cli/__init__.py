"""The command line: arguments in, text or JSON out, no logic.

A verb's module is imported when the verb is used, so that ``tinysight --help`` answers at once. Exit codes: 0 done,
1 run-time failure, 2 usage, 3 a gate was not met, 4 finished but some inputs could not be read, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys

import click

from tinysight.errors import GateError, TinysightError, UsageError, printable

# verb -> (module, what it does in one line)
VERBS = {
    "predict": ("tinysight.cli.predict", "Say what pictures show."),
    "explain": ("tinysight.cli.explain", "Show where in a picture the network looked."),
    "summary": ("tinysight.cli.summary", "Print the layers of a network and what each costs."),
    "cost": (
        "tinysight.cli.cost",
        "Compare standard and depthwise separable convolution; recompute the paper's tables.",
    ),
    "models": ("tinysight.cli.models", "List, fetch, verify and import weights."),
    "evaluate": ("tinysight.cli.evaluate", "Measure a model on labelled pictures, with a report."),
    "train": ("tinysight.cli.train", "Make a model of your own from labelled pictures."),
    "benchmark": ("tinysight.cli.benchmark", "Time the engines on this machine, and compare their answers."),
    "doctor": ("tinysight.cli.doctor", "Check a folder of labelled pictures before it teaches."),
    "quantize": ("tinysight.cli.quantize", "Add int8 to a model, calibrated on pictures."),
    "export": ("tinysight.cli.export", "Write a model in another program's format."),
}

EXIT_FAILURE, EXIT_USAGE, EXIT_GATE, EXIT_SOME_UNREADABLE, EXIT_INTERRUPTED, EXIT_PIPE = 1, 2, 3, 4, 130, 141


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(VERBS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(f"unknown verb {args[0]!r}; verbs: {', '.join(VERBS)}", ctx)
        return super().resolve_command(ctx, args)


EPILOG = "Example: tinysight predict examples/analog_clock.jpg"


@click.group(cls=_LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "--version", package_name="tinysight", message="tinysight %(version)s")
def command() -> None:
    """Tell what photos show with MobileNet v1, on any CPU, offline.

    Each verb answers to --help, and to --json with one object a line.
    """


def _report(error: Exception) -> int:
    click.echo(f"Error: {printable(str(error), 4000)}", err=True)
    if isinstance(error, GateError):
        return EXIT_GATE
    return EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE


def run(arguments: list[str] | None = None) -> int:
    """Run one command line and return its exit code; every expected failure is one line on stderr."""
    try:
        result = command.main(arguments, prog_name="tinysight", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        help_hint = f" (see {context.command_path} --help)" if context else ""
        click.echo(f"Error: {printable(' '.join(error.format_message().split()), 500)}{help_hint}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except SystemExit as error:  # click's way to end where the reader, for example `head`, has seen enough
        return EXIT_PIPE if error.code == 1 else int(error.code or 0)
    except BrokenPipeError:  # the same, when the last lines are flushed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_PIPE
    except MemoryError:
        click.echo("Error: not enough memory", err=True)
        return EXIT_FAILURE
    except (TinysightError, OSError) as error:
        return _report(error)
    return result if isinstance(result, int) else 0


def main() -> None:
    """Entry point of the ``tinysight`` command."""
    if sys.stdout is None:  # closed by whoever started us
        sys.exit("Error: standard output is closed, so there is nowhere to put the answer")
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal's encoding lacks is escaped, not a crash
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    code = run()
    _end(code)


def _end(code: int) -> None:
    """End the process at once: taking everything apart first would be a tenth of a cold start."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with contextlib.suppress(OSError, ValueError):  # said already, or nobody listens any more
            stream.flush()
    os._exit(code)
