"""Writes a .tflite file; runs in a Python that has TensorFlow and nothing of ours.

    python convert_tflite.py NUMBERS.npz OUTPUT.tflite float32|'int8 default'

NUMBERS holds ``rows`` (name, kind, stride, pad before, pad after of each layer), ``calibration`` float32
``(N, R, R, 3)``, and each convolution's kernel and bias with batch norm folded.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf


def build(numbers: Any) -> Any:
    kinds = tf.keras.layers
    picture = values = kinds.Input(numbers["calibration"].shape[1:], batch_size=1)
    for name, kind, stride, before, after in numbers["rows"]:
        if kind == "pool":
            values = kinds.GlobalAveragePooling2D(keepdims=True)(values)
            continue
        same = (before, after) in (("0", "0"), ("1", "1")) and stride == "1"
        if not same and (before, after) != ("0", "1"):
            values = kinds.ZeroPadding2D(((int(before), int(after)),) * 2)(values)
        # TensorFlow's "same" pads (0, 1) at stride 2 on even sides, and (1, 1) at stride 1.
        padding = "same" if same or (before, after) == ("0", "1") else "valid"
        kernel, bias = numbers[f"{name}.kernel"], numbers[f"{name}.bias"]
        options = {"strides": int(stride), "padding": padding, "name": str(name)}
        if kind == "depthwise":
            layer = kinds.DepthwiseConv2D(kernel.shape[0], **options)
        else:
            layer = kinds.Conv2D(kernel.shape[3], kernel.shape[0], **options)
        values = layer(values)
        layer.set_weights([kernel, bias])
        if kind != "head":
            values = kinds.ReLU(6.0)(values)
    return tf.keras.Model(picture, kinds.Flatten()(values))


def main(source: str, output: str, variant: str) -> None:
    numbers = np.load(source)
    converter = tf.lite.TFLiteConverter.from_keras_model(build(numbers))
    if variant != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in numbers["calibration"])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
    Path(output).write_bytes(converter.convert())


if __name__ == "__main__":
    main(*sys.argv[1:])
