"""What one writes with PyTorch alone: MobileNet v1 channels last, AdamW, pictures that lie ready."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


class SamePad(nn.ZeroPad2d):
    """TensorFlow's padding of even sides at stride 2, which released weights expect."""

    def __init__(self) -> None:
        super().__init__((0, 1, 0, 1))


def network(alpha: float, classes: int) -> nn.Sequential:
    """Return the network, in training mode."""
    parts: list[nn.Module] = []

    def convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> None:
        if stride == 2:
            parts.append(SamePad())
        padding = kernel // 2 if stride == 1 else 0
        parts.append(nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False))
        parts.extend([nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.05), nn.ReLU6(inplace=True)])

    width = int(32 * alpha)
    convolution(3, width, 3, 2)
    for filters, stride in BLOCKS:
        convolution(width, width, 3, stride, groups=width)
        convolution(width, int(filters * alpha), 1, 1)
        width = int(filters * alpha)
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(1e-3), nn.Linear(width, classes)]
    return nn.Sequential(*parts).to(memory_format=torch.channels_last)


def bare_loop(alpha: float, images: Any, targets: Any, batch_size: int, mixed: bool) -> Callable[[Any], None]:
    """Return one epoch over uint8 images ``(N, R, R, 3)`` and targets ``(N, C)``."""
    model = network(alpha, targets.shape[1])
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.02, fused=True)

    def run(_: Any) -> None:
        for begin in range(0, len(images), batch_size):
            part = torch.from_numpy(images[begin : begin + batch_size]).permute(0, 3, 1, 2)
            values = part.float().mul_(2 / 255).sub_(1)
            wanted = torch.from_numpy(targets[begin : begin + batch_size])
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
                logits = model(values)
            loss = functional.cross_entropy(logits.float(), wanted)
            loss.backward()
            optimizer.step()
            loss.item()

    return run
