"""The integer networks in NumPy, layer by layer; the native engine gives the same bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card
from tinysight.checkpoint.integers import MAX_ACTIVATION, POOL_UNITS, Integers, stem_input
from tinysight.engines.output import Output, check_images
from tinysight.quantize.arithmetic import integer_sums, pool, requantize
from tinysight.spec import layers


class IntegerReferenceEngine:
    """Runs any ``Spec`` in int8 or int16.

    Args:
        card: the model's card.
        integers: its network in integers.
    """

    name = "reference"

    def __init__(self, card: Card, integers: Integers) -> None:
        self.spec = card.spec
        self.precision = integers.precision
        self._value_range = card.recipe.value_range
        self._integers = integers

    def run(self, images: NDArray[np.generic]) -> Output:
        """Run pictures through the network.

        Args:
            images: ``(N, R, R, 3)`` with R the spec's resolution; uint8 pixels, or float32 in the recipe's range, which
                is clipped to it.

        Returns:
            Logits ``(N, num_classes)``, None without a head, and features ``(N, h, w, c)`` after block 13.

        Raises:
            EngineError: another shape or dtype, or a value that is not finite.
        """
        check_images(images, self.spec.resolution)
        values = stem_input(images, self._value_range)
        features, logits = np.zeros(0, np.float32), None
        step = None
        for layer in layers(self.spec):
            if layer.kind == "pool":
                assert step is not None
                features = values.astype(np.float32) * step
                values = pool(values, POOL_UNITS[self.precision])
                continue
            integer = self._integers.layers[layer.name]
            sums = integer_sums(values, integer.kernel, layer)
            if layer.kind == "head":
                logits = (sums.astype(np.float32) * integer.multiplier + integer.addend)[:, 0, 0]
            else:
                values, step = requantize(sums, integer, MAX_ACTIVATION[self.precision]), integer.step
        return Output(logits, features)
