"""Where the network looked: the class activation map, exact for this head.

The head is linear and follows an average over the picture, so a class's logit *is* an average of one number per
feature cell, plus the bias (Zhou et al., arXiv 1512.04150). No gradient is needed and nothing is approximated:
``map.mean() + bias == logit``, of the very engine that gave the answer. The integer engines round the mean over the
picture to a 32nd (int8) of a step of the features, so there the two differ by a few thousandths of a logit.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinysight.atomic import write_atomically
from tinysight.checkpoint import Checkpoint
from tinysight.checkpoint.integers import POOL_UNITS
from tinysight.classify import Classifier
from tinysight.errors import TinysightError, UsageError, printable
from tinysight.labels import Prediction
from tinysight.preprocess import Source, crop_box, encode_png, prepare, resize

# Heat colours at 0, 0.25, 0.5, 0.75 and 1, RGB 0..255: dark violet to light yellow, brighter means more.
HEAT_COLOURS = ((38, 12, 92), (130, 24, 122), (214, 58, 84), (248, 136, 44), (252, 240, 144))
STRONGEST_OPACITY = 0.7
CLEAR_UNTIL = 0.1  # share of the strongest evidence below which the picture stays as it is
OPAQUE_FROM = 0.8  # share of the strongest evidence at which the heat covers most
PALENESS = 0.75  # how far the picture under the heat goes towards grey
SMOOTHING_CELLS = 0.5  # standard deviation of the Gaussian between cells
SMALLEST_EVIDENCE = 1e-6  # logits; less than this is no evidence and drawn as none
LONGEST_SIDE_PX = 1600
OUTSIDE_BRIGHTNESS = 0.45  # of what the crop leaves out and the network never saw


def class_activation_map(
    features: NDArray[np.float32], head_kernel: NDArray[np.float32], index: int
) -> NDArray[np.float32]:
    """Return what each feature cell adds to one class's logit.

    Args:
        features: ``(h, w, c)`` after block 13.
        head_kernel: ``(1, 1, c, num_classes)``, as ``head_weights`` gives it.
        index: the class.

    Returns:
        float32 ``(h, w)``, in logits; its mean plus the head's bias is the logit. Negative: against the class.
    """
    heat: NDArray[np.float32] = features @ head_kernel[0, 0, :, index]
    return heat


def head_weights(checkpoint: Checkpoint, precision: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the head that an engine of this precision multiplies real features with.

    Args:
        checkpoint: a model with a head.
        precision: of the engine; int8 has a head of its own, int16 rounds float32's in the fifth digit.

    Returns:
        Kernel float32 ``(1, 1, c, num_classes)`` and bias float32 ``(num_classes,)``.
    """
    if precision != "int8" or checkpoint.integers is None:
        return checkpoint.arrays["conv_preds.kernel"], checkpoint.arrays["conv_preds.bias"]
    whole = checkpoint.integers.layers
    head, before = whole["conv_preds"], [layer.step for layer in whole.values() if layer.step is not None][-1]
    # The head reads means in units of step / POOL_UNITS, its sums are worth scale.
    unit = (head.scale * np.float32(POOL_UNITS["int8"])) / before[:, None]
    kernel: NDArray[np.float32] = head.kernel.astype(np.float32) * unit
    return kernel, head.bias


