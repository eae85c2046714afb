"""The gate: an export is accepted when its own runtime gives the answers that we give.

Two things are asked. Does the file compute what our engine in the same precision computes? A damaged weight, a swapped
channel or a wrong padding shows there at once, on any picture. And how often is its first answer that of float32? That
is the price of the precision, and needs pictures like those it will see.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.agreement import same_answers, signal_to_noise_db
from tinysight.checkpoint import Checkpoint
from tinysight.engines import open_engine
from tinysight.errors import GateError
from tinysight.export.artefact import Artefact
from tinysight.export.options import Precision
from tinysight.labels import softmax
from tinysight.quantize.synthetic import synthetic_pictures

DRAWN = 12  # pictures beside the probes, where none are given
TIMED = 15  # of each program, in turns
# Of logits up to 16 in size; beyond that in proportion. In float32 they lie within 1e-4 on nearly all pictures; of 500
# and a network of alpha 0.25, whose sums cancel, one is 1.2e-4 away where batch norm is not folded.
LARGEST_DIFFERENCE: dict[Precision, float] = {"float32": 2e-4, "float16": 0.25}
USUAL_SIZE = 16.0
# int8 is compared in decibels. Runtimes hold biases as whole numbers, so that one activation in 300 is rounded the
# other way; that has to stay well below what rounding to int8 did itself.
BETTER_DB = 3.0  # than our int8 is to float32, where that asks for less than ``Artefact.least_db``
MIN_AGREEMENT: dict[Precision, float] = {"float32": 1.0, "float16": 0.99, "int8": 0.985}
SMALLEST = 1e-37  # of a probability in float32
FEWEST = 200  # pictures by which an agreement is judged unless a limit is given


@dataclass(frozen=True, slots=True)
class Parity:
    """How an artefact compares with us.

    Args:
        runtime: what ran it.
        precision: of the artefact.
        pictures: how many were asked.
        agreement: share of them with float32's first answer, 0..1; None where the model has no float32 numbers.
        same_precision_agreement: share with our first answer in the same precision.
        largest_logit: the size of our largest one.
        largest_difference: between logits, to ours in the same precision.
        signal_to_noise_db: of the logits against ours in the same precision, at most 200.
        own_db: the same of our logits in this precision against float32; None where that is the same or not known.
        least_db: that is wanted of int8.
        divergence: mean Kullback-Leibler divergence from our probabilities in the same precision, in nats.
        bytes: of the file.
        milliseconds: of one picture there, median, on one thread.
        our_milliseconds: the same with our engine.
        card_equal: whether the file holds the model's card; None where it holds none.
        labels_equal: whether the file holds the card's labels in their order; None where the card has none.
    """

    runtime: str
    precision: Precision
    pictures: int
    agreement: float | None
    same_precision_agreement: float
    largest_logit: float
    largest_difference: float
    signal_to_noise_db: float
    own_db: float | None
    least_db: float
    divergence: float
    bytes: int
    milliseconds: float
    our_milliseconds: float
    card_equal: bool | None
    labels_equal: bool | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold, and ``latency_ratio``: ours by theirs."""
        return asdict(self) | {"latency_ratio": self.our_milliseconds / self.milliseconds}


def usual_pictures(checkpoint: Checkpoint) -> NDArray[np.uint8]:
    """Return the card's probes and drawn pictures, uint8 ``(N, R, R, 3)``: enough to see whether a file is ours."""
    side = checkpoint.card.spec.resolution
    probes = [probe.enlarged(side) for probe in checkpoint.card.probes]
    return np.concatenate([*(one[None] for one in probes), synthetic_pictures(side, DRAWN)])


