"""Whether OpenVINO's Model API opens our ONNX file and our OpenVINO folder by themselves and names a picture.

Too large for the usual run (450 MB installed), so by hand, in an environment of its own. Its packages send usage data;
with CI=1 they do not.

    python -m venv ov && ov/bin/pip install "openvino-model-api[onnx]"
    tinysight export -f onnx -o m.onnx
    tinysight export -f openvino -o m
    CI=1 ov/bin/python tests/interop/openvino_model_api.py examples/candle.jpg candle m.onnx m/model.xml
"""

from __future__ import annotations

import sys

import cv2
from model_api.models import ClassificationModel


def classify(model: str, picture: str) -> tuple[str, float]:
    """Return the first name and its score; OpenCV reads blue first, which the file's own keys undo."""
    opened = ClassificationModel.create_model(model, device="CPU")
    first = opened(cv2.imread(picture)).top_labels[0]
    return first.name, float(first.confidence)


if __name__ == "__main__":
    picture, expected, *models = sys.argv[1:]
    found = [(model, *classify(model, picture)) for model in models]
    for model, name, score in found:
        print(f"{model:30} {name:30} {score:8.3f}")
    sys.exit(any(name != "_".join(expected.split()) for _, name, _ in found))
