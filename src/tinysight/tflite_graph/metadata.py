"""TensorFlow Lite's metadata: what the input is, and the labels, for programs such as MediaPipe's ImageClassifier.

The metadata are a flatbuffer of their own (metadata_schema.fbs in the repository tensorflow/tflite-support) in one of
the file's buffers. Tables are written by the numbers of their fields there, since no small package brings that schema.
The labels are a text file in a zip archive behind the model, stored and not packed.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinysight.errors import MissingExtraError

METADATA_NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
LABELS_FILE = "labels.txt"
PARSER_VERSION = "1.0.0"
AXIS_LABELS, IMAGE, FEATURES, RGB, NORMALIZATION = 2, 2, 1, 1, 1  # numbers of the schema's enumerations
MADE = (2020, 1, 1, 0, 0, 0)  # of the archive's entries, so that the same model gives the same bytes


def _table(builder: Any, fields: dict[int, tuple[str, Any]]) -> int:
    """Write a table: number of a field -> (``offset`` or ``byte``, value)."""
    builder.StartObject(max(fields, default=-1) + 1)
    for number, (kind, value) in sorted(fields.items()):
        if kind == "offset":
            builder.PrependUOffsetTRelativeSlot(number, value, 0)
        else:
            builder.PrependInt8Slot(number, value, 0)
    return int(builder.EndObject())


def _list(builder: Any, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return int(builder.EndVector())


def _image(builder: Any, mean: float, deviation: float) -> int:
    """Describe the input: RGB, and how its pixels are brought into range."""
    name = builder.CreateString("images")
    options = _table(
        builder,
        {
            0: ("offset", builder.CreateNumpyVector(np.full(3, mean, np.float32))),
            1: ("offset", builder.CreateNumpyVector(np.full(3, deviation, np.float32))),
        },
    )
    unit = _table(builder, {0: ("byte", NORMALIZATION), 1: ("offset", options)})
    content = _table(builder, {0: ("byte", IMAGE), 1: ("offset", _table(builder, {0: ("byte", RGB)}))})
    units = _list(builder, [unit])
    return _table(builder, {0: ("offset", name), 3: ("offset", content), 4: ("offset", units)})


def _scores(builder: Any, has_labels: bool) -> int:
    """Describe the output: a score for each label."""
    name = builder.CreateString("scores")
    content = _table(builder, {0: ("byte", FEATURES), 1: ("offset", _table(builder, {}))})
    fields = {0: ("offset", name), 3: ("offset", content)}
    if has_labels:
        file = builder.CreateString(LABELS_FILE)
        labels = _table(builder, {0: ("offset", file), 2: ("byte", AXIS_LABELS)})
        fields[6] = ("offset", _list(builder, [labels]))
    return _table(builder, fields)


def metadata_bytes(name: str, description: str, licence: str, mean: float, deviation: float, has_labels: bool) -> bytes:
    """Return the metadata of a classifier.

    Args:
        name: of the model.
        description: in words.
        licence: of its numbers.
        mean: level that becomes 0.
        deviation: levels that become 1 above it.
        has_labels: whether the file carries labels.

    Raises:
        MissingExtraError: the extra ``tflite`` is not installed.
    """
    try:
        import flatbuffers
    except ImportError:
        raise MissingExtraError("flatbuffers", "tflite") from None
    builder = flatbuffers.Builder(1024)
    inputs = _list(builder, [_image(builder, mean, deviation)])
    outputs = _list(builder, [_scores(builder, has_labels)])
    graph = _list(builder, [_table(builder, {2: ("offset", inputs), 3: ("offset", outputs)})])
    texts = [builder.CreateString(text) for text in (name, description, "tinysight", licence, PARSER_VERSION)]
    fields = dict(zip((0, 1, 4, 5, 7), (("offset", text) for text in texts), strict=True))
    builder.Finish(_table(builder, {**fields, 3: ("offset", graph)}), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def with_labels(model: bytes, labels: Sequence[str]) -> bytes:
    """Return a model's file with its labels behind it, a line each."""
    archive = io.BytesIO()
    archive.write(model)
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_STORED) as file:
        file.writestr(zipfile.ZipInfo(LABELS_FILE, MADE), "".join(f"{label}\n" for label in labels))
    return archive.getvalue()


def read_labels(data: bytes) -> tuple[str, ...] | None:
    """Return the labels behind a model's file; None where there are none."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return tuple(file.read(LABELS_FILE).decode().splitlines())
    except (zipfile.BadZipFile, KeyError, UnicodeDecodeError):
        return None


def read_metadata(data: bytes, name: str) -> bytes | None:
    """Return one of the metadata that a file of ours holds; None where it holds none of that name.

    Raises:
        MissingExtraError: the extra ``tflite`` is not installed.
    """
    try:
        import tflite
    except ImportError:
        raise MissingExtraError("tflite", "tflite") from None
    model = tflite.Model.GetRootAs(data, 0)
    for number in range(model.MetadataLength()):
        entry = model.Metadata(number)
        if entry.Name() == name.encode():
            return bytes(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())
    return None
