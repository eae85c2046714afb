"""From float32 to integers: 16 bits without any pictures, 8 bits with some."""

from tinysight.quantize.int8 import FEWEST, Progress, quantize_int8
from tinysight.quantize.int16 import quantize_int16
from tinysight.quantize.synthetic import synthetic_pictures

__all__ = ["FEWEST", "Progress", "quantize_int8", "quantize_int16", "synthetic_pictures"]
