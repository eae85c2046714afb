"""From a picture's bytes to upright 8-bit RGB, through Pillow.

Decided here, once, because Pillow leaves it open or does it otherwise:

- transparent pixels show white, whatever colour hides in them; also for grey, palette and single-colour transparency;
- 16-bit samples keep their upper byte (Pillow's own conversion of 16-bit grey turns almost everything white);
- 32-bit integer and float samples are refused: nothing says which value is white; LAB as well;
- CMYK is converted without a profile, and colour profiles (ICC) are not applied at all: the networks were
  trained on pictures read in this way.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import IO, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from tinysight.errors import ImageError, printable
from tinysight.preprocess.exif import orientation
from tinysight.preprocess.picture import Picture, Reduced, SizeLimit
from tinysight.preprocess.quiet import quiet
from tinysight.preprocess.sniff import ACCEPTED, Format

Reader = Callable[[IO[bytes]], ImageFile.ImageFile]
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OPAQUE_MODES = ("1", "L", "P", "RGBX", "CMYK", "YCbCr", "HSV")
_BAND_PX = 4_000_000
_ALPHA_MODES = ("LA", "PA", "RGBA", "La", "RGBa")


def is_image(value: object) -> TypeGuard[Image.Image]:
    """Whether ``value`` is a Pillow image."""
    return isinstance(value, Image.Image)


def read(kind: Format, reduced: Reduced, limit: SizeLimit, wanted_px: int | None) -> Picture:
    """Decode the first frame.

    Args:
        kind: the format of ``reduced.data``.
        reduced: what ``containers.reduce`` returned.
        limit: asked before pixels are allocated.
        wanted_px: the short side that is needed, in pixels, or None for all there is; JPEG is decoded at 1/2, 1/4 or
            1/8 of its size where both sides stay at least twice that long.

    Raises:
        ImageError: the picture cannot be read.
    """
    # Only these readers look at metadata that was not taken away, and only they have something to say about it.
    with quiet() if kind in ("TIFF", "HEIF") else nullcontext(), _explained(kind):
        # In a function of its own, so that all the decoder holds is gone before the pixels are copied.
        return _picture(*_load(kind, reduced, limit, wanted_px))


def _load(
    kind: Format, reduced: Reduced, limit: SizeLimit, wanted_px: int | None
) -> tuple[Image.Image, tuple[int, int], int]:
    with _reader(kind)(io.BytesIO(reduced.data)) as image:
        size = image.size
        limit.check(*size)
        if reduced.size not in (None, size):
            raise ImageError("corrupt", f"damaged {kind}: it says two different sizes")
        if kind == "JPEG" and wanted_px is not None:
            image.draft(None, (2 * wanted_px, 2 * wanted_px))
        elif kind == "PNG":
            _scale_color_key(image, reduced.bit_depth)
        elif kind == "TIFF":
            # Otherwise Pillow reads the EXIF directories, which nobody has checked, when it loads the pixels.
            image.is_animated = True  # type: ignore[attr-defined]
        image.load()
        # TIFF has no EXIF block here: Pillow turns these files itself.
        turn = orientation(reduced.exif or image.info.get("exif", b""))
        deep = image.mode.startswith("I;16")
        return _rgb(_from_16_bits(image, reduced.bit_depth, reduced.white_is_zero) if deep else image), size, turn


def read_image(image: Image.Image, limit: SizeLimit) -> Picture:
    """Convert an open Pillow image, turned as its own EXIF (``image.info["exif"]``) says.

    It is loaded if it was not, and otherwise left as it is.

    Raises:
        ImageError: the picture cannot be read, or has no pixels.
    """
    with quiet(), _explained("picture"):
        size = image.size
        if min(size) == 0:
            raise ImageError("empty", f"the picture has {image.width} x {image.height} pixels")
        limit.check(*size)
        image.load()
        exif = image.info.get("exif", b"")
        return _picture(_rgb(image), size, orientation(exif) if isinstance(exif, bytes) else 1)


def on_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 (height, width, 4) RGB and alpha as it looks on white, uint8 (height, width, 3)."""
    return np.array(_on_white(Image.fromarray(np.ascontiguousarray(rgba))))


def _picture(rgb: Image.Image, size: tuple[int, int], turn: int) -> Picture:
    if turn in _TRANSPOSE:
        rgb = rgb.transpose(_TRANSPOSE[turn])
    width, height = size[::-1] if turn >= 5 else size
    pixels = np.empty((rgb.height, rgb.width, 3), np.uint8)
    for top, bottom, band in _bands(rgb):
        pixels[top:bottom] = np.asarray(band)
    return Picture(pixels, width, height)


