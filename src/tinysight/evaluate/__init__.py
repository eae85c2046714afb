"""How good a model is on labelled pictures, honestly: metrics with intervals, calibration, mistakes, comparisons."""
