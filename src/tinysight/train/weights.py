"""The optimizer, and the moving average of the weights that is kept in the end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.networks.torch import Network, Tensor, nn, torch
from tinysight.train.options import Options

Arrays = dict[str, NDArray[np.float32]]


def make_optimizer(network: Network, options: Options) -> torch.optim.Optimizer:
    """Return an optimizer for the parameters that are trained; dense kernels alone decay."""
    decaying: list[Tensor] = []
    others: list[Tensor] = []
    for parameter in network.parameters():
        if parameter.requires_grad:
            # Depthwise kernels are (channels, 1, 3, 3): nine numbers that nothing else can stand in for.
            dense = parameter.ndim == 2 or (parameter.ndim == 4 and parameter.shape[1] > 1)
            (decaying if dense else others).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": decaying, "weight_decay": options.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if options.optimizer == "sgd":
        return torch.optim.SGD(groups, options.learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, options.learning_rate, fused=True)


class Average:
    """Exponential moving average of a network's numbers, batch-norm statistics included.

    In the first steps the decay is smaller, (1 + n) / (10 + n), so that the start is forgotten soon.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._live = _numbers(network)
        self._average = {name: tensor.detach().clone() for name, tensor in self._live.items()}

    def update(self, steps: int) -> None:
        """Take in the network as it is after ``steps`` steps."""
        decay = min(self._decay, (1 + steps) / (10 + steps))
        with torch.no_grad():
            torch._foreach_lerp_(list(self._average.values()), list(self._live.values()), 1 - decay)

    def copy_to(self, network: nn.Module) -> None:
        """Write the average into another network of the same kind."""
        with torch.no_grad():
            for name, tensor in _numbers(network).items():
                tensor.copy_(self._average[name])

    def arrays(self) -> Arrays:
        """Return the average as it goes into a snapshot."""
        return {f"average.{name}": _array(tensor) for name, tensor in self._average.items()}

    def load(self, arrays: Arrays) -> None:
        """Read back ``arrays``."""
        for name, tensor in self._average.items():
            tensor.copy_(torch.from_numpy(arrays[f"average.{name}"]))


def _numbers(network: nn.Module) -> dict[str, Tensor]:
    return {name: t.detach() for name, t in network.state_dict().items() if t.dtype == torch.float32}


def _array(tensor: Tensor) -> NDArray[np.float32]:
    return np.array(tensor.detach().cpu().contiguous().numpy(), np.float32)


def live_arrays(network: nn.Module, optimizer: torch.optim.Optimizer) -> Arrays:
    """Return a network's numbers and its optimizer's memory as they go into a snapshot."""
    arrays = {f"network.{name}": _array(tensor) for name, tensor in _numbers(network).items()}
    for number, memory in optimizer.state_dict()["state"].items():
        for key, value in memory.items():
            if isinstance(value, Tensor):
                arrays[f"optimizer.{number}.{key}"] = _array(value)
    return arrays


def load_live(network: nn.Module, optimizer: torch.optim.Optimizer, arrays: Arrays) -> None:
    """Read back ``live_arrays``."""
    with torch.no_grad():
        for name, tensor in _numbers(network).items():
            tensor.copy_(torch.from_numpy(arrays[f"network.{name}"]))
    state: dict[int, dict[str, Tensor]] = {}
    for name, values in arrays.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            state.setdefault(int(number), {})[key] = torch.from_numpy(np.array(values))
    whole = optimizer.state_dict()
    whole["state"] = state
    optimizer.load_state_dict(whole)
    for parameter, memory in optimizer.state.items():
        for key, value in memory.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                # In the parameter's own order in memory: the fused step goes through both side by side.
                memory[key] = torch.empty_like(parameter.detach()).copy_(value)
