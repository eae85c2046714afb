"""The card: everything about a model that is not one of its learned numbers."""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.costs.memory import peak_activation
from tinysight.errors import CheckpointError, UsageError
from tinysight.labels import Label
from tinysight.preprocess.recipe import Recipe, recipe_from_dict
from tinysight.spec import Spec, layers, spec_from_dict

MAX_PROBES = 16
MAX_NAME = 200
MAX_TEXT = 10_000
SEEN_BYTES = 4  # of a picture's hash: one stranger in a million is taken for one of a thousand-odd known pictures
MAX_SEEN = 2**18  # pictures, 1.4 MB of the card
MAX_ACTIVATION_BYTES = 2 << 30  # a small file can describe a network that no machine could run


@dataclass(frozen=True, eq=False, slots=True)
class Probe:
    """A tiny input and what the network must answer.

    Args:
        pixels: uint8 ``(p, p, 3)``.
        output: float32: logits ``(num_classes,)``, or the embedding ``(c,)`` of a network without a head.
    """

    pixels: NDArray[np.uint8]
    output: NDArray[np.float32]

    def __eq__(self, other: object) -> bool:
        """Equal where pixels and output are, so that cards of the same model are equal."""
        if not isinstance(other, Probe):
            return NotImplemented
        return np.array_equal(self.pixels, other.pixels) and np.array_equal(self.output, other.output)

    def __hash__(self) -> int:
        return hash((self.pixels.tobytes(), self.output.tobytes()))

    def enlarged(self, resolution: int) -> NDArray[np.uint8]:
        """Repeat pixels to uint8 ``(resolution, resolution, 3)``.

        Row and column ``i`` come from the stored row and column ``i * p // resolution``.
        """
        index = np.arange(resolution) * len(self.pixels) // resolution
        return self.pixels[index][:, index]


@dataclass(frozen=True, slots=True)
class Card:
    """What a model is, how it wants its pictures, what its outputs are called and where it comes from.

    Args:
        name: for people; released models have their ``Spec.name``.
        spec: the network.
        recipe: how pictures are prepared; its resolution is the spec's.
        labels: one per class, or None where they are not known.
        licence: of the weights, an SPDX identifier where there is one.
        source: where the numbers come from, in words.
        probes: inputs and outputs by which the model checks itself.
        seen: of each picture that the model was trained on, the first 4 bytes of its file's SHA-256, sorted, without
            repeats; empty where they are not known. Evaluation leaves these pictures out.

    Raises:
        CheckpointError: parts that do not fit each other.
    """

    name: str
    spec: Spec
    recipe: Recipe
    labels: tuple[Label, ...] | None
    licence: str
    source: str
    probes: tuple[Probe, ...] = ()
    seen: bytes = b""

    def __post_init__(self) -> None:
        if not self.name.isprintable() or not 1 <= len(self.name) <= MAX_NAME:
            raise CheckpointError(f"the card's name must be 1 to {MAX_NAME} printable characters")
        for field in ("licence", "source"):
            if len(getattr(self, field)) > MAX_TEXT:
                raise CheckpointError(f"the card's {field} is longer than {MAX_TEXT} characters")
        if self.recipe.resolution != self.spec.resolution:
            raise CheckpointError(
                f"the recipe makes pictures of {self.recipe.resolution} px, the network takes {self.spec.resolution} px"
            )
        peak = peak_activation(self.spec).float32_bytes
        if peak > MAX_ACTIVATION_BYTES:
            raise CheckpointError(f"the network needs {peak:,} bytes for one picture; at most {MAX_ACTIVATION_BYTES:,}")
        if self.labels is not None and len(self.labels) != self.spec.num_classes:
            raise CheckpointError(f"{len(self.labels)} labels for {self.spec.num_classes} classes")
        outputs = layers(self.spec)[-1].output_shape[2]
        if any(probe.output.shape != (outputs,) for probe in self.probes):
            raise CheckpointError(f"each probe must have {outputs} outputs")
        if len(self.probes) > MAX_PROBES:
            raise CheckpointError(f"{len(self.probes)} probes; at most {MAX_PROBES}")
        if len(self.seen) % SEEN_BYTES or len(self.seen) > SEEN_BYTES * MAX_SEEN:
            raise CheckpointError(f"seen must be {SEEN_BYTES} bytes a picture, for at most {MAX_SEEN} pictures")

    @property
    def names(self) -> tuple[str, ...] | None:
        """The labels' names, in the order of the outputs; None where they are not known."""
        return None if self.labels is None else tuple(label.name for label in self.labels)

    @property
    def trained_on(self) -> NDArray[np.uint32] | None:
        """``seen`` as uint32 ``(pictures,)``, rising; None where the pictures are not known."""
        return np.frombuffer(self.seen, ">u4").astype(np.uint32) if self.seen else None

    def to_json(self) -> str:
        """Return the card as one line of JSON, keys sorted, the same text for the same card."""
        fields: dict[str, Any] = {
            "name": self.name,
            "spec": self.spec.to_dict(),
            "recipe": self.recipe.to_dict(),
            "labels": None if self.labels is None else [list(label) for label in self.labels],
            "licence": self.licence,
            "source": self.source,
            "probes": [
                {
                    "side_px": len(probe.pixels),
                    "pixels": binascii.b2a_base64(probe.pixels.tobytes(), newline=False).decode(),
                    "output": binascii.b2a_base64(probe.output.astype("<f4").tobytes(), newline=False).decode(),
                }
                for probe in self.probes
            ],
        }
        if self.seen:  # left out where there is nothing to say, as in files from before there was this key
            fields["seen"] = binascii.b2a_base64(self.seen, newline=False).decode()
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise CheckpointError(f"expected text in the card, received {type(value).__name__}")
    return value


