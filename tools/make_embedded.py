"""Make the int8 model that the package carries again, and compare it with the file in the tree.

    python tools/make_embedded.py            exit 1 and one line where the file differs, byte for byte
    python tools/make_embedded.py --write    replace it

The float weights are the released ones, whose hash ``weights.toml`` pins; the pictures are those of
``calibration_pictures``. Every sum on the way is exact or taken in a fixed order, so the file is the same on every
machine.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from calibration_pictures import PACKAGE, calibration_pictures

from tinysight.checkpoint import Card, Checkpoint, arrays_sha256, read_checkpoint, write_checkpoint
from tinysight.errors import TinysightError
from tinysight.fold import fold
from tinysight.models import open_model
from tinysight.models.opening import EMBEDDED
from tinysight.models.quantizing import quantize_model
from tinysight.preprocess import scale
from tinysight.quantize.arithmetic import windows
from tinysight.quantize.exact import product
from tinysight.spec import DEFAULT_MODEL, layers
from tinysight.store import releases

SOURCE = (
    "Google's float32 weights of MobileNet v1 (arrays_sha256 {digest}), quantised to int8 by tinysight "
    "(tools/make_embedded.py) on {count} pictures: crops of photographs in {package}, and drawn ones"
)


def precise_outputs(card: Card, arrays: dict[str, np.ndarray], pixels: np.ndarray) -> np.ndarray:
    """Logits of one picture in float64 with sums in a fixed order, then rounded: the same bits on every machine."""
    values, folded = scale(pixels[None], card.recipe.value_range).astype(np.float64), fold(card.spec, arrays)
    for layer in layers(card.spec):
        if layer.kind == "pool":
            values = sum(values.reshape(-1, values.shape[3]))[None, None, None] / (values.shape[1] * values.shape[2])
            continue
        kernel, bias = (part.astype(np.float64) for part in folded[layer.name])
        if layer.kind == "depthwise":
            taps = kernel.reshape(9, -1)
            values = sum(view * tap for view, tap in zip(windows(values, layer), taps, strict=True))
        else:
            rows = np.concatenate(windows(values, layer), axis=-1) if layer.kind == "stem" else values
            values = product(rows.reshape(-1, rows.shape[3]), kernel.reshape(rows.shape[3], -1))
            values = values.reshape(1, *layer.output_shape)
        values = values + bias
        if layer.has_bn:
            values = np.clip(values, 0, 6)
    return values[0, 0, 0].astype(np.float32)


def make_embedded() -> Checkpoint:
    """Quantise the released model."""
    checkpoint = open_model(DEFAULT_MODEL, precision="float32")
    digest = arrays_sha256(checkpoint.arrays)
    if digest != releases()[DEFAULT_MODEL].arrays_sha256:
        raise TinysightError(f"the float weights have the sha256 {digest}, which is not the one that is pinned")
    card = checkpoint.card
    images = calibration_pictures(card.recipe)
    probes = tuple(
        replace(probe, output=precise_outputs(card, checkpoint.arrays, probe.enlarged(card.spec.resolution)))
        for probe in card.probes
    )
    source = SOURCE.format(digest=digest, count=len(images), package=PACKAGE)
    card = replace(card, source=source, probes=probes)

    def progress(done: int, total: int) -> None:
        print(f"\r{done} of {total} layers", end="", file=sys.stderr, flush=True)

    made = quantize_model(Checkpoint(card, checkpoint.arrays), images, keep_float=False, progress=progress)
    print(file=sys.stderr)
    return made


def compare(made: Checkpoint) -> int:
    """Say whether the file in the tree is the one that was made."""
    with tempfile.TemporaryDirectory() as folder:
        again = Path(folder) / EMBEDDED.name
        write_checkpoint(again, made)
        data = again.read_bytes()
    found = EMBEDDED.read_bytes() if EMBEDDED.is_file() else b""
    if data == found:
        print(f"{EMBEDDED.name} is the file that this makes, byte for byte")
        return 0
    old = read_checkpoint(EMBEDDED).numbers() if found else {}
    differ = [name for name, array in made.numbers().items() if not np.array_equal(array, old.get(name))]
    what = f"{len(differ)} arrays, first {differ[0]}" if differ else "the card"
    print(f"Error: {EMBEDDED.name} differs from what this makes: {what if found else 'it is missing'}", file=sys.stderr)
    return 1


def main(arguments: list[str]) -> int:
    """Make, then compare or write."""
    if arguments not in ([], ["--write"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        made = make_embedded()
        if arguments:
            write_checkpoint(EMBEDDED, made)
            print(f"wrote {EMBEDDED} ({EMBEDDED.stat().st_size:,} bytes)")
            print(f'put into assets/weights.toml: int8_sha256 = "{arrays_sha256(made.numbers())}"')
            return 0
        return compare(made)
    except TinysightError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
