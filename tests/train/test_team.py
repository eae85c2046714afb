"""Two processes that train together agree on every number they learn; a device that is not there is refused."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinysight.errors import UsageError

torch = pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
from tinysight.train.team import Team, find_device, joined  # noqa: E402

MEMBER = """
import os, sys
import numpy as np, torch
torch.set_num_threads(1)
from tinysight.networks.torch import from_arrays, to_arrays
from tinysight.spec import Spec
from tinysight.train.augment import Augmentation
from tinysight.train.batches import Batches
from tinysight.train.crops import make_crops
from tinysight.train.judging import logits_of, picture_scaling, score
from tinysight.train.loop import fit
from tinysight.train.watch import Watch
from tinysight.train.options import Options
from tinysight.train.scratch import random_start
from tinysight.train.team import joined

rank, size, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
labels = np.arange(64) % 2
images = np.random.default_rng(0).integers(0, 80, (64, 40, 40, 3), np.uint8)
for image, label in zip(images, labels):
    image[8:32, 8:32, label] = 230
spec = Spec(alpha=0.25, resolution=32, num_classes=2, dropout=0.0)
augmentation = Augmentation(scale=(0.8, 1.0))
options = Options(resolution=32, epochs=8, batch_size=16, learning_rate=0.02, optimizer="sgd", average_decay=0.8)
batches = Batches(
    make_crops(images, 64, folder=folder), labels, np.arange(64), 32, augmentation, 16 // size, 0, 2, 0.0,
    rank=rank, world_size=size,
)
scaling = picture_scaling((-1.0, 1.0))
val = np.ascontiguousarray(images[:, 4:36, 4:36])
saved = []
with joined("cpu", rank, size, rank) as team:
    agreed = team.agree(np.full(3, rank + 7, np.float32))
    team.agree(np.zeros(1, np.float32))
    network = from_arrays(spec, random_start(spec, 0), bn_momentum=0.2)
    judge = lambda n: score(logits_of(n, val, scaling, 0, team.device), labels)
    result = fit(network, batches, scaling, options, team, Watch(judge, saved.append))
    live = to_arrays(network)
np.savez(
    f"{folder}/rank{rank}.npz",
    agreed=agreed, top1=[row.val_top1 for row in result.rows], loss=[row.val_loss for row in result.rows],
    saved=len(saved), leads=team.leads,
    **{"best." + name: array for name, array in result.arrays.items()},
    **{"live." + name: array for name, array in live.items()},
)
"""


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def run_team(folder: Path, size: int) -> list[dict[str, np.ndarray]]:
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    members = [
        subprocess.Popen(
            [sys.executable, "-c", MEMBER, str(rank), str(size), str(folder)],
            env={**os.environ, **meeting},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    try:
        told = [member.communicate(timeout=120)[1] for member in members]
    finally:
        for member in members:
            member.kill()
    assert [member.returncode for member in members] == [0] * size, told
    return [dict(np.load(folder / f"rank{rank}.npz")) for rank in range(size)]


def test_two_processes_learn_the_same(tmp_path):
    leader, other = run_team(tmp_path, 2)
    assert leader["agreed"].tolist() == other["agreed"].tolist() == [7, 7, 7]
    assert leader["saved"] == 8 and other["saved"] == 0 and leader["leads"] and not other["leads"]
    for name in ("top1", "loss"):
        np.testing.assert_array_equal(leader[name], other[name])
    assert leader["top1"].max() >= 0.9
    # Statistics of batch norms are each one's own after a step; the leader's are those that are kept.
    learnt = [name for name in leader if "." in name and "moving_" not in name]
    assert len(learnt) > 100
    for name in learnt:
        np.testing.assert_array_equal(leader[name], other[name], err_msg=name)


def test_alone_nothing_has_to_be_agreed():
    with joined("cpu") as team:
        assert team == Team(0, 1, torch.device("cpu")) and team.leads
        values, network = np.arange(3, dtype=np.float32), torch.nn.Linear(1, 1)
        assert team.agree(values) is values and team.wrapped(network) is network
        team.agree(np.zeros(1, np.float32))


@pytest.mark.parametrize("name", ["", "gpu", "CPU", "tpu", "cuda0", "cpu:x", "cpu:-1", " cpu", "auto:0"])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(UsageError, match=r"device must be auto.*received"):
        find_device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps"])
def test_a_device_that_is_not_there_is_refused(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UsageError, match=f"device must be auto or one of cpu on this machine, received '{name}'"):
        find_device(name)


def test_the_fastest_there_is(monkeypatch):
    assert find_device("cpu") == torch.device("cpu")
    for cuda, mps, expected in ((False, False, "cpu"), (False, True, "mps"), (True, False, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda cuda=cuda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda mps=mps: mps)
        assert find_device("auto") == torch.device(expected)


def test_others_that_cannot_be_reached_are_an_error_of_usage(monkeypatch):
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(UsageError, match=r"the other processes cannot be reached: .*MASTER_ADDR"),
        joined("cpu", rank=0, size=2),
    ):
        pass
