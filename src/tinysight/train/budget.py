"""What fits into a time: mode, model, resolution and epochs, from steps measured on this machine."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tinysight.errors import UsageError, printable
from tinysight.train.options import WIDE_FROM, Mode

_TIME = re.compile(r"(\d+(?:\.\d+)?) ?(s|sec|min|m|h)")
_SECONDS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
SHARE_FOR_STEPS = 0.7  # of the time; the rest reads, judges, quantises and reports
FIXED_SECONDS = 25.0  # of every run that trains layers: imports, embeddings for the first head, the report
TEACHER_SECONDS = 0.004  # a picture, where a narrow network has a teacher; 0.0033 here, with AMX
FEWEST_EPOCHS, MOST_EPOCHS = 6, 40
FEWEST_SECONDS = 20.0  # for which a head can be promised


class Candidate(NamedTuple):
    """One way to spend the time: ``model`` is the one to start from, of width ``alpha``."""

    mode: Mode
    model: str
    alpha: float
    resolution: int


class Choice(NamedTuple):
    """What was chosen; no epochs for a head alone."""

    candidate: Candidate
    epochs: int


def parse_time(text: str) -> float:
    """Return seconds of a time such as ``90s``, ``5min`` or ``1h``.

    Raises:
        UsageError: not a time, or too little for anything.

    >>> parse_time("1.5min")
    90.0
    """
    match = _TIME.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"a budget is a time such as 90s, 5min or 1h, received {printable(text, 40)!r}")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if not FEWEST_SECONDS <= seconds <= 1e7:
        raise UsageError(f"a budget must be {FEWEST_SECONDS:g} seconds or more, received {printable(text, 40)!r}")
    return seconds


def candidates(models: Iterable[tuple[str, float]]) -> list[Candidate]:
    """Return the ways to spend time with these models (name and alpha), the most accurate first.

    The order was found on photographs of flowers: a wide network trained whole, a narrow one at the larger
    size, the last blocks of a wide one, a narrow one at the smaller size.
    """
    known = sorted(models, key=lambda model: -model[1])
    wide = [model for model in known if model[1] > WIDE_FROM]
    narrow = [model for model in known if model[1] <= WIDE_FROM]
    found = [Candidate("all-layers", name, alpha, side) for name, alpha in wide for side in (160, 128)]
    found += [Candidate("all-layers", name, alpha, 160) for name, alpha in narrow]
    found += [Candidate("last-blocks", name, alpha, 224) for name, alpha in wide]
    return found + [Candidate("all-layers", name, alpha, 128) for name, alpha in narrow]


def choose(
    seconds: float,
    pictures: int,
    ways: Iterable[Candidate],
    seconds_a_picture: Callable[[Candidate], float],
    fallback: Candidate,
) -> Choice:
    """Return the first way of which enough epochs fit.

    Args:
        seconds: of the budget.
        pictures: to learn from.
        ways: the best first.
        seconds_a_picture: measures a way; asked only until one fits.
        fallback: a head, which always fits.
    """
    for way in ways:
        taught = way.mode == "all-layers" and way.alpha <= WIDE_FROM
        left = (seconds - FIXED_SECONDS - TEACHER_SECONDS * pictures * taught) * SHARE_FOR_STEPS
        if left <= 0:
            continue
        epochs = int(left / max(1e-9, seconds_a_picture(way) * pictures))
        if epochs >= FEWEST_EPOCHS:
            return Choice(way, min(epochs, MOST_EPOCHS))
    return Choice(fallback, 0)


def measure(
    way: Candidate, batch_size: int = 32, steps: int = 4, device: str = "cpu", mixed_precision: bool = False
) -> float:
    """Return the seconds that one picture takes in training on this machine: the fastest of a few steps.

    The last blocks read activations that are computed once for three views, which counts as a third of their epochs.

    Raises:
        UsageError: a device that this machine does not have.
    """
    from tinysight.networks.torch import Network, torch
    from tinysight.spec import Spec
    from tinysight.train.loop import soft_cross_entropy
    from tinysight.train.team import find_device

    place = find_device(device)
    with torch.random.fork_rng([]), torch.autocast(place.type, torch.bfloat16, enabled=mixed_precision):
        network = Network(Spec(alpha=way.alpha, resolution=way.resolution, num_classes=10)).train().to(place)
        first = 23 if way.mode == "last-blocks" else 0
        images = torch.zeros(batch_size, 3, way.resolution, way.resolution, device=place)
        images = images.to(memory_format=torch.channels_last)
        targets, times = torch.full((batch_size, 10), 0.1, device=place), []
        with torch.no_grad():
            begun = time.perf_counter()
            values = network.features(images, 0, first)
            before = (time.perf_counter() - begun) / 3 if first else 0.0
        for _ in range(steps):
            begun = time.perf_counter()
            loss = soft_cross_entropy(network(values.clone(), first).float(), targets)
            loss.backward()  # type: ignore[no-untyped-call]
            float(loss.detach())  # waits for the device
            times.append(time.perf_counter() - begun)
    return (min(times[1:]) + before) / batch_size
