"""What stands around a Keras model: numbers for the network, names for its answers. Needs no Keras itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinysight.errors import UsageError
from tinysight.labels import imagenet_labels


def preprocess_input(x: Any, data_format: str | None = None) -> Any:  # noqa: ARG001
    """Scale pixels from 0..255 to -1..1, as ``keras.applications.mobilenet.preprocess_input`` does, to the bit.

    Args:
        x: a NumPy array of numbers 0..255, any shape; or a tensor of the Keras backend, symbolic ones included.
        data_format: there for Keras' signature; this scaling is the same for both.

    Returns:
        ``x / 127.5 - 1``. A floating array keeps its dtype, any other becomes float32. Always a new array: Keras
        overwrites a floating array that it is given, which turns a second call into nonsense.

    Raises:
        UsageError: a list or another object that is neither array nor tensor, or an array that holds no numbers.
    """
    if isinstance(x, np.ndarray):
        if x.dtype.kind not in "fiub":
            raise UsageError(f"preprocess_input takes an array of real numbers, received dtype {x.dtype}")
        pixels = x if x.dtype.kind == "f" else x.astype(np.float32)
        return pixels / 127.5 - 1.0
    if not hasattr(x, "shape") or not hasattr(x, "dtype"):
        raise UsageError(f"preprocess_input takes a NumPy array or a tensor, received {type(x).__name__}")
    return x / 127.5 - 1.0


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, np.floating[Any]]]]:
    """Name the likeliest ImageNet classes of each picture, in the form of Keras' function of the same name.

    The names are part of the package: nothing is downloaded.

    Args:
        preds: probabilities (or logits) ``(pictures, 1000)``, an array or a tensor of the Keras backend.
        top: classes per picture, 1..1000.

    Returns:
        Per picture ``(wnid, name, score)``, best first, of equals the lower index first; for example
        ``[[('n02504458', 'African_elephant', np.float32(0.93))]]``.

    Raises:
        UsageError: another shape, another ``top``, or a score that is not a number.
    """
    detached = preds.detach().cpu() if hasattr(preds, "detach") else preds  # PyTorch: part of a graph, on a device
    scores = np.asarray(detached)
    labels = imagenet_labels()
    if scores.ndim != 2 or scores.shape[1] != len(labels) or scores.dtype.kind != "f":
        hint = "; drop the first column, TF-slim's background class" if scores.shape[1:] == (len(labels) + 1,) else ""
        raise UsageError(
            f"preds must be floating numbers of shape (pictures, {len(labels)}), "
            f"received {scores.dtype} {scores.shape}{hint}"
        )
    if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= len(labels):
        raise UsageError(f"top must be a whole number from 1 to {len(labels)}, received {top!r}")
    if np.isnan(scores).any():
        raise UsageError("preds hold NaN: the network's answer is not a number")
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return [
        [(labels[index].wnid or "", labels[index].keras_name, row[index]) for index in order]
        for row, order in zip(scores, best.tolist(), strict=True)
    ]
