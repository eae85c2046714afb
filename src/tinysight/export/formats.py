"""The formats that a model is exported to, by the names that the command line knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tinysight.checkpoint import Checkpoint
from tinysight.export.artefact import Artefact
from tinysight.export.huggingface import huggingface_files, open_huggingface
from tinysight.export.keras import keras_bytes, open_keras
from tinysight.export.keras_h5 import keras_h5_bytes
from tinysight.export.onnx import onnx_bytes, open_onnx
from tinysight.export.openvino import open_openvino, openvino_files
from tinysight.export.options import ExportOptions
from tinysight.export.tflite import open_tflite, tflite_bytes
from tinysight.export.timm import open_timm, timm_bytes
from tinysight.export.web import open_web, web_files

Made = bytes | Mapping[str, bytes]  # a file, or the files of a folder by their names in it


class Format(NamedTuple):
    """A format.

    Args:
        make: makes a file's bytes, or the files of a folder, for a path.
        open: opens them in the format's own runtime; None where there is none to ask.
        suffix: ending of its files; empty for a folder.
        text: what they are.
        precisions: that it holds.
        choices: which of ``ExportOptions`` beside the precision it has.
    """

    make: Callable[[Checkpoint, ExportOptions, Path], Made]
    open: Callable[[Any], Artefact] | None
    suffix: str
    text: str
    precisions: tuple[str, ...] = ("float32",)
    choices: tuple[str, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of files."""
        return not self.suffix


FORMATS = {
    "huggingface": Format(
        lambda checkpoint, _options, _path: huggingface_files(checkpoint),
        open_huggingface,
        "",
        "a folder that Hugging Face's transformers opens as MobileNetV1, checked there",
    ),
    "keras": Format(
        lambda checkpoint, options, _path: keras_bytes(checkpoint, options),
        open_keras,
        ".keras",
        "Keras model for keras.models.load_model(FILE), checked in Keras",
        choices=("probabilities",),
    ),
    "keras-h5": Format(
        lambda checkpoint, _options, path: keras_h5_bytes(checkpoint, path),
        None,
        ".h5",
        "Keras weights for keras.applications.MobileNet(...).load_weights(FILE)",
    ),
    "onnx": Format(
        lambda checkpoint, options, _path: onnx_bytes(checkpoint, options),
        open_onnx,
        ".onnx",
        "ONNX, checked in ONNX Runtime; labels and all else in its metadata",
        ("float32", "float16", "int8"),
        ("pixels", "batch", "probabilities"),
    ),
    "openvino": Format(
        lambda checkpoint, options, _path: openvino_files(checkpoint, options),
        open_openvino,
        "",
        "OpenVINO's model.xml and model.bin in a folder, made by its converter, checked in OpenVINO",
        ("float32", "float16", "int8"),
        ("pixels", "batch", "probabilities"),
    ),
    "tflite": Format(
        lambda checkpoint, options, _path: tflite_bytes(checkpoint, options),
        open_tflite,
        ".tflite",
        "TensorFlow Lite with metadata and labels, checked in LiteRT",
        ("float32", "float16", "int8"),
        ("pixels", "batch", "probabilities"),
    ),
    "timm": Format(
        lambda checkpoint, _options, _path: timm_bytes(checkpoint),
        open_timm,
        ".safetensors",
        "a state dict for timm's mobilenetv1_100, checked in timm; its metadata say how to build the network",
    ),
    "web": Format(
        lambda checkpoint, options, _path: web_files(checkpoint, options),
        open_web,
        "",
        "a folder with a page that runs the model in a browser; fetches onnxruntime-web from the npm registry once",
        ("float32", "float16", "int8"),
    ),
}
