"""What a run learns from: pictures with labels, cut into three parts, and the model it starts from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card, Checkpoint, arrays_sha256
from tinysight.checkpoint.card import SEEN_BYTES, seen_pictures
from tinysight.data import Dataset, Part, Split, hash_contents, read_dataset, read_images, split_dataset
from tinysight.data.dataset import PARTS
from tinysight.errors import ImageError, UsageError, printable
from tinysight.evaluate.seen import unseen
from tinysight.preprocess import Recipe
from tinysight.train.plan import Plan

FEWEST_CLASSES = 2
NO_BACKBONE = "random numbers"


@dataclass(frozen=True, eq=False)
class Material:
    """Data and start of a run.

    Args:
        dataset: labelled pictures.
        contents: SHA-256 of each file.
        split: which is for what.
        backbone: the model to start from; None from scratch.
        known_before: pictures held out by this split that the backbone had learnt from; they are in train.
    """

    dataset: Dataset
    contents: Sequence[bytes]
    split: Split
    backbone: Checkpoint | None
    known_before: int = 0

    @property
    def labels(self) -> NDArray[np.intp]:
        """Labels of all examples, ``(N,)``."""
        return self.dataset.labels

    @property
    def seen(self) -> bytes:
        """``Card.seen`` of a model that learnt from train and was chosen by val, and of what it started from."""
        own = [self.contents[i] for part in ("train", "val") for i in self.split.of(part)]
        before = None if self.backbone is None else self.backbone.card.trained_on
        earlier = [] if before is None else [int(prefix).to_bytes(SEEN_BYTES, "big") for prefix in before]
        return seen_pictures([*own, *earlier])

    def paths(self, indexes: NDArray[np.intp]) -> list[Path]:
        """Return the files of some examples."""
        return [self.dataset.examples[index].path for index in indexes.tolist()]

    @property
    def data_sha256(self) -> str:
        """Hash over content, label and part of every picture, whatever the files are called."""
        digest = hashlib.sha256("\n".join(self.dataset.classes).encode())
        for row in sorted(zip(self.contents, self.labels.tolist(), self.split.parts.tolist(), strict=True)):
            digest.update(f"{row[0].hex()} {row[1]} {row[2]}\n".encode())
        return digest.hexdigest()

    @property
    def order_sha256(self) -> str:
        """Hash over the same in the order of the examples, by which batches and augmentation count pictures."""
        digest = hashlib.sha256()
        for content, label, part in zip(self.contents, self.labels.tolist(), self.split.parts.tolist(), strict=True):
            digest.update(f"{content.hex()} {label} {part}\n".encode())
        return digest.hexdigest()

    @property
    def backbone_sha256(self) -> str | None:
        """Hash over the numbers of the model to start from."""
        return None if self.backbone is None else arrays_sha256(self.backbone.numbers())


def gather(plan: Plan, backbone: Checkpoint | None) -> Material:
    """Find the pictures and cut them.

    Raises:
        UsageError: no labelled pictures, fewer than two classes, or a class without pictures to learn from.
    """
    dataset = read_dataset(plan.data)
    if len(dataset.classes) < FEWEST_CLASSES:
        names = ", ".join(printable(name, 60) for name in dataset.classes)
        raise UsageError(
            f"{printable(plan.data)} has one class, {names}; at least two are needed to tell one thing from another"
        )
    contents = hash_contents([example.path for example in dataset.examples])
    split = split_dataset(dataset, contents, test_share=plan.test_share, val_share=plan.val_share, seed=plan.split_seed)
    known = _taught_before(split, contents, backbone)
    split.parts[known] = PARTS.index("train")
    counts = np.bincount(dataset.labels[split.of("train")], minlength=len(dataset.classes))
    if not counts.all():
        missing = [printable(dataset.classes[index], 60) for index in np.flatnonzero(counts == 0)[:5]]
        raise UsageError(
            f"no picture to learn from in class {', '.join(missing)}; tinysight doctor says why, and how many "
            "pictures each class has"
        )
    return Material(dataset, contents, split, backbone, len(known))


def _taught_before(split: Split, contents: Sequence[bytes], backbone: Checkpoint | None) -> NDArray[np.intp]:
    """Return which pictures of test the backbone learnt from: they would flatter whatever starts from it."""
    test = split.of("test")
    if backbone is None or backbone.card.trained_on is None:
        return test[:0]
    return test[~unseen([contents[index] for index in test.tolist()], backbone.card.trained_on)]


def at_resolution(model: Checkpoint, resolution: int) -> Checkpoint:
    """Return a model for pictures of another size; its numbers are the same, probes are left out."""
    card = model.card
    spec, recipe = replace(card.spec, resolution=resolution), replace(card.recipe, resolution=resolution)
    integers = None if model.arrays or model.integers is None else replace(model.integers, probe_outputs=None)
    return Checkpoint(replace(card, spec=spec, recipe=recipe, probes=()), model.arrays, integers)


class Prepared:
    """Pictures ready for the network: uint8 ``images`` ``(M, R, R, 3)`` of the readable ``indexes`` ``(M,)``."""

    def __init__(self, material: Material, part: Part, recipe: Recipe, most: int | None = None) -> None:
        chosen = material.split.of(part)
        if most is not None and len(chosen) > most:
            chosen = chosen[np.arange(most) * len(chosen) // most]
        images = list(read_images(material.paths(chosen), recipe))
        good = np.array([not isinstance(image, ImageError) for image in images], bool)
        kept = [image for image in images if not isinstance(image, ImageError)]
        self.unreadable = tuple(str(image) for image in images if isinstance(image, ImageError))
        self.indexes = chosen[good] if len(chosen) else chosen
        side = recipe.resolution
        self.images = np.stack(kept) if kept else np.empty((0, side, side, 3), np.uint8)


def card_for(material: Material, model: Card, name: str, source: str) -> Card:
    """Return the card of a new model that has the spec and recipe of ``model``."""
    from tinysight.labels import Label

    labels = tuple(Label(None, name) for name in material.dataset.classes)
    return replace(model, name=name, labels=labels, source=source, seen=material.seen, probes=())
