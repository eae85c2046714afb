"""Pictures and files that the tests of preprocessing draw themselves."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
from PIL import Image


def gradient(height: int, width: int) -> np.ndarray:
    """A smooth picture without symmetry: red grows to the right, green downwards, blue falls along the diagonal."""
    y, x = np.mgrid[0:height, 0:width]
    red = x * 255 // max(width - 1, 1)
    green = y * 255 // max(height - 1, 1)
    return np.stack([red, green, 255 - (red + green) // 2], axis=-1).astype(np.uint8)


def saved(picture: np.ndarray | Image.Image, kind: str, **options) -> bytes:
    """The picture as the bytes of a file that Pillow wrote."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif_block(value: int, order: str = "<", kind: int = 3, count: int = 1, next_directory: int = 0) -> bytes:
    """An EXIF block that holds nothing but an orientation."""
    start = b"II" if order == "<" else b"MM"
    entry = struct.pack(order + "HHIHH", 0x0112, kind, count, value, 0)
    head = start + struct.pack(order + "HI", 42, 8)
    return b"Exif\0\0" + head + struct.pack(order + "H", 1) + entry + struct.pack(order + "I", next_directory)


def stored_turned(picture: np.ndarray, orientation: int) -> np.ndarray:
    """How a camera held that way stores ``picture``: what the orientation's definition undoes."""
    turned = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.swapaxes(0, 1),
        6: np.rot90(picture),
        7: picture[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90(picture, -1),
    }[orientation]
    return np.ascontiguousarray(turned)


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, color: int, rows: bytes, *chunks: bytes) -> bytes:
    """A PNG file from raw rows (each with its filter byte); ``chunks`` go in front of the pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))
    end = png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + end


def tiff(tags: dict[int, tuple[int, int, int]], tail: bytes = b"") -> bytes:
    """A little-endian TIFF file of one directory {tag: (type, count, value)}; ``tail`` follows it."""
    entries = b"".join(struct.pack("<HHII", tag, *fields) for tag, fields in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + tail


def bmp_rle8(indexes: np.ndarray) -> bytes:
    """A run-length coded bitmap, one run for each pixel, with the palette (i, 255 - i, i)."""
    height, width = indexes.shape
    rows = b"".join(b"".join(bytes((1, int(i))) for i in row) + b"\0\0" for row in indexes[::-1]) + b"\0\1"
    palette = b"".join(bytes((i, 255 - i, i, 0)) for i in range(256))
    start = 14 + 40 + len(palette)
    head = struct.pack("<IHHI", start + len(rows), 0, 0, start)
    return (
        b"BM" + head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(rows), 0, 0, 256, 0) + palette + rows
    )


MEASURE = """
import sys, time
import numpy as np
from tinysight.errors import ImageError
from tinysight.preprocess import Recipe, decode, encode_png, prepare
prepare(decode(encode_png(np.zeros((300, 300, 3), np.uint8))), Recipe())
def peak_kib():
    # Not getrusage: its peak begins with what the parent of this process had.
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
for path in sys.argv[2:]:
    before, start = peak_kib(), time.process_time()
    try:
        prepare(decode(path), Recipe(resolution=int(sys.argv[1]), crop="squash"))
        answer = "read"
    except ImageError as error:
        answer = error.reason
    grown_kb = peak_kib() - before
    print(answer, f"{time.process_time() - start:.3f}", grown_kb)
"""


def measured(paths, resolution: int = 224) -> list[tuple[str, float, int]]:
    """Read and prepare files in a fresh process: the reason or "read", processor seconds, growth of the peak in kB."""
    command = [sys.executable, "-c", MEASURE, str(resolution), *map(str, paths)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [(answer, float(seconds), int(grown)) for answer, seconds, grown in map(str.split, lines)]
