"""One way to turn a batch of pictures into logits, ready to be timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def as_they_are(images: Pixels) -> Any:
    """Hand pixels on; for programs that take them as they are."""
    return images


@dataclass(frozen=True, slots=True)
class Contender:
    """A program, its arithmetic, and what is timed.

    Args:
        name: engine or program, for example ``native``.
        precision: arithmetic and, where there are several ways to it, which, for example ``int8 reduce_range``.
        threads: for one batch; None where the program does not let one choose.
        run: takes what ``prepare`` made and returns logits ``(N, classes)``; this is what is timed.
        prepare: takes uint8 ``(N, R, R, 3)`` pixels and returns the program's own input; not timed.
        details: instruction set or settings, in words.
    """

    name: str
    precision: str
    threads: int | None
    run: Callable[[Any], Any]
    prepare: Callable[[Pixels], Any] = as_they_are
    details: str = ""

    @property
    def label(self) -> str:
        """Name, precision and threads: ``native:int8:1``."""
        parts = (self.name, self.precision) if self.threads is None else (self.name, self.precision, self.threads)
        return ":".join(map(str, parts))

    def logits(self, images: Pixels, batch_size: int = 1) -> NDArray[np.float32]:
        """Answer for many pictures, batch by batch, without timing.

        Args:
            images: uint8 ``(N, R, R, 3)``; the last batch is filled up with its last picture, for programs of one size.
            batch_size: pictures a call.

        Returns:
            float32 ``(N, classes)``.
        """
        answers = []
        for start in range(0, len(images), batch_size):
            batch = images[start : start + batch_size]
            missing = batch_size - len(batch)
            if missing:
                batch = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
            answers.append(np.array(self.run(self.prepare(batch)), np.float32)[: batch_size - missing])
        return np.concatenate(answers)
