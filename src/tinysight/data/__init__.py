"""Labelled pictures: found, checked, split, read. Nothing here changes a data set."""

from tinysight.data.contents import hash_contents
from tinysight.data.dataset import LEFT_OUT, PARTS, Dataset, Example, Part, Split
from tinysight.data.layout import read_dataset
from tinysight.data.reading import read_images, read_upright
from tinysight.data.split import split_dataset

__all__ = [
    "LEFT_OUT",
    "PARTS",
    "Dataset",
    "Example",
    "Part",
    "Split",
    "hash_contents",
    "read_dataset",
    "read_images",
    "read_upright",
    "split_dataset",
]
