"""tinysight: run, understand, teach and ship MobileNet v1 on any CPU.

    >>> import tinysight  # loads nothing else; each name below is resolved when it is first used

>>> "Classifier" in tinysight.__all__
True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinysight.checkpoint import Card, Checkpoint, read_checkpoint, write_checkpoint
    from tinysight.classify import Classifier
    from tinysight.errors import (
        CheckpointError,
        EngineError,
        ImageError,
        MissingExtraError,
        StoreError,
        TinysightError,
        UsageError,
    )
    from tinysight.explain import Explanation
    from tinysight.labels import Label, Prediction
    from tinysight.models import import_model, open_model
    from tinysight.preprocess.recipe import Recipe
    from tinysight.spec import Spec, layers

__version__ = "0.1.0"

_HOMES = {
    "Card": "checkpoint",
    "Checkpoint": "checkpoint",
    "CheckpointError": "errors",
    "Classifier": "classify",
    "EngineError": "errors",
    "Explanation": "explain",
    "ImageError": "errors",
    "Label": "labels",
    "MissingExtraError": "errors",
    "Prediction": "labels",
    "Recipe": "preprocess.recipe",
    "Spec": "spec",
    "StoreError": "errors",
    "TinysightError": "errors",
    "UsageError": "errors",
    "import_model": "models",
    "layers": "spec",
    "open_model": "models",
    "read_checkpoint": "checkpoint",
    "write_checkpoint": "checkpoint",
}

__all__ = [
    "Card",
    "Checkpoint",
    "CheckpointError",
    "Classifier",
    "EngineError",
    "Explanation",
    "ImageError",
    "Label",
    "MissingExtraError",
    "Prediction",
    "Recipe",
    "Spec",
    "StoreError",
    "TinysightError",
    "UsageError",
    "__version__",
    "import_model",
    "layers",
    "open_model",
    "read_checkpoint",
    "write_checkpoint",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'tinysight' has no attribute {name!r}")
    return getattr(importlib.import_module(f"tinysight.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
