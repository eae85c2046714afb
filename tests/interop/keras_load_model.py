"""Whether Keras alone opens our ``.keras`` archive, and its MobileNet our ``.h5`` weights, and both name a picture.

Too large for the usual run (709 MB installed), so by hand, in an environment of its own:

    python -m venv ke && ke/bin/pip install keras jax h5py pillow
    tinysight export -f keras -o m.keras
    tinysight export -f keras-h5 -o m.h5
    KERAS_BACKEND=jax ke/bin/python tests/interop/keras_load_model.py examples/candle.jpg 470 m.keras m.h5

The number is the class: Keras' files have no names of classes. Ours stand in the archive, which is read for them here.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
from PIL import Image


def opened(path: str) -> tuple[Any, list[str] | None]:
    """Return the model, and the classes' names where the file has them; weights alone are of alpha 1.0, 224 px."""
    if Path(path).suffix == ".h5":
        model = keras.applications.MobileNet(weights=None)
        model.load_weights(path)
        return model, None
    with zipfile.ZipFile(path) as archive:
        labels = json.loads(archive.read("tinysight.card.json"))["labels"]
    return keras.models.load_model(path), [name for _, name in labels]


def classify(model: Any, picture: str) -> int:
    """Return the class of the picture's centred square."""
    side = model.input_shape[1]
    with Image.open(picture) as image:
        short = min(image.size)
        left, top = (image.width - short) // 2, (image.height - short) // 2
        box = (left, top, left + short, top + short)
        square = image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR, box)
    pixels = keras.applications.mobilenet.preprocess_input(np.asarray(square, np.float32)[None])
    return int(model.predict(pixels, verbose=0)[0].argmax())


if __name__ == "__main__":
    picture, expected, *paths = sys.argv[1:]
    right = True
    for path in paths:
        model, names = opened(path)
        found = classify(model, picture)
        right &= found == int(expected)
        print(f"{path:30} {found:5} {names[found] if names else ''}")
    sys.exit(not right)