def spread(cells: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """Spread h x w cells smoothly over ``height`` x ``width`` pixels, for the eye.

    Each pixel is the mean of all cells, weighted by a Gaussian of their distance; cell (i, j) stands in the middle of
    tile (i, j) of the picture. The receptive fields' centres would lie half a tile right of and below that (TensorFlow
    pads after, not before), but the trained filters look back to the left: comparing heat maps of photographs with
    those of their mirror images puts the cells 0.15 tiles from the tiles' middles.
    """

    def weights(size: int, count: int) -> NDArray[np.float64]:
        distance = (np.arange(size)[:, None] + 0.5) * count / size - (np.arange(count) + 0.5)
        closeness = np.exp(-0.5 * (distance / SMOOTHING_CELLS) ** 2)
        share: NDArray[np.float64] = closeness / closeness.sum(axis=1, keepdims=True)
        return share

    smooth: NDArray[np.float64] = weights(height, cells.shape[0]) @ cells @ weights(width, cells.shape[1]).T
    return smooth


@dataclass(frozen=True, eq=False, slots=True)
class Explanation:
    """Why the network gave a class its score.

    Args:
        prediction: the class that is explained.
        logit: its score before softmax.
        bias: the part of the logit that does not depend on the picture.
        heat: float32 ``(h, w)``, what each feature cell adds to the logit; ``heat.mean() + bias == logit``, to within
            a few thousandths where the engine counts in integers.
        full_heat: the strongest cell of the most likely class, in logits; the overlay's brightest colour.
        pixels: uint8 ``(H, W, 3)``, the whole upright picture as decoded, at most 1600 px long.
        box: (top, left, height, width) in pixels of the part that the network saw.
    """

    prediction: Prediction
    logit: float
    bias: float
    heat: NDArray[np.float32]
    full_heat: float
    pixels: NDArray[np.uint8]
    box: tuple[int, int, int, int]

    def overlay(self) -> NDArray[np.uint8]:
        """Return the picture with the evidence for the class in colour, uint8 ``(H, W, 3)``.

        Opacity and colour follow the evidence, from none to the most that the picture holds for its most likely
        class, so that an unlikely class looks unlikely; cells that speak against the class stay clear. The picture is
        paled so that the heat is what has colour; what the crop left out is dark.
        """
        top, left, height, width = self.box
        evidence = spread(np.maximum(self.heat, 0).astype(np.float64), height, width)
        share = evidence / max(self.full_heat, float(evidence.max()), SMALLEST_EVIDENCE)
        positions = np.linspace(0, 1, len(HEAT_COLOURS))
        colour = np.stack([np.interp(share, positions, c) for c in zip(*HEAT_COLOURS, strict=True)], axis=-1)
        canvas = self.pixels * OUTSIDE_BRIGHTNESS
        seen = self.pixels[top : top + height, left : left + width]
        pale = seen * (1 - PALENESS) + seen.mean(axis=2, keepdims=True) * PALENESS
        opacity = (np.clip((share - CLEAR_UNTIL) / (OPAQUE_FROM - CLEAR_UNTIL), 0, 1) * STRONGEST_OPACITY)[..., None]
        canvas[top : top + height, left : left + width] = pale * (1 - opacity) + colour * opacity
        overlay: NDArray[np.uint8] = np.rint(canvas).astype(np.uint8)
        return overlay

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the overlay as PNG; the file is whole or absent.

        Args:
            path: ends in ``.png``; an existing file there is replaced.

        Raises:
            UsageError: it does not end in ``.png``.
            TinysightError: it cannot be written.
        """
        if Path(path).suffix.lower() != ".png":
            raise UsageError(
                f"the overlay is a PNG; the path must end in .png, received {printable(os.fspath(path))!r}"
            )
        try:
            write_atomically(Path(path), encode_png(self.overlay()))
        except OSError as error:
            raise TinysightError(f"cannot write {printable(os.fspath(path))}: {error.strerror or error}") from error


def _shrunk(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bound the memory that drawing takes; an overlay is for the eye."""
    height, width, _ = pixels.shape
    share = LONGEST_SIDE_PX / max(height, width)
    return pixels if share >= 1 else resize(pixels, max(1, round(height * share)), max(1, round(width * share)))


def explain(classifier: Classifier, source: Source, index: int | None = None) -> Explanation:
    """Explain one class's score on one picture.

    Args:
        classifier: an open model with a head.
        source: path, bytes, file object, PIL image or uint8 array ``(H, W, 3)``.
        index: the class, 0-based; None explains the most likely one.

    Raises:
        ImageError: the picture cannot be read.
        UsageError: the network has no head, or no class of that index.
    """
    if not isinstance(classifier, Classifier):
        raise UsageError(f"explain takes an open Classifier, received {type(classifier).__name__}")
    classes = classifier.card.spec.num_classes
    if index is not None and (isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < classes):
        raise UsageError(f"class index must be a whole number from 0 to {classes - 1}, received {index!r}")
    pixels = classifier.read(source).pixels
    output = classifier.engine.run(prepare(pixels, classifier.recipe)[None])
    ranked = classifier.name(output, classes if index is not None else 1)[0]
    prediction = ranked[0] if index is None else next(p for p in ranked if p.index == index)
    assert output.logits is not None  # name() refuses a network without a head
    kernel, bias = head_weights(classifier.checkpoint, classifier.engine.precision)
    shown = _shrunk(pixels)
    return Explanation(
        prediction=prediction,
        logit=float(output.logits[0, prediction.index]),
        bias=float(bias[prediction.index]),
        heat=class_activation_map(output.features[0], kernel, prediction.index),
        full_heat=float(class_activation_map(output.features[0], kernel, ranked[0].index).max()),
        pixels=shown,
        box=crop_box(shown.shape[0], shown.shape[1], classifier.recipe),
    )
