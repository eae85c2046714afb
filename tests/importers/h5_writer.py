"""Keras' HDF5 layouts written by hand with h5py, so that the tests need no Keras."""

from __future__ import annotations

import json

import h5py
import numpy as np

from tinysight.spec import Spec, layers


def by_layer(arrays):
    """Layer -> {part: array}."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        layer, part = name.split(".")
        found.setdefault(layer, {})[part] = array
    return found


def texts(names, style: int):
    """As Keras 2 stores them, all of one length, or as Keras 3 does, each of its own."""
    encoded = [name.encode() for name in names]
    return np.array(encoded, "S") if style == 2 and names else encoded


def legacy(group, arrays, *, style: int = 2, weightless: bool = True) -> None:
    """Fill a file or group; Keras 2 says ``conv_dw_1/depthwise_kernel:0``, Keras 3 ``conv_dw_1/kernel``."""
    names = []
    for layer, parts in by_layer(arrays).items():
        names.append(layer)
        sub = group.create_group(layer)
        weights = []
        for part, array in parts.items():
            keras_part = "depthwise_kernel" if style == 2 and "_dw_" in layer and part == "kernel" else part
            weights.append(f"{layer}/{keras_part}" + (":0" if style == 2 else ""))
            sub.create_dataset(weights[-1], data=array)
        sub.attrs["weight_names"] = texts(weights, style)
        if weightless and layer.endswith("_bn"):
            names.append(layer.replace("_bn", "_relu"))
            group.create_group(names[-1]).attrs["weight_names"] = []
    group.attrs["layer_names"] = texts(names, style)
    group.attrs["backend"] = b"tensorflow"
    group.attrs["keras_version"] = b"2.1.5"


def numbered(root, arrays, *, names: bool, container: str = "layers", step: int = 1) -> None:
    """Fill a ``.weights.h5`` file; ``step`` 2 gives the gaps in the count that Keras 2.12 leaves."""
    counts: dict[str, int] = {}
    for layer, parts in by_layer(arrays).items():
        kind = "batch_normalization" if layer.endswith("_bn") else "conv2d"
        kind = "depthwise_conv2d" if kind == "conv2d" and "_dw_" in layer else kind
        count = counts.get(kind, 0)
        counts[kind] = count + step
        variables = root.create_group(f"{container}/{kind}{f'_{count}' if count else ''}/vars")
        if names:
            variables.attrs["name"] = layer
        for index, array in enumerate(parts.values()):
            variables.create_dataset(str(index), data=array)
    root.create_group(f"{container}/activation/vars")


def model_config(spec: Spec, *, pads: str = "keras", **changes) -> str:
    """The architecture as Keras writes it, as far as the importer looks; ``changes`` go into named layers' settings.

    A changed ``class_name`` is that of the layer.
    """
    shape = [None, spec.resolution, spec.resolution, 3]
    entries = [("InputLayer", {"name": "input_1", "batch_input_shape": shape})]
    for row in layers(spec):
        if row.kind == "pool":
            entries.append(("GlobalAveragePooling2D", {"name": row.name}))
            continue
        explicit = row.stride == 2 and (pads == "explicit" or (pads == "keras" and row.kind == "depthwise"))
        if explicit or (pads == "symmetric" and row.kind in ("stem", "depthwise")):
            padding = [[0, 1], [0, 1]] if explicit else [[1, 1], [1, 1]]
            entries.append(("ZeroPadding2D", {"name": row.name.replace("conv", "pad"), "padding": padding}))
            convolution = {"padding": "valid"}
        else:
            convolution = {"padding": "same"}
        convolution |= {"name": row.name, "strides": [row.stride, row.stride], "dilation_rate": [1, 1]}
        entries.append(("DepthwiseConv2D" if row.kind == "depthwise" else "Conv2D", convolution))
        if row.has_bn:
            entries.append(("BatchNormalization", {"name": f"{row.name}_bn", "epsilon": spec.bn_epsilon}))
            entries.append(("ReLU", {"name": f"{row.name}_relu", "max_value": 6.0, "negative_slope": 0.0}))
    if spec.include_top:
        entries += [
            ("Activation", {"name": "act_softmax", "activation": "softmax"}),
            ("Reshape", {"name": "reshape_2"}),
        ]
    for _, settings in entries:
        settings.update(changes.get(settings["name"], {}))
    listed = [{"class_name": settings.pop("class_name", kind), "config": settings} for kind, settings in entries]
    return json.dumps({"class_name": "Functional", "config": {"name": "mobilenet", "layers": listed}})


def full_model(path, arrays, config: str, style: int = 2) -> None:
    with h5py.File(path, "w") as root:
        root.attrs["model_config"] = config.encode() if style == 2 else config
        legacy(root.create_group("model_weights"), arrays, style=style)
        root.create_group("optimizer_weights")
