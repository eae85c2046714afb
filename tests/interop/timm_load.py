"""Whether timm opens our export with ``load_state_dict(strict=True)`` and names a picture by its labels.

By hand or in CI, in an environment of its own, which needs no tinysight:

    python -m venv tm && tm/bin/pip install timm pillow
    tinysight export -f timm -o m.safetensors
    tm/bin/python tests/interop/timm_load.py m.safetensors examples/candle.jpg candle
"""

from __future__ import annotations

import json
import sys

import safetensors
import safetensors.torch
import timm
import timm.data
import timm.models.efficientnet
import torch
from PIL import Image

BUILDERS = {
    "timm.create_model": timm.create_model,
    "timm.models.efficientnet._gen_mobilenet_v1": timm.models.efficientnet._gen_mobilenet_v1,
}


def classify(model: str, picture: str) -> list[tuple[str, float]]:
    """Return the first three names and probabilities."""
    with safetensors.safe_open(model, "pt") as file:
        metadata = file.metadata()
    name = next(name for name in BUILDERS if name in metadata)
    network = BUILDERS[name](**json.loads(metadata[name])).train(False)
    network.load_state_dict(safetensors.torch.load_file(model), strict=True)
    transform = timm.data.create_transform(**json.loads(metadata["timm.data.create_transform"]))
    labels = json.loads(metadata["tinysight.card"])["labels"]
    with torch.inference_mode():
        scores = network(transform(Image.open(picture).convert("RGB"))[None]).softmax(-1)[0]
    found = scores.topk(min(3, len(scores)))
    names = [str(number) if labels is None else labels[number][1] for number in found.indices]
    return list(zip(names, found.values.tolist(), strict=True))


if __name__ == "__main__":
    model, picture, *expected = sys.argv[1:]
    names = classify(model, picture)
    for name, score in names:
        print(f"{name:30} {score:8.3f}")
    sys.exit(bool(expected) and names[0][0] != expected[0])
