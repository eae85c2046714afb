"""The epochs of a run in the form that TensorBoard reads (``--tensorboard``)."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tinysight.errors import MissingExtraError
from tinysight.train.watch import Row

FOLDER = "tensorboard"
NAMES = {
    "learning_rate": "learning rate",
    "train_loss": "loss/training",
    "val_loss": "loss/validation",
    "val_top1": "top-1/validation",
}


class Board(Protocol):
    """Where epochs are written."""

    def add(self, row: Row) -> None:
        """Write one epoch; it is on disk afterwards."""


class _Nothing:
    def add(self, row: Row) -> None:
        """Do nothing."""


class _Writer:
    def __init__(self, folder: Path, epochs_done: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise MissingExtraError("tensorboard", "tensorboard") from None
        # What a killed run wrote after its last snapshot comes again; TensorBoard is told to forget it.
        self._writer = SummaryWriter(str(folder / FOLDER), purge_step=epochs_done + 1)

    def add(self, row: Row) -> None:
        for field, name in NAMES.items():
            self._writer.add_scalar(name, getattr(row, field), row.epoch)
        self._writer.flush()


def open_board(folder: Path | None, epochs_done: int = 0) -> Board:
    """Return where to write epochs; for no folder, somewhere that keeps nothing.

    Args:
        folder: of the run; events go into ``tensorboard`` in it.
        epochs_done: epochs that are known already, of a run that goes on.

    Raises:
        MissingExtraError: TensorBoard is not installed.
    """
    return _Nothing() if folder is None else _Writer(folder, epochs_done)
