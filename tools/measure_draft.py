"""Measure what decoding JPEG at a smaller size changes: prepared pixels, probabilities, and the first answer.

    python tools/measure_draft.py FOLDER                      photographs as they are, those large enough
    python tools/measure_draft.py FOLDER --short-side 1500    enlarged first, so that each is large enough
    python tools/measure_draft.py FOLDER --resolution 64      a smaller network input: real detail, more photographs

Enlarged photographs hold no detail finer than the original's; small inputs do, but the weights were made for 224.
Together they bound what a large photograph does.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from tinysight.checkpoint import Checkpoint
from tinysight.errors import ImageError, TinysightError
from tinysight.labels import softmax
from tinysight.models import open_model
from tinysight.preprocess import prepare, read_picture
from tinysight.preprocess.recipe import Recipe


def jpeg_bytes(path: Path, short_side: int | None) -> bytes:
    """The file as it is, or the picture enlarged and coded again at quality 95."""
    data = path.read_bytes()
    if short_side is None:
        return data
    pixels = read_picture(data).pixels
    factor = short_side / min(pixels.shape[:2])
    size = (round(pixels.shape[1] * factor), round(pixels.shape[0] * factor))
    file = io.BytesIO()
    Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=95)
    return file.getvalue()


def resized_network(checkpoint: Checkpoint, resolution: int) -> Checkpoint:
    """The same weights for another input size."""
    card = checkpoint.card
    spec, recipe = replace(card.spec, resolution=resolution), replace(card.recipe, resolution=resolution)
    return Checkpoint(replace(card, spec=spec, recipe=recipe, probes=()), checkpoint.arrays)


def prepared_pair(data: bytes, recipe: Recipe) -> tuple[int, np.ndarray, np.ndarray]:
    """Return 1, 2, 4 or 8 (decoded at that part of the size) and the network's input from all pixels and from fewer."""
    whole = read_picture(data)
    smaller = read_picture(data, wanted_px=recipe.wanted_px)
    divisor = round(whole.width / smaller.pixels.shape[1])
    return divisor, prepare(whole.pixels, recipe), prepare(smaller.pixels, recipe)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", help="also run this model, for example mobilenet_v1_1.0_224")
    parser.add_argument("--resolution", type=int, default=224, help="side of the network's input, in pixels")
    parser.add_argument("--short-side", type=int, help="enlarge every photograph to this short side, in pixels")
    parser.add_argument("--limit", type=int, default=10_000, help="stop after so many photographs that got smaller")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    recipe = Recipe(resolution=options.resolution)
    engine = None
    if options.model:
        from tinysight.engines import open_engine

        engine = open_engine(resized_network(open_model(options.model, precision="float32"), options.resolution))
    divisors: Counter[int] = Counter()
    differences, probability_moves, changed = [], [], 0
    for path in sorted(options.folder.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg") or len(differences) >= options.limit:
            continue
        try:
            divisor, whole, smaller = prepared_pair(jpeg_bytes(path, options.short_side), recipe)
        except ImageError as error:
            print(error, file=sys.stderr)
            continue
        divisors[divisor] += 1
        if divisor == 1:
            continue
        differences.append(np.abs(whole.astype(np.int16) - smaller))
        if engine is not None:
            logits = engine.run(np.stack([whole, smaller])).logits
            probabilities = softmax(logits)
            changed += int(logits[0].argmax() != logits[1].argmax())
            probability_moves.append(float(np.abs(probabilities[0] - probabilities[1]).max()))
    if not differences:
        raise TinysightError("no JPEG here is large enough to be decoded smaller; see --short-side and --resolution")
    values = np.stack(differences)
    print(f"decoded at 1/n: {dict(sorted(divisors.items()))}")
    print(f"prepared pixels, of {len(values)} photographs: mean difference {values.mean():.3f} of 255,")
    print(f"  99 % within {np.percentile(values, 99):.0f}, largest {values.max()}")
    if probability_moves:
        moves = np.array(probability_moves)
        print(f"first answer changed: {changed} of {len(moves)}")
        print(f"probability moved by: mean {moves.mean():.4f}, 99 % within {np.percentile(moves, 99):.4f}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except TinysightError as error:
        sys.exit(f"Error: {error}")
