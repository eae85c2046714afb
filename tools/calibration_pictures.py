"""The pictures on which the embedded model was quantised: photographs that anyone can get, and drawn ones.

The photographs are in the wheel of scikit-image 0.26.0 (``skimage/data``), all CC0, in the public domain or without
known copyright restrictions, as ``skimage.data`` says of each. Nothing of them is in the model but the numbers made
with them.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

import numpy as np

from tinysight.errors import UsageError
from tinysight.preprocess import prepare, read_picture
from tinysight.preprocess.recipe import Recipe
from tinysight.quantize import synthetic_pictures
from tinysight.quantize.synthetic import Dice

PACKAGE = "scikit-image==0.26.0"
PHOTOGRAPHS = {
    "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "brick.png": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    "camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
    "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "clock_motion.png": "f029226b28b642e80113d86622e9b215ee067a0966feaf5e60604a1e05733955",
    "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "coins.png": "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
    "grass.png": "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
    "gravel.png": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    "horse.png": "c7fb60789fe394c485f842291ea3b21e50d140f39d6dcb5fb9917cc178225455",
    "hubble_deep_field.jpg": "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
    "ihc.png": "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
    "retina.jpg": "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
    "rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
}
CROPS = 3  # of each photograph: the centred square, then smaller ones, every other mirrored
SMALLEST_CROP = 22  # of 64 parts of the short side
DRAWN = 16
# Over all prepared pictures: another decoder or resizing filter would give other numbers.
PICTURES_SHA256 = "d299c8a354520ac5c382ccc35cf8c3d7bc33be6e9105d666ea73ab599c77228e"


def _folder() -> Path:
    found = importlib.util.find_spec("skimage")
    if found is None or found.origin is None:
        raise UsageError(f"the photographs are not here; run: pip install {PACKAGE}")
    return Path(found.origin).parent / "data"


def _crops(pixels: np.ndarray, name: str, recipe: Recipe) -> list[np.ndarray]:
    dice = Dice(f"tinysight calibration {name}")
    pictures = [prepare(pixels, recipe)]
    height, width = pixels.shape[:2]
    for number in range(1, CROPS):
        side = min(height, width) * dice.one(SMALLEST_CROP, 64) // 64
        top, left = dice.one(0, height - side), dice.one(0, width - side)
        part = pixels[top : top + side, left : left + side]
        pictures.append(prepare(np.ascontiguousarray(part[:, ::-1] if number % 2 else part), recipe))
    return pictures


def calibration_pictures(recipe: Recipe) -> np.ndarray:
    """Return uint8 ``(N, R, R, 3)``, the same on every machine.

    Raises:
        UsageError: a photograph is missing or another file, or is decoded or resized to other pixels.
    """
    folder, pictures = _folder(), []
    for name, sha256 in PHOTOGRAPHS.items():
        path = folder / name
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise UsageError(f"{name} is not the one that is pinned; run: pip install {PACKAGE}")
        pictures += _crops(read_picture(data).pixels, name, recipe)
    images = np.concatenate([np.stack(pictures), synthetic_pictures(recipe.resolution, DRAWN)])
    found = hashlib.sha256(images.tobytes()).hexdigest()
    if found != PICTURES_SHA256:
        raise UsageError(f"the calibration pictures have sha256 {found}, expected {PICTURES_SHA256}")
    return images