def _bands(image: Image.Image) -> Iterator[tuple[int, int, Image.Image]]:
    """Yield (first row, row after the last, that part), so that no step needs a copy of all of a large picture."""
    rows = max(1, _BAND_PX // image.width)
    if rows >= image.height:
        yield 0, image.height, image
        return
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        yield top, bottom, image.crop((0, top, image.width, bottom))


def _reader(kind: Format) -> Reader:
    """Return the class itself, not Image.open: it tries further formats inside JPEG, warns about large pictures, and
    refuses them by a process-wide limit; ours is an argument. Only the module that is needed is imported.
    """
    if kind == "JPEG":
        from PIL.JpegImagePlugin import JpegImageFile

        return JpegImageFile
    if kind == "PNG":
        from PIL.PngImagePlugin import PngImageFile

        return PngImageFile
    if kind == "WEBP":
        from PIL.WebPImagePlugin import WebPImageFile

        return WebPImageFile
    return _rare_reader(kind)


def _rare_reader(kind: Format) -> Reader:
    from PIL import AvifImagePlugin, BmpImagePlugin, GifImagePlugin, TiffImagePlugin

    if kind == "AVIF" and AvifImagePlugin.SUPPORTED:
        return AvifImagePlugin.AvifImageFile
    if kind == "HEIF" and "HEIF" in Image.OPEN:  # a plugin that the application has registered
        factory = Image.OPEN["HEIF"][0]
        return lambda stream: factory(stream, "")
    if kind in ("AVIF", "HEIF"):
        name = "HEIC" if kind == "HEIF" else "AVIF"
        raise ImageError("unsupported_format", f"this is {name}, which this Pillow cannot read; {ACCEPTED} are read")
    readers: dict[str, Reader] = {
        "GIF": GifImagePlugin.GifImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
    }
    return readers[kind]


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn whatever Pillow raises inside a ``with`` block into an ImageError.

    Its readers have no documented list of what they raise on damaged files; ten classes have been seen.
    """
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError("too_many_pixels", f"the {what} has more pixels than Pillow allows") from error
    except MemoryError as error:
        raise ImageError("unreadable", f"there is not enough memory for this {what}") from error
    except Exception as error:
        text = printable(str(error), 100)
        if isinstance(error, EOFError) or "truncated" in text.lower() or "not enough" in text:
            raise ImageError("truncated", f"the {what} is cut short") from error
        if text.lower().startswith(("unsupported", "unknown pixel mode", "cannot handle")):
            raise ImageError("unsupported_pixels", f"a kind of {what} that is not read: {text}") from error
        raise ImageError("corrupt", f"damaged {what}: {text or type(error).__name__}") from error


def _scale_color_key(image: Image.Image, bit_depth: int) -> None:
    """Bring PNG's transparent colour, stored at the file's depth, to the 8 bits that Pillow's pixels have."""
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple) and bit_depth == 16:
        image.info["transparency"] = tuple(sample >> 8 for sample in key)
    elif image.mode in ("1", "L") and isinstance(key, int):
        image.info["transparency"] = key * 255 // (2**bit_depth - 1)


def _rgb(image: Image.Image) -> Image.Image:
    """Return a loaded image as RGB on white."""
    if image.mode.startswith("I;16"):
        image = _from_16_bits(image)
    if image.mode in _ALPHA_MODES or image.has_transparency_data:
        return _on_white(image)
    if image.mode in _OPAQUE_MODES:
        return image.convert("RGB")
    if image.mode != "RGB":
        raise ImageError("unsupported_pixels", f"pixels of kind {printable(image.mode)} have no agreed white")
    return image


def _from_16_bits(image: Image.Image, bit_depth: int = 16, white_is_zero: bool = False) -> Image.Image:
    """Return 16-bit grey as 8-bit grey; Pillow stores 12-bit samples as they are, and never turns TIFF's negatives."""
    values = np.asarray(image)
    upper = (values >> (4 if bit_depth == 12 else 8)).astype(np.uint8)
    grey = Image.fromarray(255 - upper if white_is_zero else upper)
    key = image.info.get("transparency")
    if isinstance(key, int):
        grey.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    return grey


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("La", "RGBa"):  # colours already multiplied by alpha
        image = image.convert(image.mode.upper())
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    if rgba.getchannel("A").getextrema()[0] == 255:
        return rgba.convert("RGB")
    white = Image.new("RGB", rgba.size, "white")
    for top, _, band in _bands(rgba):
        white.paste(band, (0, top), band.getchannel("A"))
    return white
