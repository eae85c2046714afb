"""Labelled pictures: found, checked, split, read. Nothing here changes a data set."""

from tinysight.data.dataset import LEFT_OUT, PARTS, Dataset, Example, Part, Split

__all__ = ["LEFT_OUT", "PARTS", "Dataset", "Example", "Part", "Split"]
