"""MobileNet v1 as a Keras model, for people who come from ``keras.applications`` or from a tutorial.

The functions have the names, arguments and results of Keras' own, on any Keras backend. The layers come from the same
table as everything else here, ``spec.layers``; released weights come checked, from the one cache, offline if wanted.
Keras is imported inside the functions that need it and nowhere else in the package.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tinysight.checkpoint import Card, Checkpoint, check_arrays, read_checkpoint
from tinysight.errors import MissingExtraError, UsageError, printable
from tinysight.importers.derive import DEFAULT_RESOLUTION
from tinysight.labels import Label
from tinysight.networks.keras_layers import Activation, Head, Pooling, build
from tinysight.networks.keras_options import (
    Sides,
    check_pooling,
    check_range,
    checked_sides,
    find_weights,
)
from tinysight.networks.keras_pictures import decode_predictions, preprocess_input
from tinysight.networks.keras_state import arrays_of, assign, check_answers, spec_of
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Padding, Spec

if TYPE_CHECKING:
    import keras

__all__ = ["MobileNet", "decode_predictions", "from_checkpoint", "preprocess_input", "to_checkpoint"]


def import_keras() -> Any:
    """Import Keras, with its backend.

    Raises:
        MissingExtraError: Keras is not installed.
        UsageError: its backend is not, or it is set to channels first.
    """
    try:
        import keras
    except ModuleNotFoundError as error:
        if error.name in (None, "keras"):
            raise MissingExtraError("keras", "keras") from None
        raise UsageError(
            f"Keras cannot load its backend: {error.name} is not installed; set the environment variable KERAS_BACKEND "
            "to one that is (jax, torch or tensorflow)"
        ) from error
    except ValueError as error:  # of a name that it does not know
        raise UsageError(f"Keras cannot load its backend: {printable(str(error), 100)}; see KERAS_BACKEND") from error
    if keras.config.image_data_format() != "channels_last":
        raise UsageError(
            "tinysight's Keras model is channels_last only; call keras.config.set_image_data_format('channels_last'), "
            f"received {keras.config.image_data_format()!r}"
        )
    return keras


def MobileNet(  # noqa: N802 - the name that Keras' users know
    input_shape: Sequence[int | None] | None = None,
    alpha: float = 1.0,
    depth_multiplier: int = 1,
    dropout: float = 1e-3,
    include_top: bool = True,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_tensor: Any = None,
    pooling: Pooling = None,
    classes: int = 1000,
    classifier_activation: Activation = "softmax",
    name: str | None = None,
    *,
    padding: Padding = "keras",
) -> keras.Model:
    """Build the network as ``keras.applications.MobileNet`` does: same arguments, layers, names and ``summary()``.

    Args:
        input_shape: (height, width, 3), sides >= 32 px; None means 224 x 224, or any size without the head.
        alpha: width multiplier, > 0.
        depth_multiplier: depthwise outputs per input channel, >= 1.
        dropout: share of features dropped before the head in training, 0 <= dropout < 1.
        include_top: whether the network has its head.
        weights: ``imagenet`` for the released weights of this alpha and size (without the head and at a size that
            was not released, those of 224); a file of ours (``.safetensors``) or of Keras (``.h5``, ``.weights.h5``,
            ``.keras``); None for random ones.
        input_tensor: a symbolic Keras tensor to build on; its shape is the input_shape.
        pooling: without the head: ``avg`` or ``max`` over the picture, or None for the feature map.
        classes: outputs of the head, >= 1.
        classifier_activation: of the head; None gives logits. With weights, only None and ``softmax``.
        name: of the model; by default Keras', such as ``mobilenet_1.00_224``.
        padding: ``keras``, or the rule of other sources of weights; see ``Spec``.

    Returns:
        A Keras model; input float32 ``(N, height, width, 3)`` as ``preprocess_input`` makes it.

    Raises:
        UsageError: a value outside its range, or weights of another network; the message says what is accepted.
        MissingExtraError: Keras is not installed.
        CheckpointError, StoreError: weights that are damaged or cannot be fetched.
    """
    keras = import_keras()
    check_pooling(pooling)
    if input_tensor is not None:
        input_shape = _tensor_shape(keras, input_tensor, input_shape)
    sides = checked_sides(input_shape, include_top)
    spec = Spec(alpha, sides.height or DEFAULT_RESOLUTION, depth_multiplier, classes, dropout, include_top, padding)
    if include_top:
        _check_activation(keras, classifier_activation, trained=weights is not None)
    found = find_weights(weights, spec, sides)
    rows = sides.released or DEFAULT_RESOLUTION if weights == "imagenet" else sides.height
    head = Head(pooling, classifier_activation, name or f"mobilenet_{alpha:0.2f}_{rows}")
    if found is None:
        return build(keras, spec, sides, head, input_tensor)
    model = build(keras, found[0], sides, head, input_tensor)
    assign(model, found[1])
    return model


def from_checkpoint(
    checkpoint: Checkpoint | str | os.PathLike[str],
    *,
    pooling: Pooling = "avg",
    classifier_activation: Activation = "softmax",
    name: str | None = None,
) -> keras.Model:
    """Open one of our models in Keras: every option of the network comes from the card.

    Args:
        checkpoint: a checkpoint, or the path of a ``.safetensors`` file.
        pooling: for a network without a head; ``avg`` gives the embedding.
        classifier_activation: of the head; None gives logits.
        name: of the Keras model; by default Keras', such as ``mobilenet_1.00_224``.

    Returns:
        A Keras model with the checkpoint's weights; its input is -1..1, as ``preprocess_input`` makes it.

    Raises:
        CheckpointError: the file is damaged, not one of ours, or holds int8 numbers only.
        UsageError: another pooling or activation than Keras has, or weights for pixels of another range than -1..1.
        MissingExtraError: Keras is not installed.
    """
    keras = import_keras()
    check_pooling(pooling)
    _check_activation(keras, classifier_activation, trained=False)
    opened = checkpoint if isinstance(checkpoint, Checkpoint) else read_checkpoint(checkpoint)
    check_range(opened.card.recipe, f"model {printable(opened.card.name)}")
    arrays, spec = opened.float_arrays("a Keras model"), opened.card.spec
    head = Head(pooling, classifier_activation, name or f"mobilenet_{spec.alpha:0.2f}_{spec.resolution}")
    model = build(keras, spec, Sides(spec.resolution, spec.resolution), head, None)
    assign(model, arrays)
    return model


def to_checkpoint(
    model: keras.Model,
    *,
    name: str,
    licence: str,
    source: str,
    labels: Sequence[Label | str] | None = None,
    recipe: Recipe | None = None,
    resolution: int | None = None,
) -> Checkpoint:
    """Turn a Keras model, trained or not, into our one file's content; ``write_checkpoint`` stores it.

    Args:
        model: from ``MobileNet``, Keras' own, or the same layers under the same names built by hand.
        name: for people.
        licence: of the weights, an SPDX identifier where there is one.
        source: where the numbers come from, in words.
        labels: one per class, names or ``Label``; None where the classes have no names.
        recipe: how pictures are prepared; by default the centred square at the model's size, -1..1.
        resolution: side of the input in pixels, needed only where the model leaves it open.

    Returns:
        A checkpoint that holds the model's numbers unchanged, and probes of what it answers.

    Raises:
        CheckpointError: not MobileNet v1 and nothing else (a model that rescales pictures itself, for example),
            weights that are not finite, or labels or a recipe that do not fit.
        UsageError: not float32, or a model that computes something else from the same weights.
    """
    from tinysight.models import make_probes

    keras = import_keras()
    spec = spec_of(model, resolution)
    names = None if labels is None else tuple(Label(None, x) if isinstance(x, str) else x for x in labels)
    card = Card(name, spec, recipe or Recipe(spec.resolution), names, licence, source)
    arrays = check_arrays(spec, arrays_of(model, spec), "Keras model")
    checkpoint = Checkpoint(replace(card, probes=make_probes(card, arrays)), arrays)
    check_answers(keras, model, checkpoint)
    return checkpoint


def _tensor_shape(keras: Any, tensor: Any, input_shape: Sequence[int | None] | None) -> tuple[int | None, ...]:
    if not keras.backend.is_keras_tensor(tensor):
        raise UsageError(
            f"input_tensor must be a symbolic Keras tensor (keras.Input), received {type(tensor).__name__}"
        )
    shape = tuple(tensor.shape[1:])
    if input_shape is not None and tuple(input_shape) != shape:
        raise UsageError(f"input_tensor has the shape {shape}, received input_shape={input_shape!r} as well")
    return shape


def _check_activation(keras: Any, activation: Activation, trained: bool) -> None:
    try:
        function = keras.activations.get(activation)
    except ValueError:
        raise UsageError(
            f"classifier_activation must be None, 'softmax' or another activation of Keras, received {activation!r}"
        ) from None
    if trained and function not in (keras.activations.linear, keras.activations.softmax):
        raise UsageError(
            f"with weights, classifier_activation must be None or 'softmax', received {activation!r}: "
            "the weights were trained for it"
        )
