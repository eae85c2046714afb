"""The names and axes of our arrays in PyTorch's state dicts: timm's ``mobilenetv1_*`` and Hugging Face's MobileNetV1.

Convolutions there are (outputs, inputs, height, width), a linear layer (outputs, inputs). Batch norm also counts the
batches it has seen, which answers do not depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import CheckpointError, printable
from tinysight.importers.tensor_file import TensorFile
from tinysight.spec import BLOCKS, BN_ARRAYS, Spec, array_shapes

Rename = Callable[[str], str]
COUNTER = "num_batches_tracked"
BN_NAMES = dict(zip(BN_ARRAYS, ("weight", "bias", "running_mean", "running_var"), strict=True))
HF_PREFIX = "mobilenet_v1."


def _timm_block(block: int) -> str:
    """Return where block 1..13 stands: a stage begins with each stride of 2."""
    stage = sum(stride == 2 for _, stride in BLOCKS[:block])
    first = max((number for number, (_, stride) in enumerate(BLOCKS[:block], start=1) if stride == 2), default=1)
    return f"blocks.{stage}.{block - first}"


def timm_name(array: str) -> str:
    """Return the name of one of our arrays in timm's ``mobilenetv1_100``.

    >>> timm_name("conv_pw_3_bn.gamma")
    'blocks.1.1.bn2.weight'
    """
    layer, part = array.split(".")
    convolution, norm = "conv_stem", "bn1"
    if layer == "conv_preds":
        return f"classifier.{'bias' if part == 'bias' else 'weight'}"
    if not layer.startswith("conv1"):
        kind, block = layer.split("_")[1:3]
        place = _timm_block(int(block))
        convolution, norm = f"{place}.conv_{kind}", f"{place}.bn{1 if kind == 'dw' else 2}"
    return f"{norm}.{BN_NAMES[part]}" if layer.endswith("_bn") else f"{convolution}.weight"


def huggingface_name(array: str) -> str:
    """Return the name of one of our arrays in ``transformers.MobileNetV1ForImageClassification``.

    >>> huggingface_name("conv_pw_3_bn.gamma")
    'mobilenet_v1.layer.5.normalization.weight'
    """
    layer, part = array.split(".")
    if layer == "conv_preds":
        return f"classifier.{'bias' if part == 'bias' else 'weight'}"
    place = "conv_stem"
    if not layer.startswith("conv1"):
        kind, block = layer.split("_")[1:3]
        place = f"layer.{2 * int(block) - (2 if kind == 'dw' else 1)}"
    what = f"normalization.{BN_NAMES[part]}" if layer.endswith("_bn") else "convolution.weight"
    return f"{HF_PREFIX}{place}.{what}"


def to_torch(array: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    """Return one of our arrays with PyTorch's axes, C-contiguous; ``name`` is ours."""
    if name == "conv_preds.kernel":
        return np.ascontiguousarray(array[0, 0].T)
    if name.endswith(".kernel"):
        axes = (2, 3, 0, 1) if name.startswith("conv_dw_") else (3, 2, 0, 1)
        return np.ascontiguousarray(array.transpose(axes))
    return array


def _from_torch(array: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    if name == "conv_preds.kernel":
        return array.T[None, None]
    if name.endswith(".kernel"):
        return array.transpose((2, 3, 0, 1) if name.startswith("conv_dw_") else (2, 3, 1, 0))
    return array


def _axes(name: str) -> int:
    return 2 if name == "conv_preds.kernel" else 4 if name.endswith(".kernel") else 1


def read_arrays(file: TensorFile, rename: Rename) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of a state dict under our names and with our axes, as far as they are there.

    Args:
        file: the state dict.
        rename: from our name to the file's.

    Raises:
        CheckpointError: an array that no MobileNet v1 has, or another number of axes.
    """
    known = {rename(name): name for name in array_shapes(Spec())}
    _refuse_others(file, known)
    arrays = {}
    for theirs, ours in known.items():
        if theirs not in file.entries:
            continue
        shape = file.entries[theirs][1]
        if len(shape) != _axes(ours):
            raise CheckpointError(
                f"{file.where}: array {theirs} has shape {printable(str(shape), 80)}, expected {_axes(ours)} axes"
            )
        arrays[ours] = _from_torch(file.array(theirs), ours)
    return arrays


def _refuse_others(file: TensorFile, known: Collection[str]) -> None:
    others = sorted(name for name in file.entries if name not in known and not name.endswith(f".{COUNTER}"))
    if others:
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        raise CheckpointError(f"{file.where}: array {printable(others[0], 80)} is not part of a MobileNet v1{more}")
