"""Activation memory: the bytes one picture needs while it passes through the network.

The definition used everywhere: layers run one after the other; while a layer runs, all of its input and all of its
output are held, and nothing else (the network has no branches, so no other layer's result is still needed). Batch
norm and ReLU6 work in place. The peak is the largest of these sums. Weights are not counted: they are ``params``
times the bytes of a number.

``fused`` is the way of engines that hand the depthwise result to the pointwise layer a few rows at a time: a block is
then one step, its middle is never held as a whole, and the strip of rows in work is not counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tinysight.spec import Spec, layers

FLOAT32_BYTES = 4
INT8_BYTES = 1


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of the network and what is held while it runs.

    Args:
        layers: names of the layers that run: one, or depthwise and pointwise when fused.
        input_shape: (height, width, channels) held as input.
        output_shape: (height, width, channels) held as output.
    """

    layers: tuple[str, ...]
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]

    @property
    def numbers(self) -> int:
        """How many numbers are held."""
        return math.prod(self.input_shape) + math.prod(self.output_shape)

    @property
    def float32_bytes(self) -> int:
        """Bytes held when each number is a float32."""
        return FLOAT32_BYTES * self.numbers

    @property
    def int8_bytes(self) -> int:
        """Bytes held when each number is an int8."""
        return INT8_BYTES * self.numbers


def moments(spec: Spec, *, fused: bool = False) -> tuple[Moment, ...]:
    """Return the steps of the network in order, with what each holds."""
    steps: list[Moment] = []
    waiting: Moment | None = None  # a depthwise layer that is fused into the next
    for layer in layers(spec):
        step = Moment((layer.name,), layer.input_shape, layer.output_shape)
        if fused and layer.kind == "depthwise":
            waiting = step
        elif waiting is not None:
            steps.append(Moment(waiting.layers + step.layers, waiting.input_shape, step.output_shape))
            waiting = None
        else:
            steps.append(step)
    return tuple(steps)


def peak_activation(spec: Spec, *, fused: bool = False) -> Moment:
    """Return the moment that holds the most, the first of them if there are several.

    >>> peak = peak_activation(Spec())
    >>> peak.layers, peak.float32_bytes, peak.int8_bytes
    (('conv_pw_1',), 4816896, 1204224)
    """
    return max(moments(spec, fused=fused), key=lambda moment: moment.numbers)
