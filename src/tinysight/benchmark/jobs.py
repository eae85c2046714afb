"""The three things that ``tinysight benchmark`` measures, as rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tinysight.agreement import listed, read_photographs
from tinysight.benchmark.end_to_end import run_files
from tinysight.benchmark.gates import Gate, check_names, missed
from tinysight.benchmark.machine import processors
from tinysight.benchmark.own import own_contenders
from tinysight.benchmark.process import measure_commands
from tinysight.benchmark.rounds import Plan, interleave
from tinysight.benchmark.rows import process_row, quality_fields, throughput_row, timing_rows
from tinysight.checkpoint import Checkpoint
from tinysight.classify import Classifier
from tinysight.errors import ImageError
from tinysight.quantize import synthetic_pictures

Rows = list[dict[str, Any]]
BATCHES = 4  # different ones in turn


class Choice(NamedTuple):
    """What is measured.

    Args:
        checkpoints: by precision.
        engines: names as ``open_engine`` takes them.
        threads: numbers of them.
        isa: instruction set of the native engine; None takes the best.
    """

    checkpoints: dict[str, Checkpoint]
    engines: Sequence[str] = ("auto",)
    threads: Sequence[int] = (1,)
    isa: str | None = None

    @property
    def any(self) -> Checkpoint:
        """One of them; name, spec and recipe are the same in all."""
        return next(iter(self.checkpoints.values()))


def time_calls(
    choice: Choice, plan: Plan, batch_size: int = 1, pictures: Path | None = None, gates: Sequence[Gate] = ()
) -> tuple[Rows, list[str], tuple[str, ...]]:
    """Time every combination in turns, and compare their answers.

    Args:
        choice: what is measured.
        plan: how long.
        batch_size: pictures a call.
        pictures: folder of photographs to compare answers on, and accuracy where it has ``labels.csv``.
        gates: ratios to reach.

    Returns:
        One row a combination, one line for each gate that was missed, one for each picture that cannot be read.

    Raises:
        UsageError: a gate that compares nothing; no pictures.
    """
    card = choice.any.card
    contenders = own_contenders(choice.checkpoints, choice.engines, choice.threads, choice.isa)
    check_names(gates, contenders)
    photographs = None
    if pictures is not None:
        photographs = read_photographs(pictures, card.recipe, num_classes=card.spec.num_classes)
    images = synthetic_pictures(card.spec.resolution, BATCHES * batch_size)
    batches = [images[number * batch_size :][:batch_size] for number in range(BATCHES)]
    measured = interleave(contenders, batches, plan)
    quality = quality_fields(contenders, photographs, batch_size)
    rows = timing_rows(card.name, contenders, measured, quality, batch_size)
    return rows, missed(gates, contenders, measured), photographs.unreadable if photographs else ()


def time_files(choice: Choice, folder: Path, rounds: int) -> Rows:
    """Go from a folder's files to names with all processors: as many threads, each picture on one of them.

    Returns:
        One row an engine and precision: pictures a second.

    Raises:
        UsageError: no picture that can be read.
    """
    rows, workers = [], processors()
    paths = listed(folder, choice.any.card.spec.num_classes)
    for engine in choice.engines:
        for precision, checkpoint in choice.checkpoints.items():
            isa = choice.isa if engine in ("auto", "native") else None
            classifier = Classifier(checkpoint, engine=engine, precision=precision, threads=1, isa=isa)
            answers = run_files(partial(_first, classifier), [path for path, _ in paths], workers, rounds)
            known = {str(path): index for path, index in paths if index is not None}
            names = classifier.card.name, classifier.engine.name, classifier.engine.precision
            rows.append(throughput_row(*names, workers, answers, known or None))
    return rows


def _first(classifier: Classifier, path: Path) -> int | None:
    try:
        return classifier.predict(path, top_k=1)[0].index
    except ImageError:
        return None


def time_commands(model: str, precisions: Sequence[str], picture: str, rounds: int) -> Rows:
    """Time whole commands, from process start to printed label, beside the import of NumPy alone.

    Args:
        model: name or path.
        precisions: one command each.
        picture: file to classify.
        rounds: runs of each command.
    """
    commands = {"python -c 'import numpy'": [sys.executable, "-c", "import numpy"]}
    for precision in precisions:
        arguments = ["predict", "--model", model, "--precision", precision, picture]
        commands[f"tinysight {' '.join(arguments)}"] = [sys.executable, "-m", "tinysight", *arguments]
    runs = measure_commands(list(commands.values()), rounds)
    return [process_row(name, run) for name, run in zip(commands, runs, strict=True)]
