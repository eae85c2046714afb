"""Epochs come back out of TensorBoard's own reader, each once, also after a run that was killed went on."""

import sys

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
pytest.importorskip("tensorboard", reason="needs TensorBoard (extra tensorboard)")
from tinysight.errors import MissingExtraError  # noqa: E402
from tinysight.train.board import FOLDER, NAMES, open_board  # noqa: E402
from tinysight.train.watch import Row  # noqa: E402

ROWS = [Row(epoch, 0.1 / epoch, 2.0 / epoch, 1 - 0.5 / epoch, 1.5 / epoch) for epoch in (1, 2, 3)]


def read(folder, name):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / FOLDER))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(name)]


def test_epochs_are_read_back(tmp_path):
    board = open_board(tmp_path)
    for row in ROWS:
        board.add(row)
    for field, name in NAMES.items():
        assert read(tmp_path, name) == [(row.epoch, pytest.approx(getattr(row, field))) for row in ROWS]


def test_what_came_after_the_last_snapshot_comes_once(tmp_path):
    for row in ROWS:
        open_board(tmp_path, row.epoch - 1).add(row)
    board = open_board(tmp_path, epochs_done=1)
    for row in ROWS[1:]:
        board.add(row)
    assert [step for step, _ in read(tmp_path, NAMES["val_top1"])] == [1, 2, 3]


def test_without_a_folder_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_board(None).add(ROWS[0])
    assert not list(tmp_path.iterdir())


def test_without_tensorboard_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"tinysight\[tensorboard\]"):
        open_board(tmp_path)