def compare_with_ours(
    checkpoint: Checkpoint, artefact: Artefact, precision: Precision, images: NDArray[np.uint8], size: int
) -> Parity:
    """Ask both.

    Args:
        checkpoint: the model, with the numbers of the precision.
        artefact: the export, opened.
        precision: it was written in.
        images: uint8 ``(N, R, R, 3)``, prepared by the recipe; N >= 1.
        size: of the file in bytes.

    Raises:
        EngineError: a failure in either engine.
    """
    ours = open_engine(checkpoint, precision="int8" if precision == "int8" else "float32", threads=1)

    def run_ours(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = ours.run(pictures).logits
        assert logits is not None
        return logits

    wanted, found = _answers(run_ours, images), _answers(artefact.run, images)
    if artefact.probabilities:
        found = _as_logits(found, wanted)
    exact = wanted
    if precision == "int8" and checkpoint.arrays:
        floats = open_engine(checkpoint, precision="float32", threads=1)
        exact = np.concatenate([floats.run(image[None]).logits for image in images])
    theirs_ms, ours_ms = _times(artefact, run_ours, images)
    card, names = artefact.card, checkpoint.card.names
    return Parity(
        artefact.runtime,
        precision,
        len(images),
        same_answers(found, exact) if checkpoint.arrays else None,
        same_answers(found, wanted),
        float(np.abs(wanted).max()),
        float(np.abs(found - wanted).max()),
        signal_to_noise_db(found, wanted),
        None if exact is wanted else signal_to_noise_db(wanted, exact),
        artefact.least_db,
        _divergence(wanted, found),
        size,
        theirs_ms,
        ours_ms,
        None if card is None else card.to_json() == checkpoint.card.to_json(),
        None if names is None else artefact.labels == names,
    )


def check(parity: Parity, min_agreement: float | None = None) -> None:
    """Refuse an artefact that does not answer as we do.

    Args:
        parity: what was found.
        min_agreement: share of first answers; None takes that of the precision, where there are 200 pictures.

    Raises:
        GateError: says which limit was missed, by how much.
    """
    where = f"{parity.runtime} on {parity.pictures} pictures"
    if parity.labels_equal is False:
        raise GateError(f"the file's labels are not the model's, or in another order, as {where} reads them")
    if parity.card_equal is False:
        raise GateError(f"the card in the file is not the model's, as {where} reads it")
    if parity.precision == "int8":
        least = parity.least_db if parity.own_db is None else min(parity.least_db, parity.own_db + BETTER_DB)
        if not parity.signal_to_noise_db >= least:
            raise GateError(
                f"logits differ from our int8 engine's: {parity.signal_to_noise_db:.1f} dB in {where}, "
                f"at least {least:.1f} dB are wanted"
            )
    else:
        limit = LARGEST_DIFFERENCE[parity.precision] * max(1.0, parity.largest_logit / USUAL_SIZE)
        if not parity.largest_difference <= limit:
            raise GateError(
                f"logits differ from ours by up to {parity.largest_difference:.2g} in {where}, {limit:.2g} is allowed"
            )
    wanted = MIN_AGREEMENT[parity.precision] if min_agreement is None else min_agreement
    judged = min_agreement is not None or parity.pictures >= FEWEST
    if judged and parity.agreement is not None and parity.agreement < wanted:
        raise GateError(f"{parity.agreement:.4f} of the first answers are float32's in {where}, {wanted} is wanted")


def _answers(run: Callable[[NDArray[np.uint8]], NDArray[np.float32]], images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.concatenate([run(image[None]) for image in images])


def _as_logits(probabilities: NDArray[np.float32], logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Undo softmax, which loses a constant: that of the logits' own largest is put back."""
    first = np.take_along_axis(probabilities, logits.argmax(axis=1)[:, None], axis=1)
    relative = np.log(np.maximum(probabilities, SMALLEST)) - np.log(np.maximum(first, SMALLEST))
    shifted: NDArray[np.float32] = (relative + logits.max(axis=1, keepdims=True)).astype(np.float32)
    return shifted


def _divergence(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    p, q = softmax(wanted), softmax(found)
    return float((p * (np.log(np.maximum(p, 1e-300)) - np.log(np.maximum(q, 1e-300)))).sum(axis=1).mean())


def _times(
    artefact: Artefact,
    ours: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    images: NDArray[np.uint8],
) -> tuple[float, float]:
    """Return the median milliseconds of one picture in both, which take turns; a fixed batch is divided."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(TIMED):
        picture = images[number % len(images)][None]
        for run, count, times in zip((artefact.run, ours), (artefact.batch, 1), seconds, strict=True):
            pictures = np.repeat(picture, count, axis=0)
            begun = time.perf_counter()
            run(pictures)
            times.append((time.perf_counter() - begun) / count)
    return 1e3 * median(seconds[0]), 1e3 * median(seconds[1])
