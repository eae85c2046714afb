from typing import Any

import numpy as np
from numpy.typing import NDArray

def available() -> list[str]: ...
def resize(picture: NDArray[np.uint8], out: NDArray[np.uint8], isa: str = "") -> None: ...

class _Network:
    def set_stem(
        self,
        kernel: NDArray[Any],
        multiplier: NDArray[np.float32],
        addend: NDArray[np.float32],
        in_side: int,
        out_side: int,
        stride: int,
        pad: int,
    ) -> None: ...
    def add_block(
        self,
        depthwise: NDArray[Any],
        depthwise_multiplier: NDArray[np.float32],
        depthwise_addend: NDArray[np.float32],
        pointwise: NDArray[Any],
        multiplier: NDArray[np.float32],
        addend: NDArray[np.float32],
        in_side: int,
        out_side: int,
        stride: int,
        pad: int,
    ) -> None: ...
    def set_head(self, kernel: NDArray[Any], multiplier: NDArray[np.float32], addend: NDArray[np.float32]) -> None: ...
    def finish(self, feature_steps: NDArray[np.float32]) -> None: ...
    @property
    def isa(self) -> str: ...
    @property
    def threads(self) -> int: ...
    def run_pixels(
        self, images: NDArray[np.generic], logits: NDArray[np.float32], features: NDArray[np.float32]
    ) -> None: ...
    def run_values(
        self, images: NDArray[np.generic], logits: NDArray[np.float32], features: NDArray[np.float32]
    ) -> None: ...
    def stage_nanoseconds(self, images: NDArray[np.uint8], logits: NDArray[np.float32]) -> list[int]: ...

class Float32(_Network):
    def __init__(self, resolution: int, threads: int, isa: str, divisor: float, low: float) -> None: ...

class _Integer(_Network):
    def __init__(
        self,
        resolution: int,
        threads: int,
        isa: str,
        offset: int,
        units_per_value: float,
        highest: int,
        pool_units: float,
    ) -> None: ...

class Int16(_Integer): ...
class Int8(_Integer): ...
