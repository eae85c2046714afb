"""From float32 to integers: 16 bits without any pictures, 8 bits with some."""

from tinysight.quantize.int16 import quantize_int16

__all__ = ["quantize_int16"]
