"""Whether ``transformers.pipeline`` opens our folder and names a picture by its labels.

By hand or in CI, in an environment of its own, which needs no tinysight:

    python -m venv tf && tf/bin/pip install transformers torch pillow
    tinysight export -f huggingface -o m
    tf/bin/python tests/interop/transformers_pipeline.py m examples/candle.jpg candle
"""

from __future__ import annotations

import sys

from transformers import pipeline


def classify(folder: str, picture: str) -> list[tuple[str, float]]:
    """Return the first three names and probabilities."""
    found = pipeline("image-classification", folder)(picture, top_k=3)
    return [(one["label"], one["score"]) for one in found]


if __name__ == "__main__":
    folder, picture, *expected = sys.argv[1:]
    names = classify(folder, picture)
    for name, score in names:
        print(f"{name:30} {score:8.3f}")
    sys.exit(bool(expected) and names[0][0] != expected[0])
