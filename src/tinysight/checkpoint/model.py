"""A whole model in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint.card import Card
from tinysight.checkpoint.int8_arrays import integer_arrays
from tinysight.checkpoint.integers import Integers
from tinysight.errors import CheckpointError, printable


@dataclass(frozen=True, eq=False, slots=True)
class Checkpoint:
    """Card and numbers: in float32, in int8, or in both.

    Args:
        card: what the model is.
        arrays: float32 by name, in the network's order (``spec.array_shapes``): all of them, or none.
        integers: the same network in int8, or None.
    """

    card: Card
    arrays: dict[str, NDArray[np.float32]]
    integers: Integers | None = None

    @property
    def precisions(self) -> tuple[str, ...]:
        """What it can be run in, fastest first; int16 is made from float32 when it is opened."""
        return (("int8",) if self.integers is not None else ()) + (("int16", "float32") if self.arrays else ())

    def numbers(self) -> dict[str, NDArray[np.generic]]:
        """Return every stored array by its name in the file, float32 ones first, in the network's order."""
        return {**self.arrays, **(integer_arrays(self.integers) if self.integers is not None else {})}

    def without_floats(self) -> Checkpoint:
        """Return the model with its int8 numbers only, a quarter of the size."""
        return replace(self, arrays={})

    def float_arrays(self, purpose: str) -> dict[str, NDArray[np.float32]]:
        """Return the float32 arrays for something that cannot do without.

        Args:
            purpose: what needs them, the subject of the message's sentence.

        Raises:
            CheckpointError: the model holds none.
        """
        if not self.arrays:
            name = printable(self.card.name, 80)
            raise CheckpointError(f"{purpose} needs float32 weights; model {name} holds int8 ones only")
        return self.arrays