PROBE_KEYS = {"side_px", "pixels", "output"}


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build a JSON object whose keys all differ; programs disagree on which of two equal ones counts.

    Raises:
        ValueError: a key stands twice.
    """
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a name stands twice")
    return entries


def _entries(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise CheckpointError(f"expected a list in the card, received {type(value).__name__}")
    return value


def _labels(value: Any) -> tuple[Label, ...] | None:
    if value is None:
        return None
    labels = []
    for entry in _entries(value):
        match entry:
            case [str() | None as wnid, str() as name]:
                labels.append(Label(wnid, name))
            case _:
                raise CheckpointError("a label in the card must be [wnid or null, name]")
    return tuple(labels)


def _probe(value: dict[str, Any]) -> Probe:
    if set(value) != PROBE_KEYS:
        raise CheckpointError(f"a probe must have exactly the keys {', '.join(sorted(PROBE_KEYS))}")
    side = value["side_px"]
    if not isinstance(side, int) or not 1 <= side <= 256:
        raise CheckpointError(f"a probe's side_px must be 1 to 256, received {side!r}")
    pixels = np.frombuffer(binascii.a2b_base64(_text(value["pixels"]), strict_mode=True), np.uint8)
    output = np.frombuffer(binascii.a2b_base64(_text(value["output"]), strict_mode=True), "<f4").astype(np.float32)
    if not np.isfinite(output).all():
        raise CheckpointError("a probe's output is not finite")
    return Probe(pixels.reshape(side, side, 3), output)


CARD_KEYS = {"name", "spec", "recipe", "labels", "licence", "source", "probes"}


def seen_pictures(contents: Iterable[bytes]) -> bytes:
    """Return ``Card.seen`` for pictures whose files have these SHA-256 digests; empty for more than ``MAX_SEEN``."""
    prefixes = sorted({digest[:SEEN_BYTES] for digest in contents})
    return b"".join(prefixes) if len(prefixes) <= MAX_SEEN else b""


def _seen(fields: dict[str, Any]) -> bytes:
    if "seen" not in fields:
        return b""
    seen = binascii.a2b_base64(_text(fields["seen"]), strict_mode=True)
    prefixes = np.frombuffer(seen, ">u4")
    if not len(seen) or not (prefixes[1:] > prefixes[:-1]).all():
        raise CheckpointError("seen must hold rising prefixes of hashes, at least one")
    return seen


def card_from_json(text: str) -> Card:
    """Read back ``Card.to_json``.

    Raises:
        CheckpointError: not JSON, an unknown or missing key, a value out of range, parts that do not fit.
    """
    try:
        fields = json.loads(text, object_pairs_hook=unique_keys)
        if not isinstance(fields, dict) or set(fields) - {"seen"} != CARD_KEYS:
            raise CheckpointError(
                f"the card must have exactly the keys {', '.join(sorted(CARD_KEYS))}, and may have seen"
            )
        return Card(
            name=_text(fields["name"]),
            spec=spec_from_dict(fields["spec"]),
            recipe=recipe_from_dict(fields["recipe"]),
            labels=_labels(fields["labels"]),
            licence=_text(fields["licence"]),
            source=_text(fields["source"]),
            probes=tuple(_probe(value) for value in _entries(fields["probes"])),
            seen=_seen(fields),
        )
    except (UsageError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        raise CheckpointError(f"the model's card is damaged: {str(error)[:200]}") from None
