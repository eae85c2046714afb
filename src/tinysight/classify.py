"""``Classifier``: from a picture in any form to the names of what it shows.

It alone knows the order of the four stops: decode, prepare, engine, names. The command line, the server and batch
runs all call it, so that the same bytes get the same answer everywhere.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Card, Checkpoint
from tinysight.engines import Engine, Output, open_engine
from tinysight.errors import UsageError
from tinysight.labels import Prediction, top_k
from tinysight.models.opening import open_model
from tinysight.preprocess import Picture, Source, prepare, read_picture
from tinysight.preprocess.recipe import Recipe, recipe_named
from tinysight.spec import DEFAULT_MODEL

if TYPE_CHECKING:
    from tinysight.store import Progress, Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What one picture shows.

    ``width`` and ``height`` are the upright picture's, in pixels; ``milliseconds`` is the time from bytes to names.
    """

    width: int
    height: int
    predictions: list[Prediction]
    milliseconds: float


class Classifier:
    """A model that is open and ready.

    Args:
        model: name of a released model, path of a ``.safetensors`` model file, or an open ``Checkpoint``.
        recipe: how to prepare pictures: a name (``center``, ``center-87.5``, ``keras``), a ``Recipe``, or None for the
            one in the model's card.
        engine: ``auto`` or an engine's name.
        precision: ``auto``, or ``float32``, ``int16``, ``int8`` where the model holds it. The default model comes with
            the package in int8; its float32 weights are fetched when they are asked for.
        threads: of the native engine for one picture; None lets it choose.
        isa: instruction set of the native engine; None takes the best that the processor has.
        settings: where weights are kept and fetched from; None reads the environment.
        progress: called with bytes done and bytes in all (or None) while weights are fetched.

    Raises:
        UsageError: an unknown name, or a recipe of another resolution than the network's.
        StoreError, CheckpointError, EngineError: weights that cannot be had, are damaged, or fail their own probe.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Checkpoint = DEFAULT_MODEL,
        *,
        recipe: str | Recipe | None = None,
        engine: str = "auto",
        precision: str = "auto",
        threads: int | None = None,
        isa: str | None = None,
        settings: Settings | None = None,
        progress: Progress | None = None,
    ) -> None:
        if not isinstance(model, str | os.PathLike | Checkpoint):
            raise UsageError(f"model must be a name, a path or a Checkpoint, received {type(model).__name__}")
        if not isinstance(model, Checkpoint):
            wanted = "float32" if (engine, precision) == ("onnx", "auto") else precision
            model = open_model(model, settings, progress, wanted)
        self.checkpoint = model
        card = self.checkpoint.card
        if recipe is not None and not isinstance(recipe, str | Recipe):
            raise UsageError(f"recipe must be a name, a Recipe or None, received {type(recipe).__name__}")
        self.recipe = card.recipe if recipe is None else _chosen_recipe(recipe, card)
        self.engine: Engine = open_engine(self.checkpoint, engine, precision, threads=threads, isa=isa)

    @property
    def card(self) -> Card:
        """The model's card: name, spec, recipe, labels, licence, source."""
        return self.checkpoint.card

    def read(self, source: Source) -> Picture:
        """Decode a picture, JPEG no larger than this model needs.

        Raises:
            ImageError: it cannot be read.
        """
        return read_picture(source, wanted_px=self.recipe.wanted_px)

    def run(self, sources: Iterable[Source]) -> Output:
        """Run pictures through the network.

        Returns:
            Logits float32 ``(N, num_classes)`` or None without a head; features float32 ``(N, h, w, c)``.

        Raises:
            ImageError: one of them cannot be read.
            UsageError: none, or a single picture that is not in a list.
        """
        if isinstance(sources, str | bytes | bytearray | os.PathLike) or getattr(sources, "ndim", 4) < 4:
            raise UsageError("run() takes several pictures; put a single one into a list")
        prepared = [prepare(self.read(source).pixels, self.recipe) for source in sources]
        if not prepared:
            raise UsageError("no pictures given")
        return self.engine.run(np.stack(prepared))

    def answer(self, source: Source, top_k: int = 5) -> Answer:
        """Say what a picture shows, with its size and the time taken.

        Raises:
            ImageError: it cannot be read.
            UsageError: the network has no head, or ``top_k`` is below 1.
        """
        start = time.perf_counter()
        picture = self.read(source)
        output = self.engine.run(prepare(picture.pixels, self.recipe)[None])
        predictions = self.name(output, top_k)[0]
        return Answer(picture.width, picture.height, predictions, (time.perf_counter() - start) * 1e3)

    def predict(self, source: Source, top_k: int = 5) -> list[Prediction]:
        """Say what a picture shows.

        Args:
            source: path, bytes, file object, PIL image or uint8 array ``(H, W, 3)``.
            top_k: how many classes to return, most likely first; ties by index.

        Raises:
            ImageError: it cannot be read.
            UsageError: the network has no head, or ``top_k`` is below 1.
        """
        return self.answer(source, top_k).predictions

    def name(self, output: Output, k: int = 5) -> list[list[Prediction]]:
        """Turn logits into predictions, one list per picture."""
        if output.logits is None:
            raise UsageError(f"model {self.card.name} has no head, so it names no classes; use embed()")
        return [top_k(logits, self.card.labels, k) for logits in output.logits]

    def embed(self, source: Source) -> NDArray[np.float32]:
        """Return the picture's embedding: features averaged over the picture, float32 ``(c,)``, 0..6.

        Raises:
            ImageError: it cannot be read.
        """
        embedding: NDArray[np.float32] = self.run([source]).embedding[0]
        return embedding


def _chosen_recipe(recipe: str | Recipe, card: Card) -> Recipe:
    if isinstance(recipe, str):
        named = recipe_named(recipe, card.spec.resolution)
        return replace(named, value_range=card.recipe.value_range)
    if recipe.resolution != card.spec.resolution:
        raise UsageError(
            f"recipe makes pictures of {recipe.resolution} px, model {card.name} takes {card.spec.resolution} px"
        )
    if recipe.value_range != card.recipe.value_range:
        raise UsageError(
            f"recipe has range {recipe.value_range}, the weights of {card.name} expect {card.recipe.value_range}"
        )
    return recipe
