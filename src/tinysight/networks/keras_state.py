"""The numbers of a Keras model, put in and taken out by layer name; needs no import of Keras."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint
from tinysight.engines import PROBE_TOLERANCE
from tinysight.errors import UsageError, printable
from tinysight.importers.derive import spec_from_shapes
from tinysight.importers.keras_config import read_model_config
from tinysight.preprocess.scale import scale
from tinysight.spec import BLOCKS, Layer, Spec, array_shapes

Arrays = dict[str, NDArray[np.float32]]


def pad_name(layer: Layer) -> str:
    """Name of the zero-padding layer before a convolution: ``conv_pad_2`` before ``conv_dw_2``."""
    return layer.name.replace("_dw_", "_pad_") if layer.kind == "depthwise" else f"{layer.name}_pad"


def variables_by_name(model: Any) -> dict[str, Any]:
    """Return the model's stored numbers, named as ``spec.array_shapes`` names them."""
    return {f"{layer.name}.{variable.name}": variable for layer in model.layers for variable in layer.weights}


def assign(model: Any, arrays: Arrays) -> None:
    """Copy arrays into the model's variables.

    Args:
        model: built by ``MobileNet``.
        arrays: exactly one per variable.
    """
    variables = variables_by_name(model)
    for name, array in arrays.items():
        variables[name].assign(array)


def spec_of(model: Any, resolution: int | None = None) -> Spec:
    """Work out which member of the family a Keras model is.

    Args:
        model: built by our ``MobileNet``, by Keras', or by hand under the same layer names.
        resolution: side of the input in pixels; needed where the model leaves it open, else the model's own or None.

    Raises:
        CheckpointError: not MobileNet v1 and nothing else, or built in a way that no ``Spec`` describes.
        UsageError: a missing or contradicting ``resolution``.
    """
    where = f"Keras model {printable(str(model.name), 80)}"
    shapes = {name: tuple(variable.shape) for name, variable in variables_by_name(model).items()}
    spec = spec_from_shapes(shapes, where, resolution=resolution or Spec().resolution)
    facts = read_model_config(model.to_json(), where)
    if None not in (resolution, facts.resolution) and resolution != facts.resolution:
        raise UsageError(f"{where} takes pictures of {facts.resolution} px, received resolution={resolution}")
    side = facts.resolution or resolution
    if side is None:
        raise UsageError(f"{where} takes pictures of any size; say for which one with resolution=")
    dropout = [layer.rate for layer in model.layers if layer.name == "dropout"]
    return replace(
        spec,
        resolution=side,
        dropout=float(dropout[0]) if dropout else 0.0,
        padding=facts.padding,
        bn_epsilon=facts.bn_epsilon,
    )


def arrays_of(model: Any, spec: Spec) -> Arrays:
    """Copy the model's numbers out, unchanged.

    Args:
        model: a Keras model, on any backend.
        spec: what ``spec_of`` said of it.

    Returns:
        float32 arrays in the network's order.

    Raises:
        UsageError: numbers that are not float32.
    """
    variables = variables_by_name(model)
    for name in array_shapes(spec):
        if variables[name].dtype != "float32":
            raise UsageError(f"{name} of the Keras model is {variables[name].dtype}; a model file holds float32")
    return {name: np.array(variables[name].numpy(), dtype=np.float32) for name in array_shapes(spec)}


def check_answers(keras: Any, model: Any, checkpoint: Checkpoint) -> None:
    """Let the model itself answer the probes, up to the head's logits or the last block's features.

    Args:
        keras: the package.
        model: what ``checkpoint`` was read from.
        checkpoint: what was made of it, with its probes.

    Raises:
        UsageError: the model computes something else from the same numbers.
    """
    spec, recipe = checkpoint.card.spec, checkpoint.card.recipe
    last = "conv_preds" if spec.include_top else f"conv_pw_{len(BLOCKS)}_relu"
    outputs = [layer.output for layer in model.layers if layer.name == last]
    if not outputs:
        raise UsageError(f"the Keras model has no layer {last}, at which a model without a head ends")
    until = keras.Model(model.inputs, outputs[0])
    for probe in checkpoint.card.probes:
        images = scale(probe.enlarged(spec.resolution)[None], recipe.value_range)
        given = np.mean(until.predict(images, verbose=0), axis=(0, 1, 2))
        # A share of the output, however small: an untrained network's logits are all close to 0.
        difference = float(np.abs(given - probe.output).max() / max(1e-30, float(np.abs(probe.output).max())))
        if not difference <= PROBE_TOLERANCE["float32"]:
            raise UsageError(
                f"the Keras model answers otherwise than MobileNet v1 with its weights (difference {difference:.2g} of "
                "the output): it has layers of its own, or pads or activates in another way"
            )
