"""Embeddings kept between runs: one file for each backbone, looked up by the content of pictures.

So renaming or moving pictures, or adding some, computes nothing twice. The cache is an aid: a damaged file is ignored
and written anew, a folder that cannot be written is left alone, and neither is an error.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinysight.atomic import write_atomically

FOLDER = "embeddings"
LARGEST_BYTES = 1 << 30  # of a file: 130,000 pictures at alpha 1
HASH_BYTES = 32
HEADER_ROOM = 4096  # of the file, beside the arrays
STALE_S = 3600.0  # a temporary file of this age was left by a process that was killed

_log = logging.getLogger("tinysight")


class Shape(NamedTuple):
    """Of one picture's embedding: ``views`` and ``channels``."""

    views: int
    channels: int


class _Stored(NamedTuple):
    """``hashes`` uint8 ``(M, 32)``, all different, and ``values`` float32 ``(M, views, channels)``."""

    hashes: NDArray[np.uint8]
    values: NDArray[np.float32]


class EmbeddingCache:
    """One backbone's file. Processes that write at the same time leave one whole file, that of the last.

    Args:
        folder: the cache folder; need not exist.
        key: tells backbones, and ways to run them, apart; names the file.
        shape: of each embedding.
        largest_bytes: the file is not made larger than this.
    """

    def __init__(self, folder: Path, key: str, shape: Shape, largest_bytes: int = LARGEST_BYTES) -> None:
        self.path = folder / FOLDER / f"{key}.safetensors"
        self.shape = shape
        self.key = key
        self.most = max(0, largest_bytes - HEADER_ROOM) // (HASH_BYTES + 4 * shape.views * shape.channels)

    def read(self, contents: Sequence[bytes], values: NDArray[np.float32]) -> set[bytes]:
        """Fill in what is known.

        Args:
            contents: SHA-256 of each picture's bytes, N.
            values: float32 ``(N, views, channels)``; rows whose content is known are written.

        Returns:
            The contents that are known.
        """
        stored = self._load()
        rows = {content: row for row, content in enumerate(_digests(stored))}
        places = [(row, rows[content]) for row, content in enumerate(contents) if content in rows]
        if places:
            wanted, have = np.array(places, np.intp).T
            values[wanted] = stored.values[have]
        return {contents[row] for row, _ in places}

    def add(self, computed: Mapping[bytes, int], values: NDArray[np.float32]) -> None:
        """Keep embeddings, as many as there is room for.

        Args:
            computed: by content, its row in ``values``; what has no content is left out.
            values: float32 ``(N, views, channels)``.
        """
        if not any(computed):
            return
        stored = self._load()  # again: another process may have added to it
        known = set(_digests(stored))
        new = [content for content in computed if content and content not in known]
        new = new[: max(0, self.most - len(known))]
        if not new:
            return
        digests = np.frombuffer(b"".join(new), np.uint8).reshape(-1, HASH_BYTES)
        try:
            merged = np.empty((len(known) + len(new), *self.shape), np.float32)
            merged[: len(known)] = stored.values
            np.take(values, [computed[content] for content in new], axis=0, out=merged[len(known) :])
            self._write(_Stored(np.concatenate([stored.hashes, digests]), merged))
        except (OSError, MemoryError) as error:
            _log.debug("embeddings are not kept: cannot write %s: %s", self.path, error)

    def _write(self, stored: _Stored) -> None:
        import safetensors.numpy

        self.path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, NDArray[Any]] = {
            "hashes": stored.hashes,
            "values": stored.values,
            "sha256": self._checksum(stored),
        }
        write_atomically(self.path, safetensors.numpy.save(arrays))
        for old in self.path.parent.glob(".tinysight.*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - old.stat().st_mtime > STALE_S:
                    old.unlink()

    def _load(self) -> _Stored:
        """Return what the file holds, nothing where it is absent or not to be trusted."""
        import safetensors
        import safetensors.numpy

        nothing = _Stored(np.empty((0, HASH_BYTES), np.uint8), np.empty((0, *self.shape), np.float32))
        try:
            if not self.path.is_file() or self.path.stat().st_size > 2 * LARGEST_BYTES:
                return nothing
            arrays = safetensors.numpy.load_file(self.path)
            stored = _Stored(arrays["hashes"], arrays["values"])
            whole = np.array_equal(arrays["sha256"], self._checksum(stored))
        except (OSError, KeyError, ValueError, MemoryError, safetensors.SafetensorError) as error:
            _log.debug("cached embeddings are ignored: %s: %s", self.path, error)
            return nothing
        fits = stored.hashes.dtype == np.uint8 and stored.values.dtype == np.float32
        fits = fits and stored.hashes.shape[1:] == (HASH_BYTES,) and stored.values.shape[1:] == self.shape
        if whole and fits and len(stored.hashes) == len(stored.values):
            return stored
        _log.debug("cached embeddings are ignored: %s is damaged", self.path)
        return nothing

    def _checksum(self, stored: _Stored) -> NDArray[np.uint8]:
        """Return SHA-256 over key, hashes and values, uint8 ``(32,)``."""
        digest = hashlib.sha256(self.key.encode())
        for array in stored:
            digest.update(np.ascontiguousarray(array).data)
        return np.frombuffer(digest.digest(), np.uint8)


def _digests(stored: _Stored) -> list[bytes]:
    data = stored.hashes.tobytes()
    return [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]
