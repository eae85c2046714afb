"""A second reader and a second engine, written from docs/checkpoint-format.md alone, agree with ours to the bit."""

import hashlib
import json
import struct

import numpy as np
import pytest
from integer_models import in_both, in_int8

from tinysight.checkpoint import write_checkpoint
from tinysight.engines import native, open_engine

FILTERS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
DTYPES = {"F32": ("<f4", "float32"), "I16": ("<i2", "int16"), "I8": ("i1", "int8")}


def read(path):
    """Return card and arrays as the page says; refuses nothing but another hash."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header, values = json.loads(data[8 : 8 + size]), data[8 + size :]
    text = json.loads(header.pop("__metadata__")["tinysight"])
    layers = ["conv1", *(f"conv_{kind}_{block}" for block in range(1, 14) for kind in ("dw", "pw")), "conv_preds"]
    norms = [f"_bn.{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")]
    floats = [f"{layer}{part}" for layer in layers for part in (".kernel", *norms, ".bias")]
    whole = [f"int8.{layer}.{part}" for layer in layers for part in ("kernel", "scale", "bias", "step")]
    digest, arrays = hashlib.sha256(), {}
    for name in [*floats, *whole, "int8.probe_outputs"]:
        if name in header:
            entry = header.pop(name)
            begin, end = entry["data_offsets"]
            dtype, word = DTYPES[entry["dtype"]]
            digest.update(f"{name} {word} {'x'.join(map(str, entry['shape']))}\n".encode() + values[begin:end])
            arrays[name] = np.frombuffer(values[begin:end], dtype).reshape(entry["shape"])
    assert not header
    content = hashlib.sha256(f"{text['card']}\n{digest.hexdigest()}\n".encode()).hexdigest()
    assert content == text["sha256"]
    return json.loads(text["card"]), arrays


def convolve(values, kernel, stride, pad):
    """Sums of a 3 x 3 convolution, int64; a kernel (3, 3, c, 1) is depthwise."""
    padded = np.pad(values, (pad, pad, (0, 0)))
    side = (padded.shape[0] - 3) // stride + 1
    depthwise = kernel.shape[3] == 1 and kernel.shape[2] == values.shape[2]
    sums = np.zeros((side, side, kernel.shape[2] if depthwise else kernel.shape[3]), np.int64)
    for i in range(side):
        for j in range(side):
            window = padded[stride * i : stride * i + 3, stride * j : stride * j + 3]
            product = window * kernel[..., 0] if depthwise else window[..., None] * kernel
            sums[i, j] = product.sum((0, 1) if depthwise else (0, 1, 2))
    return sums


def run_int8(card, arrays, picture):
    """Return logits of one uint8 picture."""
    part = lambda layer, name: arrays[f"int8.{layer}.{name}"].astype("f4" if name != "kernel" else "i8")  # noqa: E731
    low, high = card["recipe"]["value_range"]

    def requantize(layer, sums):
        multiplier = part(layer, "scale") / part(layer, "step")
        addend = part(layer, "bias") / part(layer, "step")
        return np.clip(np.rint(sums.astype("f4") * multiplier + addend), 0, 255).astype(np.int64)

    values = 32 * picture.astype(np.int64) + int(np.rint(32 * 255 * low / (high - low)))
    values = requantize("conv1", convolve(values, part("conv1", "kernel"), 2, (0, 1)))
    for block in range(1, 14):
        stride = 2 if block in (2, 4, 6, 12) else 1
        name = f"conv_dw_{block}"
        sums = convolve(values, part(name, "kernel"), stride, (0, 1) if stride == 2 else (1, 1))
        values = requantize(name, sums)
        name = f"conv_pw_{block}"
        values = requantize(name, values @ part(name, "kernel")[0, 0])
    cells = values.shape[0] * values.shape[1]
    mean = np.rint(values.sum((0, 1)).astype("f4") * np.float32(32 / cells)).astype(np.int64)
    sums = mean @ part("conv_preds", "kernel")[0, 0]
    return sums.astype("f4") * part("conv_preds", "scale") + part("conv_preds", "bias")


@pytest.fixture
def picture():
    return np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("make", [in_int8, in_both])
def test_a_second_reader_and_engine_give_the_same_bits(tmp_path, make_checkpoint, make, picture):
    model = make(make_checkpoint(alpha=0.25, resolution=64, num_classes=7))
    write_checkpoint(tmp_path / "a.safetensors", model)
    card, arrays = read(tmp_path / "a.safetensors")
    assert [
        arrays[f"conv_pw_{b}.kernel" if make is in_both else f"int8.conv_pw_{b}.kernel"].shape[3] for b in range(1, 14)
    ] == [filters // 4 for filters in FILTERS]
    expected = run_int8(card, arrays, picture)
    for name in ("reference", "native") if native.is_built() else ("reference",):
        np.testing.assert_array_equal(open_engine(model, name, "int8").run(picture[None]).logits[0], expected)
