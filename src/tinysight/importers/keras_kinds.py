"""Which kinds of layers a Keras model may have, to be a MobileNet v1.

A layer of another kind leaves no trace in the weights: a Rescaling means pixels of another range, a ReLU without its 6
another network. So all that Keras' own MobileNet has is listed here, and the rest is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinysight.errors import CheckpointError, printable

BATCH_NORMS = ("BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2")  # the latter two: TensorFlow 1
# What MobileNet is made of in Keras 1 to 3 and in what people copied from it.
LAYER_CLASSES = (
    *("InputLayer", "ZeroPadding2D", "Conv2D", "DepthwiseConv2D", *BATCH_NORMS, "ReLU", "Activation"),
    *("GlobalAveragePooling2D", "GlobalMaxPooling2D", "Reshape", "Flatten", "Dropout"),
)


def _activation(class_name: str, config: dict[str, Any]) -> str:
    """Name the function that a layer applies, ``linear`` for none."""
    if class_name == "ReLU":
        plain = not config.get("negative_slope") and not config.get("threshold")
        return "relu6" if plain and config.get("max_value") == 6 else f"ReLU with max_value {config.get('max_value')}"
    function = config.get("activation") or "linear"
    # A function of one's own, which Keras 2.12 and later write as an object; tutorials define relu6 themselves.
    return str(function.get("config") if isinstance(function, dict) else function)


def _check_kind(class_name: str, config: dict[str, Any], before: str, in_head: bool, where: str) -> None:
    """Refuse a layer that computes what MobileNet v1 does not: ReLU6 after each batch norm, nowhere else.

    Args:
        class_name, config: the layer.
        before: class of the layer before it.
        in_head: whether ``conv_preds`` has come.
        where: file name for the message.
    """
    what = f"{where}: layer {printable(str(config.get('name')), 60)}"
    if class_name not in LAYER_CLASSES:
        raise CheckpointError(
            f"{what} is a {printable(class_name, 60)}, which no MobileNet v1 has; known: {', '.join(LAYER_CLASSES)}"
        )
    accepted = ("relu6",) if before in BATCH_NORMS else ("linear", "softmax") if in_head else ("linear",)
    activation = _activation(class_name, config)
    if activation not in accepted:
        raise CheckpointError(
            f"{what} has the activation {printable(activation, 60)} after {before or 'nothing'}, "
            f"expected {' or '.join(accepted)}"
        )
    if before == "ZeroPadding2D" and class_name not in ("Conv2D", "DepthwiseConv2D"):
        raise CheckpointError(f"{what} takes padded values, which only a convolution does in MobileNet v1")


def _check_pooling(class_names: list[str], where: str) -> None:
    """Refuse a head that follows anything but one mean over the picture."""
    pools = [name for name in class_names if name.startswith("Global")]
    if pools != ["GlobalAveragePooling2D"]:
        shown = ", ".join(pools[:3]) or "nothing"
        raise CheckpointError(f"{where}: model_config pools by {shown}; a head needs one GlobalAveragePooling2D")


def check_kinds(listed: Sequence[tuple[str, dict[str, Any]]], where: str) -> None:
    """Refuse a model with a layer that computes something which MobileNet v1 does not.

    Args:
        listed: class name and settings of each layer, in the model's order.
        where: file name for the message.

    Raises:
        CheckpointError: names the first such layer and says what is accepted.
    """
    before, in_head = "", False
    for class_name, config in listed:
        in_head = in_head or config.get("name") == "conv_preds"
        _check_kind(class_name, config, before, in_head, where)
        before = class_name
    if before in BATCH_NORMS:
        raise CheckpointError(f"{where}: the last layer is a {before}, expected relu6 after it")
    if in_head:
        _check_pooling([class_name for class_name, _ in listed], where)
