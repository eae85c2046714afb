"""Keras' own MobileNet and its ``fit``, as its guides call them; the caller has chosen the backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def keras_fit(alpha: float, images: Any, targets: Any, batch_size: int, order: str) -> Callable[[Any], None]:
    """Return one epoch over uint8 images ``(N, R, R, 3)`` and targets ``(N, C)``.

    Args:
        alpha: width.
        images: pictures that lie ready; scaled once, before any time is taken.
        targets: shares.
        batch_size: pictures in a step.
        order: ``channels_first`` or ``channels_last``.
    """
    import keras

    keras.config.set_image_data_format(order)
    side, classes = images.shape[1], targets.shape[1]
    first = order == "channels_first"
    shape = (3, side, side) if first else (side, side, 3)
    model = keras.applications.MobileNet(shape, alpha=alpha, weights=None, classes=classes, classifier_activation=None)
    model.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.02), keras.losses.CategoricalCrossentropy(True))
    values = images.astype(np.float32) * np.float32(2 / 255) - 1
    values = np.ascontiguousarray(values.transpose(0, 3, 1, 2)) if first else values

    def run(_: Any) -> None:
        model.fit(values, targets, batch_size=batch_size, epochs=1, shuffle=False, verbose=0)

    return run
