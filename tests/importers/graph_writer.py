"""A few lines of protobuf writing: frozen TF-slim graphs of any spec for the tests, built without TensorFlow."""

from __future__ import annotations

import struct

import numpy as np

from tinysight.spec import Spec, layers


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


def shape(sizes) -> bytes:
    return b"".join(block(2, number(1, size)) for size in sizes)


def tensor(array: np.ndarray, *, dtype: int = 1, as_float_val: bool = False) -> bytes:
    data = np.ascontiguousarray(array, "<f4").tobytes()
    return number(1, dtype) + block(2, shape(array.shape)) + block(5 if as_float_val else 4, data)


def node(name: str, op: str, inputs=(), **attributes: bytes) -> bytes:
    body = block(1, name) + block(2, op) + b"".join(block(3, i) for i in inputs)
    for key, value in attributes.items():
        body += block(5, block(1, key) + block(2, value))
    return block(1, body)


def const(name: str, array: np.ndarray, **options) -> bytes:
    value = block(8, tensor(array, **options))
    return node(name, "Const", dtype=number(6, 1), value=value) + node(f"{name}/read", "Identity", [name])


def convolution(name: str, op: str, inputs, stride: int, padding: str = "SAME") -> bytes:
    strides = block(1, block(3, b"".join(varint(s) for s in (1, stride, stride, 1))))
    return node(name, op, inputs, strides=strides, padding=block(2, padding), data_format=block(2, "NHWC"))


def batch_norm(scope: str, convolved: str, epsilon: float, fused: bool) -> tuple[bytes, str]:
    const_scope = scope.replace("MobilenetV1/MobilenetV1", "MobilenetV1")
    parts = [f"{const_scope}/BatchNorm/{p}/read" for p in ("gamma", "beta", "moving_mean", "moving_variance")]
    if fused:
        name = f"{scope}/BatchNorm/FusedBatchNorm"
        attribute = varint(4 << 3 | 5) + struct.pack("<f", epsilon)
        return node(name, "FusedBatchNorm", [convolved, *parts], epsilon=attribute), name
    prefix = f"{scope}/BatchNorm/batchnorm"
    value = block(8, tensor(np.float32(epsilon), as_float_val=True))
    nodes = node(f"{prefix}/add/y", "Const", dtype=number(6, 1), value=value)
    nodes += node(f"{prefix}/add", "Add", [parts[3], f"{prefix}/add/y"])
    nodes += node(f"{prefix}/mul_1", "Mul", [convolved, f"{prefix}/add"])
    return nodes, f"{prefix}/mul_1"


def scope_of(layer: str) -> str:
    if layer == "conv_preds":
        return "Logits/Conv2d_1c_1x1"
    if layer == "conv1":
        return "Conv2d_0"
    kind, index = layer.split("_")[1:]
    return f"Conv2d_{index}_{'depthwise' if kind == 'dw' else 'pointwise'}"


def slim_graph(
    spec: Spec,
    arrays: dict[str, np.ndarray],
    *,
    background: np.ndarray | None = None,
    epsilons: dict[str, float] | None = None,
    paddings: dict[str, str] | None = None,
    strides: dict[str, int] | None = None,
    picture_shape: tuple[int, ...] | None = None,
    picture_op: str = "Placeholder",
    activation: str = "Relu6",
    fused: bool = False,
    replace_consts: dict[str, bytes] | None = None,
) -> bytes:
    """Build a frozen graph; ``background`` is one value per input channel plus the bias, put in front of the head."""
    sizes = (1, spec.resolution, spec.resolution, 3) if picture_shape is None else picture_shape
    graph = node("input", picture_op, dtype=number(6, 1), shape=block(7, shape(sizes)))
    before = "input"
    consts: dict[str, np.ndarray] = {}
    for layer in layers(spec):
        if layer.kind == "pool":
            continue
        scope, depthwise = scope_of(layer.name), layer.kind == "depthwise"
        kernel, weights = arrays[f"{layer.name}.kernel"], "depthwise_weights" if depthwise else "weights"
        if layer.kind == "head":
            bias = arrays["conv_preds.bias"]
            if background is not None:
                kernel = np.concatenate([background[:-1].reshape(1, 1, -1, 1), kernel], axis=3)
                bias = np.concatenate([background[-1:], bias])
            consts[f"MobilenetV1/{scope}/biases"] = bias
        consts[f"MobilenetV1/{scope}/{weights}"] = kernel
        inputs = [before, f"MobilenetV1/{scope}/{weights}/read"]
        op = "DepthwiseConv2dNative" if depthwise else "Conv2D"
        name = f"MobilenetV1/{'' if layer.kind == 'head' else 'MobilenetV1/'}{scope}"
        stride = (strides or {}).get(layer.name, layer.stride)
        before = f"{name}/convolution"
        graph += convolution(before, op, inputs, stride, (paddings or {}).get(layer.name, "SAME"))
        if layer.has_bn:
            for part in ("gamma", "beta", "moving_mean", "moving_variance"):
                consts[f"MobilenetV1/{scope}/BatchNorm/{part}"] = arrays[f"{layer.name}_bn.{part}"]
            epsilon = (epsilons or {}).get(layer.name, spec.bn_epsilon)
            nodes, before = batch_norm(name, before, epsilon, fused)
            graph += nodes + node(f"{name}/Relu6", activation, [before])
            before = f"{name}/Relu6"
    replaced = replace_consts or {}
    graph += b"".join(replaced.get(name, const(name, array)) for name, array in consts.items())
    # What retraining leaves behind; it has to be ignored.
    graph += const("final_training_ops/weights/final_weights", np.ones((4, 2), np.float32))
    return graph + node("final_result", "Softmax", ["final_training_ops/weights/final_weights/read"])
