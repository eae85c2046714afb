"""The numbers of a Keras model, put in and taken out by layer name; needs no import of Keras."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint, Probe
from tinysight.engines import PROBE_TOLERANCE
from tinysight.errors import UsageError, printable
from tinysight.preprocess.scale import scale
from tinysight.spec import BLOCKS, MIN_RESOLUTION, Layer, Padding, Spec, array_shapes, layers

Arrays = dict[str, NDArray[np.float32]]
WIDEST = max(filters for filters, _ in BLOCKS)


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


def arrays_of(model: Any, spec: Spec) -> Arrays:
    """Copy the model's numbers out, unchanged.

    Args:
        model: a Keras model with the layers of ``spec``, on any backend.
        spec: what ``spec_of`` said of it.

    Returns:
        float32 arrays in the network's order.

    Raises:
        UsageError: weights that are missing, that MobileNet does not have, of another shape, or not float32.
    """
    variables, shapes = variables_by_name(model), array_shapes(spec)
    wrong = [name for name in shapes if name not in variables] + sorted(set(variables) - set(shapes))
    if wrong:
        raise UsageError(
            f"the model is not MobileNet v1 alone: {printable(wrong[0], 80)} is missing or one too many "
            f"({len(wrong)} such); layers are matched by name, as Keras' applications.MobileNet names them"
        )
    for name, shape in shapes.items():
        found = tuple(variables[name].shape)
        if found != shape or variables[name].dtype != "float32":
            raise UsageError(f"{name} must be float32 {shape}, received {variables[name].dtype} {found}")
    return {name: np.array(variables[name].numpy(), dtype=np.float32) for name in shapes}


def spec_of(model: Any, resolution: int | None) -> Spec:
    """Work out which member of the family a Keras model is.

    Args:
        model: built by our ``MobileNet``, by Keras', or layer by layer under the same layer names.
        resolution: side of the input in pixels where the model leaves it open, else None or the model's own.

    Raises:
        UsageError: not this network, or no single square input size.
    """
    by_name = {layer.name: layer for layer in model.layers}
    kernels = {name: tuple(v.shape) for name, v in variables_by_name(model).items() if name.endswith(".kernel")}
    last_block = f"conv_pw_{len(BLOCKS)}"
    epsilons = {getattr(layer, "epsilon", None) for name, layer in by_name.items() if name.endswith("_bn")}
    try:
        width, multiplier = kernels[f"{last_block}.kernel"][3], kernels["conv_dw_1.kernel"][3]
        (epsilon,) = epsilons
    except (KeyError, IndexError, ValueError):
        raise UsageError(
            f"the model is not MobileNet v1: it must have the layers conv1, conv_dw_1, ..., {last_block}, "
            f"and one batch-norm epsilon; its layers begin {[printable(name, 40) for name in by_name][:4]}"
        ) from None
    head = kernels.get("conv_preds.kernel")
    dropout = by_name.get("dropout")
    return Spec(
        alpha=_alpha(width),
        resolution=_resolution(model, resolution),
        depth_multiplier=multiplier,
        num_classes=Spec().num_classes if head is None else head[3],
        dropout=0.0 if dropout is None else float(dropout.rate),
        include_top=head is not None,
        padding=_padding(by_name),
        bn_epsilon=float(epsilon),
    )


def _alpha(width: int) -> float:
    """Return the shortest decimal that gives the last block ``width`` channels; the narrower layers then follow."""
    for digits in range(1, 5):
        alpha = math.ceil(width * 10**digits / WIDEST) / 10**digits
        if int(WIDEST * alpha) == width:
            return alpha
    return width / WIDEST


def _resolution(model: Any, resolution: int | None) -> int:
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise UsageError(f"the model must have one input (N, height, width, 3), received {shape!r}")
    height, width, channels = shape[1:]
    given = (height or resolution, width or resolution)
    if given[0] != given[1] or given[0] is None or channels != 3 or resolution not in (None, given[0]):
        raise UsageError(
            f"a model file is for one square size of at least {MIN_RESOLUTION} px and 3 channels; the model's input is "
            f"({height}, {width}, {channels}), resolution={resolution}"
        )
    return int(given[0])


def _padding(by_name: dict[str, Any]) -> Padding:
    strided = [layer for layer in layers(Spec()) if layer.kind == "depthwise" and layer.stride > 1]
    pads = {by_name[name].padding if (name := pad_name(layer)) in by_name else None for layer in strided}
    rules: dict[Any, Padding] = {None: "same", ((0, 1), (0, 1)): "keras", ((1, 1), (1, 1)): "symmetric"}
    if len(pads) != 1 or not pads <= set(rules):
        raise UsageError(f"the model pads its strided layers by {sorted(map(str, pads))}; known: {list(rules)}")
    return rules[pads.pop()]


def check_answers(keras: Any, model: Any, checkpoint: Checkpoint, probes: tuple[Probe, ...]) -> None:
    """Let the model itself answer the probes, up to the head's logits or the last block's features.

    Args:
        keras: the package.
        model: what ``checkpoint`` was read from.
        checkpoint: what was made of it.
        probes: what the checkpoint answers.

    Raises:
        UsageError: the model computes something else from the same numbers.
    """
    spec, recipe = checkpoint.card.spec, checkpoint.card.recipe
    last = "conv_preds" if spec.include_top else f"conv_pw_{len(BLOCKS)}_relu"
    until = keras.Model(model.inputs, model.get_layer(last).output)
    for probe in probes:
        images = scale(probe.enlarged(spec.resolution)[None], recipe.value_range)
        given = np.mean(until.predict(images, verbose=0), axis=(0, 1, 2))
        difference = float(np.abs(given - probe.output).max() / max(1.0, float(np.abs(probe.output).max())))
        if not difference <= PROBE_TOLERANCE["float32"]:
            raise UsageError(
                f"the Keras model answers otherwise than MobileNet v1 with its weights (difference {difference:.2g}): "
                "it has layers of its own, or pads or activates in another way"
            )
