"""One file is one model: arrays plus a card, in safetensors. ``docs/checkpoint-format.md`` specifies it."""

from tinysight.checkpoint.arrays import arrays_sha256, check_arrays
from tinysight.checkpoint.card import Card, Probe
from tinysight.checkpoint.file import read_checkpoint, write_checkpoint
from tinysight.checkpoint.model import Checkpoint

__all__ = [
    "Card",
    "Checkpoint",
    "Probe",
    "arrays_sha256",
    "check_arrays",
    "read_checkpoint",
    "write_checkpoint",
]
