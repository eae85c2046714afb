"""What the store's tests share that is no fixture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinysight.checkpoint import Card, Checkpoint
from tinysight.labels import imagenet_labels
from tinysight.preprocess.recipe import Recipe
from tinysight.spec import Spec, array_shapes
from tinysight.store import Release, Settings
from tinysight.store.limits import Limits

MODEL = "mobilenet_v1_0.25_128"  # the smallest, and unpinned, so that random numbers may stand for it
CERTIFICATES = Path(__file__).parent / "certificates"
QUICK = Limits(
    connect_s=2, read_s=0.5, window_s=0.5, min_bytes_per_s=1000, tries=3, backoff_s=0.01, max_retry_after_s=3
)


class Weights(NamedTuple):
    """A released model with random numbers: the file that a mirror holds, and the file that the cache must hold."""

    release: Release
    checkpoint: Checkpoint
    mirror_file: bytes
    cache_file: bytes

    @property
    def path(self) -> str:
        return f"/{self.release.checkpoint_file}"


def random_model(spec: Spec, name: str | None = None, seed: int = 5) -> Checkpoint:
    """Return a model whose numbers mean nothing, and whose activations stay in range."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for array, shape in array_shapes(spec).items():
        if array.endswith("kernel"):
            fan_in = np.prod(shape[:2]) if "_dw_" in array else np.prod(shape[:3])
            values = rng.normal(0, np.sqrt(2 / fan_in), shape)
        else:
            values = rng.uniform(0.5, 1.5, shape) if "gamma" in array or "variance" in array else np.zeros(shape)
        arrays[array] = values.astype(np.float32)
    labels = imagenet_labels() if spec.num_classes == 1000 else None
    return Checkpoint(Card(name or spec.name, spec, Recipe(spec.resolution), labels, "none", "random"), arrays)


def environment(cache: Path | str | None, **more: str) -> dict[str, str]:
    """Return the variables for a command: a cache, and no package index."""
    variables = dict(os.environ)
    if cache is not None:
        variables["TINYSIGHT_CACHE"] = str(cache)
    return {**variables, "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", **more}


def no_index(cache: Path | None, **fields) -> Settings:
    """Return settings with a cache and no package index."""
    return Settings(cache, index_environment={"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}, **fields)


def names(folder: Path) -> list[str]:
    """Return what is in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def disk_use(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
