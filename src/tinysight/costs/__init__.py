"""What the network costs, from shapes alone: no weight is read, no picture is needed.

``network`` counts stored numbers and multiply-adds layer by layer, ``memory`` the bytes that must be held at once,
``convolution`` compares the ways to write one layer, ``paper`` sets the paper's printed tables beside recomputed ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinysight.lazy import names_of

if TYPE_CHECKING:
    from tinysight.costs.convolution import (
        Convolution,
        Factorisation,
        Step,
        depthwise_separable,
        expected_ratio,
        spatially_separable,
        standard,
    )
    from tinysight.costs.memory import Moment, peak_activation
    from tinysight.costs.network import LayerCost, NetworkCost, full_convolution_cost, network_cost

__all__ = [
    "Convolution",
    "Factorisation",
    "LayerCost",
    "Moment",
    "NetworkCost",
    "Step",
    "depthwise_separable",
    "expected_ratio",
    "full_convolution_cost",
    "network_cost",
    "peak_activation",
    "spatially_separable",
    "standard",
]

_HOMES = {
    "Convolution": "convolution",
    "Factorisation": "convolution",
    "LayerCost": "network",
    "Moment": "memory",
    "NetworkCost": "network",
    "Step": "convolution",
    "depthwise_separable": "convolution",
    "expected_ratio": "convolution",
    "full_convolution_cost": "network",
    "network_cost": "network",
    "peak_activation": "memory",
    "spatially_separable": "convolution",
    "standard": "convolution",
}
__getattr__ = names_of(__name__, _HOMES)
