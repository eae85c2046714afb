"""Change one constant at a time in a copy of the project and show which test turns red.

    python tools/mutate.py            all mutations, a table in Markdown; exit 1 if one is not noticed
    python tools/mutate.py stride     those whose name contains the word

A mutation that no test notices means that the tests do not hold what they promise.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Mutation(NamedTuple):
    """One change: the file below src/tinysight, the text that is there once, what replaces it, where tests are run."""

    name: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS = (
    Mutation("stride of block 12", "spec.py", "    (1024, 2),", "    (1024, 1),", "tests/test_spec.py"),
    Mutation("stride of block 2, in the costs", "spec.py", "    (128, 2),", "    (128, 1),", "tests/costs"),
    Mutation(
        "padding side, keras",
        "spec.py",
        "(1, 1) if stride == 1 else (0, 1)",
        "(1, 1) if stride == 1 else (1, 0)",
        "tests/test_spec.py",
    ),
    Mutation(
        "padding side, same",
        "spec.py",
        "return total // 2, total - total // 2",
        "return total - total // 2, total // 2",
        "tests/test_spec.py",
    ),
    Mutation(
        "padding side, in the reference",
        "engines/reference.py",
        "amount, amount, (0, 0)",
        "amount[::-1], amount, (0, 0)",
        "tests/engines",
    ),
    Mutation(
        "batch-norm epsilon, default",
        "spec.py",
        "bn_epsilon: float = 1e-3",
        "bn_epsilon: float = 1e-5",
        "tests/test_spec.py",
    ),
    Mutation(
        "batch-norm epsilon, ignored",
        "fold.py",
        "gamma / np.sqrt(variance + epsilon)",
        "gamma / np.sqrt(variance + 1e-2)",
        "tests/test_fold.py",
    ),
    Mutation(
        "label offset, first column kept", "importers/slim_graph.py", "[..., 1:]", "[..., :-1]", "tests/importers"
    ),
    Mutation("label order", "labels.py", "text.splitlines()[1:]", "text.splitlines()[:1:-1]", "tests/test_labels.py"),
    Mutation(
        "channel order in decoding",
        "preprocess/prepare.py",
        "return np.array(_resized(_image(part), side, side, recipe.resample))",
        "return np.array(_resized(_image(part), side, side, recipe.resample))[..., ::-1]",
        "tests/preprocess",
    ),
    Mutation(
        "channel order in the stem",
        "engines/reference.py",
        "patches = np.concatenate(windows(images, layer), axis=-1)",
        "patches = np.concatenate(windows(images[..., ::-1], layer), axis=-1)",
        "tests/engines",
    ),
    Mutation(
        "input range",
        "preprocess/scale.py",
        "scaled += np.float32(low)",
        "scaled += np.float32(low + 0.5)",
        "tests/preprocess tests/engines",
    ),
    Mutation(
        "width rounding",
        "spec.py",
        "max(1, int(filters * spec.alpha))",
        "max(1, round(filters * spec.alpha))",
        "tests/costs tests/importers",
    ),
    Mutation(
        "ReLU6 at 7",
        "engines/reference.py",
        "np.clip(images, 0, 6, out=images)",
        "np.clip(images, 0, 7, out=images)",
        "tests/test_fold.py",
    ),
    Mutation(
        "depthwise output order",
        "engines/reference.py",
        "kernel.reshape(-1, *kernel.shape[2:])",
        "kernel.reshape(-1, *kernel.shape[2:])[..., ::-1]",
        "tests/engines",
    ),
    Mutation(
        "crop of the centred square",
        "preprocess/prepare.py",
        "min(height, width) * recipe.crop_fraction",
        "min(height, width) * recipe.crop_fraction * 0.9",
        "tests/preprocess",
    ),
    Mutation(
        "filter of the default recipe",
        "preprocess/recipe.py",
        'resample: Resample = "bilinear"',
        'resample: Resample = "bicubic"',
        "tests/preprocess",
    ),
    Mutation("ties of top k", "labels.py", 'kind="stable"', 'kind="quicksort"', "tests/test_labels.py"),
    Mutation(
        "content hash not compared",
        "checkpoint/file.py",
        "if _content_sha256(card_json, checkpoint.numbers()) != sha256:",
        "if False:",
        "tests/test_checkpoint.py",
    ),
    Mutation(
        "probe not compared",
        "engines/__init__.py",
        "if not difference <= allowed:",
        "if False:",
        "tests/engines/test_probes.py",
    ),
    Mutation(
        "heat of another class",
        "explain.py",
        "head_kernel[0, 0, :, index]",
        "head_kernel[0, 0, :, index - 1]",
        "tests/test_explain.py",
    ),
    Mutation(
        "inputs of a 16-bit lane",
        "quantize/bounds.py",
        "((0, 1, 4, 5), (2, 3, 6, 7))",
        "((0, 1, 2, 3), (4, 5, 6, 7))",
        "tests/quantize",
    ),
    Mutation(
        "room of a lane doubled",
        "quantize/rounding.py",
        'INT16_MAX // MAX_ACTIVATION["int8"])',
        'INT16_MAX * 2 // MAX_ACTIVATION["int8"])',
        "tests/quantize",
    ),
    Mutation(
        "error of a rounded weight not passed on",
        "quantize/rounding.py",
        "behind[: row - start] += lower",
        "behind[: row - start] += 0 * lower",
        "tests/quantize",
    ),
    Mutation("largest activations clipped", "quantize/int8.py", "HEADROOM = 3.0", "HEADROOM = 0.8", "tests/quantize"),
    Mutation(
        "bias of the mean error left in",
        "quantize/int8.py",
        "run.wanted * exact.scale - run.found * scale",
        "0 * run.wanted",
        "tests/quantize",
    ),
    Mutation(
        "sums of an int16 layer",
        "quantize/int16.py",
        "INT32_MAX / highest",
        "4 * INT32_MAX / highest",
        "tests/quantize",
    ),
    Mutation("parts of the pooled mean", "checkpoint/integers.py", '"int8": 32}', '"int8": 16}', "tests/docs"),
    Mutation("units of a pixel", "checkpoint/integers.py", "PIXEL_UNITS = 32", "PIXEL_UNITS = 16", "tests/docs"),
    Mutation(
        "rounding of activations",
        "quantize/arithmetic.py",
        "np.rint(sums.astype(np.float32) * layer.multiplier + layer.addend)",
        "np.floor(sums.astype(np.float32) * layer.multiplier + layer.addend)",
        "tests/docs tests/quantize",
    ),
    Mutation("int8 probe hardly compared", "engines/__init__.py", '"int8": 1e-4}', '"int8": 1e4}', "tests/engines"),
    Mutation(
        "NumPy before native",
        "engines/choice.py",
        "return ways + [Choice",
        "return ways[:0] + [Choice",
        "tests/engines",
    ),
)


def run(mutation: Mutation, folder: Path) -> str | None:
    """Apply a mutation in a copy, run its tests; return the first test that turned red, None if all stayed green."""
    path = folder / "src" / "tinysight" / mutation.file
    text = path.read_text(encoding="utf-8")
    if text.count(mutation.old) != 1:
        raise SystemExit(f"{mutation.name}: the text stands {text.count(mutation.old)} times in {mutation.file}")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests.split()]
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{folder / 'src'}", "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    path.write_text(text, encoding="utf-8")
    red = re.search(r"^(?:FAILED|ERROR) (\S+)", result.stdout, re.MULTILINE)
    return red[1] if result.returncode != 0 and red else None


# An editable install answers imports before PYTHONPATH does; Python runs a sitecustomize after it, which undoes that.
UNHOOK = """import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "Redirecting" not in type(finder).__name__]
"""


def check_copy_is_imported(folder: Path) -> None:
    """Stop where another copy of the package would be tested, which would let every mutation pass unnoticed."""
    environment = os.environ | {"PYTHONPATH": f"{folder}{os.pathsep}{folder / 'src'}"}
    command = [sys.executable, "-c", "import tinysight; print(tinysight.__file__)"]
    found = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
    if not Path(found.strip()).resolve().is_relative_to(folder.resolve()):
        raise SystemExit(f"the tests would import {found.strip()}, not the copy")


def main(words: list[str]) -> int:
    """Run the mutations whose name contains a word and print a table."""
    unnoticed = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "copy"
        shutil.copytree(
            ROOT, folder, ignore=shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", ".hypothesis")
        )
        (folder / "sitecustomize.py").write_text(UNHOOK, encoding="utf-8")
        check_copy_is_imported(folder)
        print("| mutation | first test that turns red |\n|---|---|")
        for mutation in MUTATIONS:
            if words and not any(word in mutation.name for word in words):
                continue
            red = run(mutation, folder)
            unnoticed += red is None
            print(f"| {mutation.name} | {f'`{red}`' if red else '**none**'} |", flush=True)
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
