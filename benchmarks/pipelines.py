"""From a folder's files to class indices with all processors: our way, and the best that each other program allows.

Others read with Pillow at a reduced size (``draft``), take crop and size in one ``resize``, scale with NumPy, and run
with one thread for each picture: as many workers as processors, either threads (each with its own session) or
processes. Both are measured, and the faster one counts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from peers import peer
from peers.material import Material
from PIL import Image

from tinysight.benchmark import Contender
from tinysight.classify import Classifier
from tinysight.errors import ImageError

Answer = Callable[[Path], int | None]
_worker = threading.local()
_made: dict[str, Any] = {}


def read(path: Path, side: int) -> np.ndarray:
    """Read the centred square of a picture, uint8 ``(1, side, side, 3)``; as quick as Pillow can."""
    with Image.open(path) as image:
        image.draft("RGB", (side, side))
        short = min(image.size)
        left, top = (image.width - short) // 2, (image.height - short) // 2
        box = (left, top, left + short, top + short)
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BILINEAR, box))[None]


def ours(checkpoint: Any, precision: str) -> Answer:
    """Return our way: one classifier for all threads."""
    classifier = Classifier(checkpoint, precision=precision, threads=1)

    def answer(path: Path) -> int | None:
        try:
            return classifier.predict(path, top_k=1)[0].index
        except ImageError:
            return None

    return answer


def prepare_worker(material: Material, module: str, variant: str) -> None:
    """Remember what this process' workers shall build."""
    _made.update(material=material, module=module, variant=variant)


def theirs(path: Path) -> int | None:
    """Answer with the session of this worker, opened at its first picture."""
    contender: Contender | None = getattr(_worker, "contender", None)
    if contender is None:
        module = peer(_made["module"])
        getattr(module, "beside_others", lambda: None)()
        contender = module.contender(_made["material"], _made["variant"], 1)
        _worker.contender = contender
    side = _made["material"].checkpoint.card.spec.resolution
    try:
        pixels = read(path, side)
    except OSError:
        return None
    return int(np.argmax(contender.run(contender.prepare(pixels))))


def pool(way: str, workers: int, arguments: tuple[Any, ...]) -> Executor:
    """Return threads or processes, ready to run ``theirs``."""
    if way == "threads":
        prepare_worker(*arguments)
        return ThreadPoolExecutor(workers)
    return ProcessPoolExecutor(workers, get_context("spawn"), prepare_worker, arguments)


def go(executor: Executor, answer: Answer, files: Sequence[Path]) -> list[int | None]:
    """Answer for all files; in small parts, so that no worker is left with more than others."""
    return list(executor.map(answer, files, chunksize=4))
