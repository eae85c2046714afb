"""A model file with one flipped bit is never run (RELIABILITY 11), and never prints more than one line."""

import numpy as np
import pytest
from integer_models import in_both, in_int8

from tinysight.checkpoint import read_checkpoint, write_checkpoint
from tinysight.errors import CheckpointError

FLIPS = 1000


@pytest.mark.parametrize("make", [lambda model: model, in_int8, in_both], ids=["float32", "int8", "both"])
def test_a_thousand_flips_are_found(tmp_path, make_checkpoint, make):
    path = tmp_path / "model.safetensors"
    write_checkpoint(path, make(make_checkpoint(alpha=0.25, resolution=32, num_classes=3)))
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(20261124)
    for position, bit in zip(
        rng.integers(0, len(data), FLIPS).tolist(), rng.integers(0, 8, FLIPS).tolist(), strict=True
    ):
        data[position] ^= 1 << bit
        path.write_bytes(data)
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(path)
        assert "\n" not in str(caught.value)
        data[position] ^= 1 << bit
    path.write_bytes(data)
    read_checkpoint(path)  # the control: the file without a flip is whole


def test_same_weights_in_three_formats_give_the_same_scores(tmp_path, make_checkpoint):
    """RELIABILITY 12 for the formats that are read today: our own file, Keras' .h5, and back."""
    pytest.importorskip("h5py")
    from tinysight.classify import Classifier
    from tinysight.export.keras_h5 import write_keras_h5
    from tinysight.models import import_model

    checkpoint = make_checkpoint(alpha=0.25, resolution=64, num_classes=9)
    write_checkpoint(tmp_path / "a.safetensors", checkpoint)
    write_keras_h5(tmp_path / "a.h5", checkpoint)
    pictures = np.random.default_rng(0).integers(0, 256, (100, 64, 64, 3), dtype=np.uint8)
    models = (read_checkpoint(tmp_path / "a.safetensors"), import_model(tmp_path / "a.h5"))
    logits = [Classifier(model).engine.run(pictures).logits for model in models]
    np.testing.assert_array_equal(logits[0], logits[1])
