"""What can be chosen about an export."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from tinysight.errors import UsageError

if TYPE_CHECKING:
    from tinysight.store import Progress, Settings

Precision = Literal["float32", "float16", "int8"]


MAX_BATCH = 256  # a picture takes 5 MB while it is run; more gain no speed on a processor


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How a model is written in another program's format.

    Args:
        precision: ``float32``; ``float16``: kernels are stored so, and computed with in float32; ``int8``: the model's
            own integers.
        pixels: whether the input is uint8 and scaled in the file, or float32 in the recipe's range.
        probabilities: whether the file ends with softmax.
        batch: pictures in a run, at most 256; None leaves it open.
        settings: where a format that needs files of others (``web``) takes them from; None asks the environment.
        progress: called with bytes done and bytes in all while they are fetched.

    Raises:
        UsageError: an unknown precision, or a batch below 1.
    """

    precision: Precision = "float32"
    pixels: bool = False
    batch: int | None = 1
    probabilities: bool = False
    settings: Settings | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise UsageError(f"precision must be one of {', '.join(get_args(Precision))}, received {self.precision!r}")
        batch = self.batch
        if batch is not None and (isinstance(batch, bool) or not isinstance(batch, int) or not 1 <= batch <= MAX_BATCH):
            raise UsageError(f"batch must be a whole number from 1 to {MAX_BATCH}, or None, received {batch!r}")
