"""The processes that train one network together, as ``torchrun`` starts them; alone, a team of one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import UsageError
from tinysight.networks.torch import nn, torch


@dataclass(frozen=True, slots=True)
class Team:
    """Who this process is.

    Args:
        rank: 0 writes all files and says what happens; the others only compute.
        size: how many processes there are.
        device: what this one computes on.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def wrapped(self, network: nn.Module) -> nn.Module:
        """Return a network whose gradients are the mean over the team's."""
        if self.size == 1:
            return network
        return torch.nn.parallel.DistributedDataParallel(network)

    def agree(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the leader's values, of the same shape in every process."""
        if self.size == 1:
            return values
        tensor = torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(self.device)
        torch.distributed.broadcast(tensor, 0)
        return tensor.cpu().numpy()

    def agree_text(self, text: str) -> str:
        """Return the leader's text in every process."""
        if self.size == 1:
            return text
        data = np.frombuffer(text.encode(), np.uint8).astype(np.float32)  # whole numbers up to 255 are exact
        length = int(self.agree(np.array([len(data)], np.float32))[0])
        return self.agree(np.resize(data, length)).astype(np.uint8).tobytes().decode()


def find_device(name: str) -> torch.device:
    """Return the device called ``name``: ``cpu``, ``cuda``, ``mps``, or the fastest there is for ``auto``.

    Raises:
        UsageError: an unknown name, or a device that this machine does not have.
    """
    there = ["cuda"] * torch.cuda.is_available() + ["mps"] * torch.backends.mps.is_available() + ["cpu"]
    if name == "auto":
        return torch.device(there[0])
    if name.partition(":")[0] not in there:
        raise UsageError(f"device must be auto or one of {', '.join(there)} on this machine, received {name!r}")
    try:
        found = torch.device(name)
    except RuntimeError:
        raise UsageError(f"device must be auto, cpu, cuda, cuda:N or mps, received {name!r}") from None
    if found.type == "cuda":
        _check_gpu(found.index or 0)
    return found


def _check_gpu(number: int) -> None:
    if number >= torch.cuda.device_count():
        raise UsageError(f"this machine has {torch.cuda.device_count()} GPUs, counted from 0, received cuda:{number}")


@contextlib.contextmanager
def joined(device: str, rank: int = 0, size: int = 1, local_rank: int = 0) -> Iterator[Team]:
    """Join the other processes for as long as the block runs; PyTorch reads where they meet from the environment.

    Args:
        device: as ``find_device``; each process of a machine takes a GPU of its own.
        rank: of this process among all.
        size: of the team.
        local_rank: of this process on its machine.

    Raises:
        UsageError: as ``find_device``, or the others cannot be reached.
    """
    found = find_device(device)
    if size == 1:
        yield Team(0, 1, found)
        return
    if found.type == "cuda":
        _check_gpu(local_rank)
        found = torch.device("cuda", local_rank)
        torch.cuda.set_device(found)
    try:
        torch.distributed.init_process_group("nccl" if found.type == "cuda" else "gloo", rank=rank, world_size=size)
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"the other processes cannot be reached: {str(error).splitlines()[0][:150]}") from None
    try:
        yield Team(rank, size, found)
    finally:
        torch.distributed.destroy_process_group()
