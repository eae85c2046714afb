"""From a picture in any form to the network's input.

``decode`` reads it (upright RGB pixels of any size), ``prepare`` crops and resizes it as the ``Recipe`` of the weights
says, ``scale`` makes the numbers that the network was trained on. Importing this loads NumPy, but not Pillow.
"""

from tinysight.preprocess.decode import Source, decode, read_picture
from tinysight.preprocess.picture import MAX_BYTES, MAX_PIXELS, MAX_SIDE_PX, Picture
from tinysight.preprocess.prepare import crop_box, encode_png, prepare, resize
from tinysight.preprocess.recipe import RECIPES, Recipe, recipe_from_dict, recipe_named
from tinysight.preprocess.scale import scale

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "MAX_SIDE_PX",
    "RECIPES",
    "Picture",
    "Recipe",
    "Source",
    "crop_box",
    "decode",
    "encode_png",
    "prepare",
    "read_picture",
    "recipe_from_dict",
    "recipe_named",
    "resize",
    "scale",
]
