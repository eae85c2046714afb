"""A model as a state dict of PyTorch programs, in a safetensors file.

The same model gives the same bytes; the safetensors library keeps several metadata in an order that changes from run to
run, so the header is written here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint, check_arrays
from tinysight.errors import EngineError, MissingExtraError, UsageError, printable
from tinysight.importers.torch_names import COUNTER, Rename, to_torch
from tinysight.preprocess.scale import scale

DTYPES = {"float32": "F32", "int64": "I64"}  # safetensors' names
ALIGNMENT = 8  # of the first value

Tensors = Mapping[str, NDArray[np.generic]]


def check_has_torch_form(checkpoint: Checkpoint, what: str) -> None:
    """Refuse a network that neither timm nor Hugging Face have.

    Raises:
        UsageError: no head, or several depthwise outputs for an input channel.
    """
    card = checkpoint.card
    if not card.spec.include_top:
        raise UsageError(f"model {printable(card.name)} has no head, and {what} of a classifier needs one")
    if card.spec.depth_multiplier != 1:
        raise UsageError(f"{what} has one depthwise output a channel, this model {card.spec.depth_multiplier}")


def state_dict(checkpoint: Checkpoint, rename: Rename, what: str) -> dict[str, NDArray[np.generic]]:
    """Return a model's numbers under another program's names and with PyTorch's axes.

    Args:
        checkpoint: with float32 numbers.
        rename: from our name of an array to the other's.
        what: the export is, for messages.

    Returns:
        float32 by name, and before them int64 ``()``, how many batches each batch norm has seen, which is not known: 0.

    Raises:
        CheckpointError: a model without float32 numbers.
    """
    arrays = check_arrays(checkpoint.card.spec, checkpoint.float_arrays(what), what)
    norms = [rename(name).rpartition(".")[0] for name in arrays if name.endswith("_bn.gamma")]
    counters: dict[str, NDArray[np.generic]] = {f"{norm}.{COUNTER}": np.zeros((), np.int64) for norm in norms}
    return counters | {rename(name): to_torch(array, name) for name, array in arrays.items()}


def safetensors_bytes(tensors: Tensors, metadata: Mapping[str, str]) -> bytes:
    """Write arrays and text by key as a safetensors file, in the order in which they are given.

    Args:
        tensors: float32 or int64, by name; those with longer values first.
        metadata: becomes ``__metadata__``.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    position = 0
    for name, array in tensors.items():
        end = position + array.nbytes
        shape = list(array.shape)
        header[name] = {"dtype": DTYPES[array.dtype.name], "shape": shape, "data_offsets": [position, end]}
        position = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    values = (array.astype(array.dtype.newbyteorder("<")).tobytes() for array in tensors.values())
    return b"".join([len(text).to_bytes(8, "little"), text, *values])


def metadata_of(data: bytes) -> dict[str, str]:
    """Return the metadata of a file that ``safetensors_bytes`` wrote.

    Raises:
        EngineError: it is none.
    """
    try:
        length = int.from_bytes(data[:8], "little")
        found = json.loads(data[8 : 8 + length])["__metadata__"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise EngineError(f"the file's header is damaged: {printable(str(error), 100)}") from error
    return dict(found)


def pictures_runner(
    network: Callable[..., object], value_range: tuple[float, float], extra: str
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """Return what runs pictures through a PyTorch module on one thread.

    Args:
        network: takes float32 ``(N, 3, R, R)`` and returns logits.
        value_range: of the recipe.
        extra: that brings PyTorch.

    Returns:
        Takes uint8 ``(N, R, R, 3)`` and returns logits, float32 ``(N, num_classes)``.

    Raises:
        MissingExtraError: PyTorch is not installed.
    """
    try:
        from tinysight.networks.torch import torch
    except MissingExtraError:
        raise MissingExtraError("torch", extra) from None

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = np.ascontiguousarray(scale(images, value_range).transpose(0, 3, 1, 2))
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                logits: NDArray[np.float32] = network(torch.from_numpy(values)).numpy()  # type: ignore[attr-defined]
        finally:
            torch.set_num_threads(threads)
        return logits

    return run
