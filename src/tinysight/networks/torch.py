"""The network as a PyTorch module, for training: built from ``spec.layers``, weights in and out without a change.

Importing this file imports PyTorch; ``train`` takes it from here, so that one place says what is missing. Tensors are
(N, C, H, W) to PyTorch and channels last in memory, which is what its convolutions are fastest with and what our NHWC
pictures already are.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import check_arrays
from tinysight.errors import MissingExtraError, UsageError
from tinysight.spec import BN_ARRAYS, Layer, Spec, layers

try:
    import torch
    import torch.distributed
except ModuleNotFoundError as error:
    raise MissingExtraError("torch", "finetune") from error
from torch import Tensor, nn

__all__ = ["Network", "Tensor", "folded", "from_arrays", "nn", "to_arrays", "torch"]

BN_MOMENTUM = 0.05  # share of a batch's statistics in the running ones; batches of 32 are noisy
BN_NAMES = ("weight", "bias", "running_mean", "running_var")  # PyTorch's, in the order of ``BN_ARRAYS``


class Network(nn.Module):
    """MobileNet v1 from pictures to logits.

    Args:
        spec: the network; ``dropout`` acts in training mode. The resolution is only the usual one: pictures of any
            side from 32 px on are taken, padded as the spec's rule pads that side.
        bn_momentum: share of each batch's statistics in the running ones.
    """

    def __init__(self, spec: Spec, bn_momentum: float = BN_MOMENTUM) -> None:
        super().__init__()
        self.spec = spec
        self.convolutions = nn.ModuleDict()
        self.norms = nn.ModuleDict()
        self.head: nn.Linear | None = None
        for layer in layers(spec):
            inputs, outputs = layer.input_shape[2], layer.output_shape[2]
            if layer.kind == "head":
                self.head = nn.Linear(inputs, outputs)
            elif layer.has_bn:
                groups = inputs if layer.kind == "depthwise" else 1
                size, stride = layer.kernel_size, layer.stride
                self.convolutions[layer.name] = nn.Conv2d(inputs, outputs, size, stride, groups=groups, bias=False)
                self.norms[layer.name] = nn.BatchNorm2d(outputs, eps=spec.bn_epsilon, momentum=bn_momentum)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor, first: int = 0) -> Tensor:
        """Return logits ``(N, num_classes)``, or the embedding ``(N, c)`` without a head.

        Args:
            images: float32 ``(N, 3, R, R)`` in the range that the weights expect, -1..1 for all released ones.
            first: number of the convolution to start at, as ``features``; ``images`` are then what it reads.
        """
        return self.classify(self.features(images, first))

    def features(self, values: Tensor, first: int = 0, last: int | None = None) -> Tensor:
        """Run the convolutions numbered ``first`` to ``last`` (not included); 0 is the stem, 2 b the end of block b.

        Args:
            values: what convolution ``first`` reads, ``(N, c, h, w)``; pictures for 0.
            first: number of the first convolution, 0..26.
            last: one more than the last one's number; None takes all 27.

        Returns:
            ``(N, c, h, w)``, 0..6 after the last ReLU6.
        """
        for number, layer in enumerate(_rows(self.spec)[first:last], start=first):
            values = self._convolved(values, layer, number)
            values = nn.functional.relu6(self.norms[layer.name](values), inplace=True)
        return values

    def classify(self, features: Tensor) -> Tensor:
        """Turn features ``(N, c, h, w)`` into logits ``(N, num_classes)``, or into the embedding without a head."""
        pooled = features.mean((2, 3))
        if self.head is None:
            return pooled
        logits: Tensor = self.head(nn.functional.dropout(pooled, self.spec.dropout, self.training))
        return logits

    def _convolved(self, values: Tensor, layer: Layer, number: int) -> Tensor:
        convolution = self.convolutions[layer.name]
        assert isinstance(convolution, nn.Conv2d)
        if layer.kernel_size == 1:
            convolved: Tensor = convolution(values)
            return convolved
        before, after = _pads(self.spec, number, values.shape[-1])
        pad = before
        if before != after:
            values, pad = nn.functional.pad(values, (before, after, before, after)), 0
        return nn.functional.conv2d(
            values, convolution.weight, convolution.bias, layer.stride, pad, groups=convolution.groups
        )


def _rows(spec: Spec) -> list[Layer]:
    return [layer for layer in layers(spec) if layer.has_bn]


def _pads(spec: Spec, number: int, side: int) -> tuple[int, int]:
    """Return the padding of a convolution for inputs of another side than the spec's resolution gives."""
    row = _rows(spec)[number]
    if row.input_shape[0] == side:
        return row.pad
    halvings = sum(before.stride == 2 for before in _rows(spec)[:number])
    resolution = side << halvings  # a resolution of which this layer sees ``side`` pixels
    return _rows(replace(spec, resolution=resolution))[number].pad


