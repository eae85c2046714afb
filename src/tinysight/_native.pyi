import numpy as np
from numpy.typing import NDArray

def available() -> list[str]: ...

class Engine:
    def __init__(self, resolution: int, threads: int, levels: NDArray[np.float32], isa: str) -> None: ...
    def set_stem(
        self, kernel: NDArray[np.float32], bias: NDArray[np.float32], in_side: int, out_side: int, stride: int, pad: int
    ) -> None: ...
    def add_block(
        self,
        depthwise: NDArray[np.float32],
        depthwise_bias: NDArray[np.float32],
        pointwise: NDArray[np.float32],
        pointwise_bias: NDArray[np.float32],
        in_side: int,
        out_side: int,
        stride: int,
        pad: int,
    ) -> None: ...
    def set_head(self, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None: ...
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
