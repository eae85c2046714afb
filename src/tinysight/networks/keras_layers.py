"""The rows of ``spec.layers`` as Keras layers, under Keras' names; Keras itself is handed in by ``keras.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from tinysight.networks.keras_options import Sides
from tinysight.networks.keras_state import pad_name
from tinysight.spec import Layer, Spec, layers

Activation = str | Callable[[Any], Any] | None
Pooling = Literal["avg", "max"] | None


class Head(NamedTuple):
    """How the model ends, beyond what the spec says.

    Args:
        pooling: of a network without a head.
        activation: of the head.
        model_name: as ``summary()`` prints it.
    """

    pooling: Pooling
    activation: Activation
    model_name: str


def build(keras: Any, spec: Spec, sides: Sides, head: Head, input_tensor: Any) -> Any:
    """Return a Keras model of ``spec`` with random weights.

    Args:
        keras: the package.
        spec: the network.
        sides: height and width of its input.
        head: its end.
        input_tensor: what to build on instead of an input of its own, or None.
    """
    # Keras would count these two names up from model to model; so the same network would be saved as other bytes.
    picture = keras.layers.Input(shape=(*sides, 3), name="input_layer") if input_tensor is None else input_tensor
    values = picture
    for row in layers(spec):
        if row.has_bn:
            values = _convolution(keras.layers, row, spec, values)
        elif row.kind == "head":
            values = _classifier(keras.layers, spec, head.activation, values)
        elif spec.include_top:
            values = keras.layers.GlobalAveragePooling2D(keepdims=True, name="global_average_pooling2d")(values)
        elif head.pooling is not None:
            pool = "GlobalAveragePooling2D" if head.pooling == "avg" else "GlobalMaxPooling2D"
            values = getattr(keras.layers, pool)()(values)
    inputs = picture if input_tensor is None else keras.utils.get_source_inputs(input_tensor)
    return keras.Model(inputs, values, name=head.model_name)


def _convolution(kinds: Any, row: Layer, spec: Spec, values: Any) -> Any:
    """Convolution, batch norm, ReLU6; padding that Keras' "same" would not do stands in a layer of its own."""
    same = row.stride == 1 or spec.padding == "same" or (spec.padding == "keras" and row.kind == "stem")
    if not same:
        values = kinds.ZeroPadding2D((row.pad, row.pad), name=pad_name(row))(values)
    size, strides = (row.kernel_size,) * 2, (row.stride,) * 2
    common = {"strides": strides, "padding": "same" if same else "valid", "use_bias": False, "name": row.name}
    if row.kind == "depthwise":
        values = kinds.DepthwiseConv2D(size, depth_multiplier=spec.depth_multiplier, **common)(values)
    else:
        values = kinds.Conv2D(row.output_shape[2], size, **common)(values)
    values = kinds.BatchNormalization(epsilon=spec.bn_epsilon, name=f"{row.name}_bn")(values)
    return kinds.ReLU(6.0, name=f"{row.name}_relu")(values)


def _classifier(kinds: Any, spec: Spec, activation: Activation, values: Any) -> Any:
    values = kinds.Dropout(spec.dropout, name="dropout")(values)
    values = kinds.Conv2D(spec.num_classes, (1, 1), padding="same", name="conv_preds")(values)
    values = kinds.Reshape((spec.num_classes,), name="reshape_2")(values)
    return kinds.Activation(activation, name="predictions")(values)
