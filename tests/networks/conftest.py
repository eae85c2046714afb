"""A small model with random weights."""

import pytest
from keras_helpers import SMALL

from tinysight.checkpoint import Checkpoint


@pytest.fixture
def small(make_checkpoint) -> Checkpoint:
    return make_checkpoint(**SMALL)
