"""Whether MediaPipe opens our TensorFlow Lite file and names a picture by its labels.

Too large for the usual run (650 MB installed), so by hand, in an environment of its own:

    python -m venv mp && mp/bin/pip install mediapipe
    tinysight export -f tflite -o m.tflite
    mp/bin/python tests/interop/mediapipe_classifier.py m.tflite examples/candle.jpg candle
"""

from __future__ import annotations

import sys

import mediapipe
from mediapipe.tasks import python
from mediapipe.tasks.python import vision


def classify(model: str, picture: str) -> list[tuple[str, float]]:
    """Return the first three names and scores."""
    options = vision.ImageClassifierOptions(base_options=python.BaseOptions(model_asset_path=model), max_results=3)
    with vision.ImageClassifier.create_from_options(options) as classifier:
        found = classifier.classify(mediapipe.Image.create_from_file(picture))
    return [(one.category_name, one.score) for one in found.classifications[0].categories]


if __name__ == "__main__":
    model, picture, *expected = sys.argv[1:]
    names = classify(model, picture)
    for name, score in names:
        print(f"{name:30} {score:8.3f}")
    sys.exit(bool(expected) and names[0][0] != expected[0])
