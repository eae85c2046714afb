from dataclasses import replace

import numpy as np
import pytest

from tinysight.checkpoint import Checkpoint, Probe
from tinysight.engines import check_probe, open_engine
from tinysight.engines.reference import ReferenceEngine
from tinysight.errors import CheckpointError, EngineError, UsageError


@pytest.fixture
def probed(make_checkpoint):
    """A model with one probe that it passes."""
    checkpoint = make_checkpoint(alpha=0.25, resolution=64, num_classes=6)
    pixels = np.random.default_rng(3).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    blank = Probe(pixels, np.zeros(6, np.float32))
    output = ReferenceEngine(checkpoint).run(blank.enlarged(64)[None]).logits[0]
    return Checkpoint(replace(checkpoint.card, probes=(Probe(pixels, output),)), checkpoint.arrays)


def test_probe_is_enlarged_by_repeating_pixels():
    pixels = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = Probe(pixels, np.zeros(1, np.float32)).enlarged(5)
    assert large.shape == (5, 5, 3)
    assert (large[:3, :3] == pixels[0, 0]).all() and (large[3:, 3:] == pixels[1, 1]).all()


def test_a_model_that_fits_its_card_opens(probed):
    assert open_engine(probed, "reference").name == "reference"
    open_engine(probed)


@pytest.mark.parametrize("change", [{"padding": "symmetric"}, {"bn_epsilon": 1e-2}])
def test_a_card_with_another_padding_or_epsilon_is_found(probed, change):
    card = replace(probed.card, spec=replace(probed.card.spec, **change))
    with pytest.raises(EngineError, match="fails the model's own probe"):
        open_engine(Checkpoint(card, probed.arrays))


def test_one_changed_stem_kernel_is_found(probed):
    arrays = probed.arrays | {"conv1.kernel": probed.arrays["conv1.kernel"][:, :, ::-1]}  # BGR for RGB
    with pytest.raises(EngineError, match="fails the model's own probe"):
        open_engine(Checkpoint(probed.card, arrays))


def test_a_probe_of_another_size_is_found(probed):
    probe = Probe(probed.card.probes[0].pixels, np.zeros(5, np.float32))
    with pytest.raises(CheckpointError, match="6 outputs"):
        replace(probed.card, probes=(probe,))
    with pytest.raises(EngineError, match="5 outputs"):
        check_probe(ReferenceEngine(probed), probe)


@pytest.mark.parametrize("options", [{"name": "fast"}, {"precision": "int4"}])
def test_unknown_engine_or_precision_is_refused(probed, options):
    with pytest.raises(UsageError, match="must be one of"):
        open_engine(probed, **options)
