"""What goes into an engine and what comes out of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import EngineError
from tinysight.preprocess.scale import scale


class Output(NamedTuple):
    """What an engine gives for N pictures.

    ``logits`` float32 ``(N, num_classes)``, before softmax, None for a network without a head; ``features`` float32
    ``(N, h, w, c)``, 0..6, after block 13.
    """

    logits: NDArray[np.float32] | None
    features: NDArray[np.float32]

    @property
    def embedding(self) -> NDArray[np.float32]:
        """Features averaged over the picture, float32 ``(N, c)``."""
        embedding: NDArray[np.float32] = self.features.mean(axis=(1, 2), dtype=np.float32)
        return embedding


def check_images(images: NDArray[np.generic], resolution: int) -> None:
    """Refuse what is not a batch of pictures for a network of this resolution.

    Raises:
        EngineError: another shape than ``(N, resolution, resolution, 3)``, another dtype than uint8 or float32, or a
            value that is not finite.
    """
    wanted = (resolution, resolution, 3)
    if images.ndim != 4 or images.shape[1:] != wanted:
        raise EngineError(f"images must have shape (N, {resolution}, {resolution}, 3), received {images.shape}")
    if images.dtype not in (np.uint8, np.float32):
        raise EngineError(f"images must be uint8 or float32, received {images.dtype}")
    if images.dtype == np.float32 and not np.isfinite(images).all():
        raise EngineError("images hold values that are not finite (NaN or infinity)")


def network_input(
    images: NDArray[np.generic], resolution: int, value_range: tuple[float, float]
) -> NDArray[np.float32]:
    """Check pictures and bring them into the range that the weights expect.

    Args:
        images: ``(N, resolution, resolution, 3)``, uint8 pixels or float32 values already in range.
        resolution: side in pixels that the network was built for.
        value_range: what 0 and 255 become, from the recipe.

    Returns:
        float32 of the same shape.

    Raises:
        EngineError: as ``check_images``.
    """
    check_images(images, resolution)
    if images.dtype == np.uint8:
        return scale(images.astype(np.uint8, copy=False), value_range)
    return images.astype(np.float32, copy=False)
