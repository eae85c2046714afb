"""Run a model over labelled pictures and keep what it said: everything that is measured is measured on this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinysight.classify import Classifier
from tinysight.data.contents import hash_contents
from tinysight.data.dataset import PARTS, Dataset
from tinysight.data.threads import in_order
from tinysight.errors import ImageError, UsageError
from tinysight.evaluate.classes import class_name, match_classes, table_numbers
from tinysight.evaluate.seen import unseen
from tinysight.evaluate.slices import is_grey
from tinysight.labels import Label, softmax
from tinysight.preprocess import Recipe, prepare, read_picture

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, eq=False, slots=True)
class Evaluation:
    """What a model said to N labelled pictures.

    Args:
        model: its name.
        precision: it was run in.
        recipe: the pictures were prepared by.
        where: the data, as the user wrote it.
        labels: the model's classes, or None where they have no names.
        paths: the pictures, N.
        truth: the model's index of each picture's class, ``(N,)``, 0..C-1.
        logits: float32 ``(N, C)``.
        contents: SHA-256 of each file.
        sizes: width and height of the upright pictures in pixels, ``(N, 2)``.
        grey: whether a picture has no colour, ``(N,)``.
        unreadable: why pictures could not be read, a line each; they count nowhere.
        left_out_seen: pictures left out because the model was trained on them.
        training_known: whether the model's card tells which pictures it was trained on.
    """

    model: str
    precision: str
    recipe: Recipe
    where: str
    labels: tuple[Label, ...] | None
    paths: tuple[Path, ...]
    truth: NDArray[np.intp]
    logits: NDArray[np.float32]
    contents: tuple[bytes, ...]
    sizes: NDArray[np.intp]
    grey: NDArray[np.bool_]
    unreadable: tuple[str, ...] = ()
    left_out_seen: int = 0
    training_known: bool = False

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Softmax of the logits, ``(N, C)``."""
        return softmax(self.logits)

    @property
    def predicted(self) -> NDArray[np.intp]:
        """The first answers, ``(N,)``; of equal logits the lower index, as everywhere."""
        first: NDArray[np.intp] = self.logits.argmax(axis=1)
        return first

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the first answers are right, ``(N,)``."""
        right: NDArray[np.bool_] = self.predicted == self.truth
        return right

    def shown(self, path: Path) -> str:
        """Return a picture's name, from the data's folder where it lies in there."""
        return str(path.relative_to(self.where)) if path.is_relative_to(self.where) else str(path)

    def name(self, index: int) -> str:
        """Return what a class is called; it may come from a stranger's file."""
        return class_name(index, self.labels)


def choose_part(dataset: Dataset, part: str = "auto") -> NDArray[np.intp]:
    """Return the indexes of the examples to measure on.

    Args:
        dataset: labelled pictures.
        part: ``train``, ``val``, ``test``, ``all``; ``auto`` takes the first of test, val and all that there is.

    Raises:
        UsageError: an unknown part, or one that the data does not have.
    """
    parts = [example.part for example in dataset.examples]
    if part == "auto":
        part = next((wanted for wanted in ("test", "val") if wanted in parts), "all")
    if part == "all":
        return np.arange(len(parts))
    if part not in PARTS:
        raise UsageError(f"part must be auto, all, {', '.join(PARTS)}, received {part!r}")
    if part not in parts:
        has = [name for name in PARTS if name in parts]
        raise UsageError(f"the data has no part {part}; it has {', '.join(has) or 'no parts: use all'}")
    return np.array([index for index, own in enumerate(parts) if own == part], np.intp)


def evaluate_model(
    classifier: Classifier,
    dataset: Dataset,
    indexes: NDArray[np.integer] | None = None,
    contents: Sequence[bytes] | None = None,
    progress: Progress | None = None,
    *,
    include_seen: bool = False,
) -> Evaluation:
    """Run a model over pictures of a data set.

    Args:
        classifier: an open model with a head.
        dataset: labelled pictures; its classes are found in the model by name.
        indexes: of the examples to run; None: all.
        contents: SHA-256 of all the data set's files, as ``hash_contents`` gives them; None: computed here.
        progress: called with pictures done and in all.
        include_seen: also run what the model was trained on, as far as its card tells.

    Raises:
        UsageError: no head, classes that the model does not have, or no picture is left to run.
    """
    card = classifier.card
    if not card.spec.include_top:
        raise UsageError(f"model {card.name} has no head, so it names no classes")
    classes = match_classes(dataset.classes, card.labels, card.spec.num_classes, table_numbers(dataset))
    chosen = np.arange(len(dataset.examples)) if indexes is None else np.asarray(indexes, np.intp)
    paths = [dataset.examples[index].path for index in chosen.tolist()]
    hashes = hash_contents(paths) if contents is None else [contents[index] for index in chosen.tolist()]
    kept = _fresh(hashes, None if include_seen else card.trained_on)
    answers = _run(classifier, [paths[index] for index in kept.tolist()], progress)
    read = [index for index, answer in zip(kept.tolist(), answers, strict=True) if not isinstance(answer, ImageError)]
    good = [answer for answer in answers if not isinstance(answer, ImageError)]
    problems = tuple(str(answer) for answer in answers if isinstance(answer, ImageError))
    if not good:
        raise UsageError(f"none of the {len(kept):,} pictures can be read; the first: {problems[0]}")
    return Evaluation(
        card.name,
        classifier.engine.precision,
        classifier.recipe,
        dataset.where,
        card.labels,
        tuple(paths[index] for index in read),
        classes[dataset.labels[chosen[read]]],
        np.stack([answer.logits for answer in good]),
        tuple(hashes[index] for index in read),
        np.array([(answer.width, answer.height) for answer in good], np.intp),
        np.array([answer.grey for answer in good], bool),
        problems,
        len(paths) - len(kept),
        card.trained_on is not None,
    )


def _fresh(hashes: Sequence[bytes], seen: NDArray[np.uint32] | None) -> NDArray[np.intp]:
    kept = np.flatnonzero(unseen(hashes, seen))
    if not len(kept):
        why = "the model was trained on all of them (--include-seen measures on those)" if hashes else "none was given"
        raise UsageError(f"there is no picture to measure on: {why}")
    return kept


@dataclass(frozen=True, eq=False, slots=True)
class _Answer:
    logits: NDArray[np.float32]
    width: int
    height: int
    grey: bool


def _run(classifier: Classifier, paths: list[Path], progress: Progress | None) -> list[_Answer | ImageError]:
    """Decode in threads, run one picture at a time: the engine gains nothing from larger batches."""
    recipe = classifier.recipe

    def read(path: Path) -> tuple[NDArray[np.uint8], int, int] | ImageError:
        try:
            picture = read_picture(path, wanted_px=recipe.wanted_px)
            return prepare(picture.pixels, recipe), picture.width, picture.height
        except ImageError as error:
            return error

    answers: list[_Answer | ImageError] = []
    for done, found in enumerate(in_order(read, paths), 1):
        if isinstance(found, ImageError):
            answers.append(found)
        else:
            pixels, width, height = found
            logits = classifier.engine.run(pixels[None]).logits
            assert logits is not None  # the caller refuses a network without a head
            answers.append(_Answer(logits[0], width, height, is_grey(pixels)))
        if progress is not None:
            progress(done, len(paths))
    return answers
