"""The network as a TensorFlow Lite file, written with the official schema and no framework.

Only here are ``flatbuffers`` and the schema's package ``tflite`` imported; what runs the files is elsewhere.
"""

from tinysight.tflite_graph.float32 import tflite_model
from tinysight.tflite_graph.int8 import tflite_int8_model
from tinysight.tflite_graph.metadata import METADATA_NAME, metadata_bytes, read_labels, read_metadata, with_labels

__all__ = [
    "METADATA_NAME",
    "metadata_bytes",
    "read_labels",
    "read_metadata",
    "tflite_int8_model",
    "tflite_model",
    "with_labels",
]