def from_arrays(spec: Spec, arrays: Mapping[str, NDArray[np.float32]], bn_momentum: float = BN_MOMENTUM) -> Network:
    """Build the network with these weights.

    Args:
        spec: the network.
        arrays: float32 by name, as ``spec.array_shapes`` lists them; copied.
        bn_momentum: as ``Network``.

    Raises:
        CheckpointError: arrays that are missing, of another shape or not finite.
    """
    checked = check_arrays(spec, dict(arrays), "network")
    network = Network(spec, bn_momentum)
    with torch.no_grad():
        for name, tensor in _tensors(network).items():
            tensor.copy_(torch.from_numpy(_to_torch(checked[name], name)))
    return network


def folded(network: Network) -> Network:
    """Return a copy for inference alone whose batch norms are part of the convolutions before them.

    Answers differ by rounding. The copy has other tensors than ``to_arrays`` looks for.
    """
    result = copy.deepcopy(network).train(False)
    with torch.no_grad():
        for name, norm in network.norms.items():
            convolution = result.convolutions[name]
            assert isinstance(convolution, nn.Conv2d)
            scale, shift, mean, variance = (getattr(norm, one) for one in BN_NAMES)
            factor = scale * torch.rsqrt(variance + network.spec.bn_epsilon)
            convolution.weight.mul_(factor[:, None, None, None])
            convolution.bias = nn.Parameter(shift - mean * factor)
            result.norms[name] = nn.Identity()
    return result


def to_arrays(network: Network) -> dict[str, NDArray[np.float32]]:
    """Return the network's numbers under our names, float32, copied; ``from_arrays`` gives them back to the bit.

    Raises:
        UsageError: numbers of another type than float32.
    """
    arrays = {}
    for name, tensor in _tensors(network).items():
        if tensor.dtype != torch.float32:
            raise UsageError(f"a network to be stored must be float32, received {name} in {tensor.dtype}")
        arrays[name] = _from_torch(tensor.detach().cpu().contiguous().numpy(), name, network.spec)
    return arrays


def _tensors(network: Network) -> dict[str, Tensor]:
    """The network's own tensors under our names, in the order of ``spec.array_shapes``."""
    tensors: dict[str, Tensor] = {}
    for layer in _rows(network.spec):
        tensors[f"{layer.name}.kernel"] = network.convolutions[layer.name].weight  # type: ignore[assignment]
        for ours, theirs in zip(BN_ARRAYS, BN_NAMES, strict=True):
            tensors[f"{layer.name}_bn.{ours}"] = getattr(network.norms[layer.name], theirs)
    if network.head is not None:
        tensors["conv_preds.kernel"], tensors["conv_preds.bias"] = network.head.weight, network.head.bias
    return tensors


def _to_torch(array: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    if array.ndim != 4:
        return array.copy()
    if name == "conv_preds.kernel":
        return np.ascontiguousarray(array[0, 0].T)
    if "_dw_" in name:  # (3, 3, channels, multiplier): outputs count through both last axes
        return np.ascontiguousarray(array.reshape(*array.shape[:2], 1, -1).transpose(3, 2, 0, 1))
    return np.ascontiguousarray(array.transpose(3, 2, 0, 1))


def _from_torch(array: NDArray[np.float32], name: str, spec: Spec) -> NDArray[np.float32]:
    if array.ndim == 1:
        return array.copy()
    if name == "conv_preds.kernel":
        return np.ascontiguousarray(array.T)[None, None]
    ours = np.ascontiguousarray(array.transpose(2, 3, 1, 0))
    return ours.reshape(3, 3, -1, spec.depth_multiplier) if "_dw_" in name else ours
