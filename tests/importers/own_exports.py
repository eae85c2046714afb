"""What the tests of both ways back share: models with all that a card can say, comparison to the bit, and damage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from integer_models import with_probes
from lively_models import lively

from tinysight.checkpoint import Checkpoint, write_checkpoint
from tinysight.cli import run
from tinysight.errors import CheckpointError
from tinysight.export import ExportOptions
from tinysight.fold import fold
from tinysight.labels import Label
from tinysight.preprocess import encode_png
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Spec

LABELS = tuple(Label(None, name) for name in ("sun flower", "rose", "tulip", "a\x1b[31m", "玫瑰"))
FORMS = [
    ExportOptions(),
    ExportOptions(pixels=True),
    ExportOptions(batch=4, probabilities=True),
]


def trained(alpha=0.25) -> Checkpoint:
    """A model as training makes one: its own classes, range, crop and epsilon, an odd side, known pictures."""
    spec = Spec(alpha=alpha, resolution=97, num_classes=5, padding="symmetric", bn_epsilon=1e-5)
    made = lively(spec)
    recipe = Recipe(97, crop_fraction=0.875, resample="bicubic", value_range=(0.0, 1.0))
    card = replace(
        made.card, name="flowers", recipe=recipe, labels=LABELS, licence="CC-BY-4.0", source="runs/1", seen=b"\0\0\0\1"
    )
    return with_probes(Checkpoint(card, made.arrays))


def plain() -> Checkpoint:
    """1000 classes without names, Keras' padding, two outputs of each depthwise channel, no probes."""
    return lively(Spec(alpha=0.05, resolution=64, depth_multiplier=2))


def tiny() -> Checkpoint:
    """Hardly any weights, so that most of a file is structure."""
    made = with_probes(lively(Spec(alpha=0.02, resolution=32, num_classes=3)))
    return Checkpoint(replace(made.card, labels=LABELS[:3], source="a test"), made.arrays)


def assert_folds_to(imported, checkpoint, half=False):
    """The imported arrays fold to the model's own bits, or to its kernels rounded to float16."""
    wanted, found = fold(checkpoint.card.spec, checkpoint.arrays), fold(imported.spec, imported.arrays)
    assert list(found) == list(wanted)
    for name, (kernel, bias) in wanted.items():
        kernel = kernel.astype(np.float16).astype(np.float32) if half else kernel
        assert found[name].kernel.shape == kernel.shape, name
        assert found[name].kernel.tobytes() == kernel.tobytes(), name
        assert found[name].bias.tobytes() == bias.tobytes(), name


def predictions(path, picture, capsys):
    assert run(["predict", "--json", "--precision", "float32", "-m", str(path), "-k", "5", str(picture)]) == 0
    return json.loads(capsys.readouterr().out)["predictions"]


def round_trip(model, format_name, suffix, folder, capsys, *options):
    """Export, import and ask both models through the command line; return both answers and the imported path."""
    side = model.card.spec.resolution
    picture = np.random.default_rng(3).integers(0, 256, (side + 20, side + 50, 3), dtype=np.uint8)
    (folder / "picture.png").write_bytes(encode_png(picture))
    write_checkpoint(folder / "a.safetensors", model)
    there, back = folder / f"there{suffix}", folder / "back.safetensors"
    command = ["export", "-m", str(folder / "a.safetensors"), "-f", format_name, "-o", str(there)]
    assert run([*command, *options]) == 0
    assert run(["models", "import", str(there), "-o", str(back)]) == 0
    capsys.readouterr()
    both = [predictions(path, folder / "picture.png", capsys) for path in (folder / "a.safetensors", back)]
    return *both, back


def damaged_in_2000_ways(data, rng):
    """Cut the file short, or flip one to three bits, or set a few bytes to the ends of their range."""
    for number in range(2000):
        if number % 5 == 0:
            yield data[: int(rng.integers(len(data)))]
            continue
        spoilt = bytearray(data)
        for place in rng.integers(0, len(data), int(rng.integers(1, 4))).tolist():
            if number % 5 == 1:
                spoilt[place : place + 4] = rng.choice([b"\xff" * 4, bytes(4), b"\0\0\0\x80", b"\xff\xff\xff\x7f"])
            else:
                spoilt[place] ^= 1 << int(rng.integers(8))
        yield bytes(spoilt[: len(data)])


def largest_kib(forget=False):
    """The most memory that this process has had, or has now if it shall forget; 0 where the system does not say."""
    status = Path("/proc/self/status")
    if forget and status.exists():
        Path("/proc/self/clear_refs").write_text("5")
    return int(status.read_text().split("VmHWM:")[1].split()[0]) if status.exists() else 0


def assert_damage_is_refused_or_harmless(read, data, seed):
    """Every damaged file is refused in one line, or gives whole arrays; none takes memory. Returns how many of each."""
    messages, accepted, before = [], 0, largest_kib(forget=True)
    for spoilt in damaged_in_2000_ways(data, np.random.default_rng(seed)):
        try:
            imported = read(spoilt)
        except CheckpointError as error:
            messages.append(str(error))
            continue
        assert all(np.isfinite(array).all() for array in imported.arrays.values())
        accepted += 1
    assert all(message.isprintable() and len(message) < 600 for message in messages)
    assert largest_kib() - before < 30 << 10
    return len(messages), accepted
