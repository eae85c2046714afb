"""Names of classes, and the answer made of them: softmax, the best k, ``Prediction``.

Class names are not unique (ImageNet has two called crane and two called maillot): key on the index or the wnid.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinysight.errors import CheckpointError, EngineError, UsageError, printable
from tinysight.regular import open_regular

MAX_FILE_BYTES = 4_194_304  # the 21,841 names of the full ImageNet, all synonyms included, take a quarter of it
MAX_LABEL_CHARACTERS = 500


class Label(NamedTuple):
    """What one output of the network stands for.

    Args:
        wnid: WordNet id such as ``n02504458``; None for classes that are not ImageNet's.
        name: for people, with spaces: ``African elephant``. May come from a stranger's file: pass it through
            ``errors.printable`` before it reaches a terminal.
    """

    wnid: str | None
    name: str

    @property
    def keras_name(self) -> str:
        """The name as Keras' ``decode_predictions`` spells it: ``African_elephant``."""
        return self.name.replace(" ", "_")


@lru_cache(maxsize=1)
def imagenet_labels() -> tuple[Label, ...]:
    """Return the 1000 ImageNet classes in the order of the network's outputs.

    >>> imagenet_labels()[409]
    Label(wnid='n02708093', name='analog clock')
    """
    from importlib import resources  # here, because a model's file brings its own names

    text = (resources.files("tinysight") / "assets" / "labels.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines()[1:])
    return tuple(Label(wnid, name) for _, wnid, name in rows)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One class and how likely it is.

    Args:
        index: output of the network, 0-based.
        wnid: WordNet id, None where the model has none.
        label: name of the class, for people.
        probability: 0..1, after softmax over all classes.
    """

    index: int
    wnid: str | None
    label: str
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"index", "wnid", "label", "probability"}``, ready for JSON."""
        return asdict(self)


def _finite_logits(logits: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(logits)
    if values.dtype.kind not in "fiu" or values.ndim == 0 or values.shape[-1] == 0:
        raise UsageError(
            f"logits must be real numbers, one per class in the last axis, received {values.dtype} {values.shape}"
        )
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise EngineError("the network's output holds NaN or infinity: no probabilities can be made of it")
    return values


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Turn logits into probabilities over the last axis.

    Args:
        logits: real ``(..., classes)``, any finite size: the largest is subtracted first, in float64.

    Returns:
        float64 of the same shape, 0..1; each row sums to 1.

    Raises:
        EngineError: NaN or infinity among the logits.
        UsageError: not an array of real numbers with at least one class.
    """
    values = _finite_logits(logits)
    with np.errstate(over="ignore"):  # -1e308 - 1e308 is -inf here, and exp(-inf) the right 0
        powers = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def top_k(logits: ArrayLike, labels: Sequence[Label] | None, k: int = 5) -> list[Prediction]:
    """Return the ``k`` most likely classes of one picture, the likeliest first; of equals the lower index first.

    Args:
        logits: real ``(classes,)``.
        labels: one per class, or None: classes are then called ``class 0``, ``class 1`` and so on.
        k: how many, at least 1; more than there are classes means all.

    Raises:
        UsageError: ``k`` below 1, more than one row of logits, or another number of labels than of classes.
        EngineError: NaN or infinity among the logits.
    """
    values = _finite_logits(logits)
    if values.ndim != 1:
        raise UsageError(f"top_k takes the logits of one picture, shape (classes,), received {values.shape}")
    try:
        wanted = operator.index(k)
    except TypeError:
        wanted = 0
    if wanted < 1 or isinstance(k, bool):
        raise UsageError(f"k must be a whole number of at least 1, received {k!r}")
    if labels is not None and len(labels) != values.size:
        raise UsageError(f"{len(labels)} labels for {values.size} classes: the counts must be equal")
    probabilities = softmax(values)
    predictions = []
    for index in np.argsort(-values, kind="stable")[:wanted].tolist():
        label = labels[index] if labels is not None else Label(None, f"class {index}")
        predictions.append(Prediction(index, label.wnid, label.name, float(probabilities[index])))
    return predictions


def class_index(text: str, labels: Sequence[Label] | None, num_classes: int) -> int:
    """Return the class that a person means: by index, wnid or name (upper and lower case are the same).

    Raises:
        UsageError: no such class, or a name that several classes have.

    >>> class_index("Tabby", imagenet_labels(), 1000)
    281
    """
    if text.isdecimal() and len(text) < 10:
        if int(text) >= num_classes:
            raise UsageError(f"class index must be 0 to {num_classes - 1}, received {text}")
        return int(text)
    wanted = text.casefold()
    found = [i for i, label in enumerate(labels or ()) if wanted in (label.wnid, label.name.casefold())]
    if len(found) == 1:
        return found[0]
    shown = printable(text, 60)
    if found:
        raise UsageError(f"{len(found)} classes are called {shown!r}; give one of the indexes {found[:5]}")
    raise UsageError(f"no class is called {shown!r}; accepted: an index from 0 to {num_classes - 1}, a wnid, or a name")


def read_labels(path: str | os.PathLike[str], num_classes: int) -> tuple[Label, ...]:
    """Read a model's class names from a text file, one a line, in the order of the outputs.

    UTF-8; a byte-order mark, CRLF line ends and spaces around a name are dropped, everything else is kept as it is.

    Args:
        path: a regular file of at most ``MAX_FILE_BYTES`` bytes.
        num_classes: how many names there must be.

    Raises:
        CheckpointError: unreadable, too large, binary, not UTF-8, an empty or endless line, or a wrong count.
            A list is never shifted, padded or cut to fit.
    """
    where = printable(os.fspath(path))
    data = _read_bounded(Path(path), where)
    if b"\0" in data:
        raise CheckpointError(f"{where}: not a text file (it holds NUL bytes); expected one label a line in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1  # error.object: the bytes behind the byte-order mark
        raise CheckpointError(f"{where}: line {line} is not UTF-8 (byte {error.object[error.start]:#04x})") from None
    names = [line.strip(" \t\r") for line in text.removesuffix("\n").split("\n")]
    for number, name in enumerate(names, start=1):
        if not name:
            raise CheckpointError(f"{where}: line {number} is empty; expected one label a line")
        if len(name) > MAX_LABEL_CHARACTERS:
            raise CheckpointError(
                f"{where}: line {number} has {len(name)} characters; a label has at most {MAX_LABEL_CHARACTERS}"
            )
    if len(names) != num_classes:
        raise CheckpointError(
            f"{where}: {len(names)} labels for {num_classes} classes{_count_hint(names, num_classes)}"
        )
    return tuple(Label(None, name) for name in names)


def _count_hint(names: list[str], num_classes: int) -> str:
    if len(names) == num_classes + 1:
        return (
            f"; lists made for TF-slim and TFLite begin with the extra class 'background' (here line 1 is "
            f"'{printable(names[0], 40)}'), which a network with {num_classes} outputs does not have: remove that line"
        )
    return "; the counts must be equal, names are never shifted to fit"


def _read_bounded(path: Path, where: str) -> bytes:
    try:
        with open_regular(path) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CheckpointError(f"{where}: cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_FILE_BYTES:
        raise CheckpointError(f"{where}: larger than the {MAX_FILE_BYTES} bytes a list of labels may have")
    return data
