"""Training pictures, decoded once: every epoch crops from here, no epoch decodes again."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from tinysight.errors import ImageError, UsageError

MEMORY_BYTES = 2 << 30  # 16,000 pictures of 176 x 235 pixels
# Memory is taken in pieces: one growing array would be twice as large whenever it moves.
_CHUNK_BYTES = 32 << 20


class Crops:
    """Pictures as uint8, in memory or in one file; ``crops[i]`` is a view, nothing is copied.

    Made by ``make_crops``. Close it, or use it in a ``with``; views must not be used afterwards.

    Args:
        chunks: uint8 ``(bytes,)`` each, with whole pictures one after the other.
        places: int64 ``(N, 4)``: chunk, first byte in it, height, width; height 0 where a picture cannot be read.
        errors: why, by the index of the picture.
        file: the open file under the only chunk, if there is one.
    """

    def __init__(
        self,
        chunks: list[NDArray[np.uint8]],
        places: NDArray[np.int64],
        errors: dict[int, ImageError],
        file: IO[bytes] | None = None,
    ) -> None:
        self._chunks, self._places, self._file = chunks, places, file
        self.errors = MappingProxyType(errors)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Return a read-only view, uint8 ``(height, width, 3)`` RGB.

        Raises:
            ImageError: the one that stands in this picture's place.
            IndexError: there is no such picture.
        """
        chunk, first, height, width = self._places[index].tolist()
        if height == 0:
            raise self.errors[int(index) % len(self)]
        pixels: NDArray[np.uint8] = self._chunks[chunk][first : first + height * width * 3]
        return pixels.reshape(height, width, 3)

    @property
    def readable(self) -> NDArray[np.bool_]:
        """Which pictures are there, bool ``(N,)``."""
        return self._places[:, 2] > 0

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Height and width in pixels, ``(N, 2)``; 0 where a picture cannot be read."""
        return self._places[:, 2:]

    @property
    def on_disk(self) -> bool:
        """Whether the pictures are in a file instead of in memory."""
        return self._file is not None

    def close(self) -> None:
        """Give the memory back, or remove the file; closing again does nothing."""
        self._chunks = []
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Filling:
    """Pictures on their way in: in chunks of memory up to the limit; from there on, all of them in a file."""

    def __init__(self, count: int, limit_bytes: int, folder: Path) -> None:
        self.places = np.zeros((count, 4), np.int64)
        self.errors: dict[int, ImageError] = {}
        self.file: IO[bytes] | None = None
        self._limit_bytes, self._folder = limit_bytes, folder
        self._chunks: list[NDArray[np.uint8]] = []
        self._used = 0  # bytes of the last chunk, or of the file
        self._total = 0

    def add(self, index: int, picture: NDArray[np.uint8]) -> None:
        """Take a copy of one picture."""
        self._total += picture.nbytes
        if self.file is None and self._total > self._limit_bytes:
            self._move_to_file(index)
        if self.file is not None:
            self.file.write(np.ascontiguousarray(picture).data)
            chunk = 0
        else:
            if not self._chunks or self._used + picture.nbytes > self._chunks[-1].size:
                self._chunks.append(np.empty(max(_CHUNK_BYTES, picture.nbytes), np.uint8))
                self._used = 0
            self._chunks[-1][self._used : self._used + picture.nbytes] = picture.reshape(-1)
            chunk = len(self._chunks) - 1
        self.places[index] = chunk, self._used, *picture.shape[:2]
        self._used += picture.nbytes

    def _move_to_file(self, count: int) -> None:
        """Write the first ``count`` places' pictures to a file, and let each chunk go once it is written."""
        # Where the system can, this file has no name: not even a killed program leaves it behind.
        self.file = tempfile.TemporaryFile(dir=self._folder, prefix=".tinysight.", suffix=".tmp")  # noqa: SIM115
        starts = np.cumsum([0] + [chunk.size for chunk in self._chunks])
        while self._chunks:
            self.file.write(self._chunks.pop(0).data)
        places = self.places[:count]
        places[:, 1] += starts[places[:, 0]]
        places[:, 0] = 0
        self._used = int(starts[-1])

    def done(self) -> Crops:
        chunks = self._chunks
        if self.file is not None:
            self.file.flush()
            chunks = [np.memmap(self.file, np.uint8, "r")]
        for chunk in chunks:
            chunk.flags.writeable = False
        return Crops(chunks, self.places, self.errors, self.file)


def make_crops(
    pictures: Iterable[NDArray[np.uint8] | ImageError],
    count: int,
    *,
    limit_bytes: int = MEMORY_BYTES,
    folder: str | os.PathLike[str],
) -> Crops:
    """Keep pictures for training; memory never holds more than the limit, one chunk of 32 MiB and one picture.

    Args:
        pictures: uint8 ``(height, width, 3)`` RGB each, upright, of any size; or why there is none. Copied.
        count: how many there are; one that cannot be read counts.
        limit_bytes: pictures that are larger together go into a file.
        folder: where that file is made. It is removed when the result is closed, and with the program where the
            system can open files without a name; elsewhere a killed program may leave one ``.tinysight.*.tmp``.

    Raises:
        UsageError: a picture of another type or shape, or not ``count`` of them.
        OSError: the folder is missing, full or read-only.
    """
    filling = _Filling(count, limit_bytes, Path(folder))
    try:
        received = 0
        for index, picture in enumerate(pictures):
            received += 1
            if index >= count:
                break
            if isinstance(picture, ImageError):
                filling.errors[index] = picture
            else:
                filling.add(index, _checked(picture))
        if received != count:
            raise UsageError(f"{count} pictures were announced, received {'more' if received > count else received}")
        return filling.done()
    except BaseException:
        if filling.file is not None:
            filling.file.close()
        raise


def _checked(picture: Any) -> NDArray[np.uint8]:
    fits = isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.ndim == 3 and picture.shape[2] == 3
    if not fits or picture.size == 0:
        received = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise UsageError(f"a picture must be a uint8 array (height, width, 3), received {received}")
    checked: NDArray[np.uint8] = picture
    return checked
