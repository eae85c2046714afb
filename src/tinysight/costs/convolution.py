"""One convolution written in three ways, and what each costs.

A kernel is a block of numbers W[i, j, m, n]: row i, column j, input channel m, filter n. The ways differ in what
that block may be:

=====================  ==============================  ==============================================
standard               any W[i, j, m, n]               one layer
depthwise separable    D[i, j, m] x P[m, n]            a k x k layer per channel, then a 1 x 1 layer
spatially separable    C[i, m, n] x R[j, m, n]         every k x k slice is a column times a row
=====================  ==============================  ==============================================

Neither bias nor batch norm is counted. Source: the paper's section 3.1 for the first two; for the third, the split
of 3 x 3 into 3 x 1 and 1 x 3, taken slice by slice, so that it saves k * k -> 2 k weights whatever the channels are.
(Inception's variant, a k x 1 layer to N channels and a 1 x k layer from N to N, is another network: it mixes the
channels twice, and costs more than the standard layer where N is much larger than M.)
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from tinysight.errors import UsageError

PaddingRule = Literal["valid", "same"]


@dataclass(frozen=True, slots=True)
class Convolution:
    """The job: which input becomes how many feature maps.

    Args:
        input_shape: (height, width, channels), each >= 1.
        kernel_size: side of the square kernel, >= 1.
        filters: output channels, >= 1.
        stride: step of the kernel in both directions, >= 1.
        padding: ``valid`` uses the pixels there are, ``same`` pads so that stride 1 keeps the size.

    Raises:
        UsageError: a value outside its range, or a kernel that does not fit into the input without padding.
    """

    input_shape: tuple[int, int, int]
    kernel_size: int
    filters: int
    stride: int = 1
    padding: PaddingRule = "valid"

    def __post_init__(self) -> None:
        if len(self.input_shape) != 3:
            raise UsageError(f"an input is height, width and channels, received {self.input_shape!r}")
        sizes = zip(("input height", "input width", "input channels"), self.input_shape, strict=True)
        for name, value in (*sizes, ("kernel", self.kernel_size), ("filters", self.filters), ("stride", self.stride)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name} must be a whole number of at least 1, received {value!r}")
        if self.padding not in get_args(PaddingRule):
            raise UsageError(f"padding must be one of {', '.join(get_args(PaddingRule))}, received {self.padding!r}")
        height, width, _ = self.input_shape
        if self.padding == "valid" and self.kernel_size > min(height, width):
            raise UsageError(
                f"a kernel of {self.kernel_size} does not fit into an input of {height} x {width} without padding"
            )

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """(height, width, filters) of the result."""
        height, width, _ = self.input_shape
        return self._side(height), self._side(width), self.filters

    def _side(self, side: int) -> int:
        reach = side - self.kernel_size if self.padding == "valid" else side - 1
        return reach // self.stride + 1


@dataclass(frozen=True, slots=True)
class Step:
    """One layer of a factorisation: its kernel's numbers, its multiply-adds, the size of what it puts out."""

    name: str
    weights: int
    mult_adds: int
    output_shape: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Factorisation:
    """One way to do the job, as the layers that run one after the other."""

    name: str
    steps: tuple[Step, ...]

    @property
    def weights(self) -> int:
        """Numbers in all kernels."""
        return sum(step.weights for step in self.steps)

    @property
    def mult_adds(self) -> int:
        """Multiply-adds for one input."""
        return sum(step.mult_adds for step in self.steps)


def _step(name: str, weights: int, output_shape: tuple[int, int, int]) -> Step:
    # Every output pixel uses every weight of its layer once.
    return Step(name, weights, weights * output_shape[0] * output_shape[1], output_shape)


def standard(job: Convolution) -> Factorisation:
    """Return the cost of one full layer: N filters of k x k x M.

    >>> full = standard(Convolution((12, 12, 3), kernel_size=5, filters=256))
    >>> full.weights, full.mult_adds
    (19200, 1228800)
    """
    k = job.kernel_size
    weights = k * k * job.input_shape[2] * job.filters
    return Factorisation("standard", (_step(f"convolution {k} x {k}", weights, job.output_shape),))


def depthwise_separable(job: Convolution) -> Factorisation:
    """Return the cost of filtering each channel by itself and mixing the channels afterwards.

    >>> split = depthwise_separable(Convolution((12, 12, 3), kernel_size=5, filters=256))
    >>> [(step.weights, step.mult_adds) for step in split.steps]
    [(75, 4800), (768, 49152)]
    """
    k, channels = job.kernel_size, job.input_shape[2]
    height, width, _ = job.output_shape
    depthwise = _step(f"depthwise {k} x {k}", k * k * channels, (height, width, channels))
    pointwise = _step("pointwise 1 x 1", channels * job.filters, job.output_shape)
    return Factorisation("depthwise separable", (depthwise, pointwise))


def spatially_separable(job: Convolution) -> Factorisation:
    """Return the cost of a column filter and then a row filter for every pair of channel and feature map.

    The column pass strides down and keeps the input's width, one map for each of the M x N pairs; the row pass
    strides across and adds up the M maps of each filter.

    >>> split = spatially_separable(Convolution((12, 12, 3), kernel_size=5, filters=256))
    >>> split.weights, split.mult_adds
    (7680, 614400)
    """
    k, (_, input_width, channels) = job.kernel_size, job.input_shape
    pairs = channels * job.filters
    column = _step(f"column {k} x 1", k * pairs, (job.output_shape[0], input_width, pairs))
    row = _step(f"row 1 x {k}", k * pairs, job.output_shape)
    return Factorisation("spatially separable", (column, row))


def expected_ratio(job: Convolution) -> Fraction:
    """Return 1/N + 1/k^2, the share of the standard cost that a depthwise separable layer has (paper, section 3.1).

    It holds for weights and for multiply-adds, whatever the input's size, stride and padding are.
    """
    return Fraction(1, job.filters) + Fraction(1, job.kernel_size**2)
