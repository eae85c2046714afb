"""What a network in training says about pictures, and how good that is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.evaluate.calibration import negative_log_likelihood
from tinysight.networks.torch import Network, torch
from tinysight.train.strength import careful_temperature

BATCH = 8  # without gradients few pictures at a time are up to twice as fast: what they need stays in the caches


class Score(NamedTuple):
    """``top1`` as a share 0..1, ``loss`` the mean negative log likelihood in nats at the best temperature."""

    top1: float
    loss: float

    def is_better(self, than: Score | None) -> bool:
        """Whether the loss is smaller.

        The loss looks at every picture, top-1 only at those near a border: the best top-1 of many epochs is luck for
        the most part. And the temperature comes first, because smoothed labels leave it wrong by what they smooth.
        """
        return than is None or self.loss < than.loss


class Scaling(NamedTuple):
    """How uint8 becomes what the network's first trained convolution reads: ``values * factor + offset``."""

    factor: float
    offset: float

    def applied(self, values: NDArray[np.uint8], device: torch.device) -> torch.Tensor:
        """Return uint8 ``(N, H, W, C)`` as float32 ``(N, C, H, W)``, channels last in memory."""
        tensor = torch.from_numpy(values).to(device, non_blocking=True).permute(0, 3, 1, 2)
        return tensor.to(torch.float32).mul_(self.factor).add_(self.offset)


def picture_scaling(value_range: tuple[float, float]) -> Scaling:
    """Return the scaling of pixels to a recipe's range."""
    low, high = value_range
    return Scaling((high - low) / 255, low)


def logits_of(
    network: Network, values: NDArray[np.uint8], scaling: Scaling, first: int, device: torch.device
) -> NDArray[np.float32]:
    """Return a network's logits, in inference mode and float32.

    Args:
        network: left in evaluation mode.
        values: uint8 ``(N, h, w, c)``: pictures, or what convolution ``first`` reads.
        scaling: of the values.
        first: number of the convolution that reads them.
        device: where the network is.

    Returns:
        float32 ``(N, num_classes)``.
    """
    network.train(False)
    parts = []
    with torch.inference_mode():
        for begin in range(0, len(values), BATCH):
            part = scaling.applied(values[begin : begin + BATCH], device)
            parts.append(network(part, first).float().cpu().numpy())
    return np.concatenate(parts)


def score(logits: NDArray[np.float32], labels: NDArray[np.intp]) -> Score:
    """Return how good logits ``(N, C)`` are for labels ``(N,)``, divided by the temperature that suits them best."""
    loss = negative_log_likelihood(logits, labels, careful_temperature(logits.astype(np.float64), labels))
    return Score(float((logits.argmax(axis=1) == labels).mean()), loss)
