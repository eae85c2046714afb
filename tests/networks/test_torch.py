"""The PyTorch network gives the reference's answers, and weights pass through it without a change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lively_models import lively

from tinysight.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from tinysight.classify import Classifier
from tinysight.engines.reference import ReferenceEngine
from tinysight.errors import CheckpointError, MissingExtraError
from tinysight.spec import Spec, released_specs

torch = pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
from tinysight.networks.torch import Network, from_arrays, to_arrays  # noqa: E402

ODD_SPECS = [
    Spec(alpha=0.25, resolution=65, padding="same"),
    Spec(alpha=0.25, resolution=97, num_classes=9),
    Spec(alpha=0.25, resolution=71, depth_multiplier=2, padding="symmetric"),
    Spec(alpha=0.25, resolution=96, include_top=False),
    Spec(alpha=0.3, resolution=64, bn_epsilon=1e-5),
]


def random_arrays(spec: Spec) -> dict[str, np.ndarray]:
    return lively(spec).arrays


def pictures(spec: Spec, count: int = 1) -> np.ndarray:
    side = spec.resolution
    return np.random.default_rng(1).uniform(-1, 1, (count, side, side, 3)).astype(np.float32)


def answers(network: Network, images: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return network.eval()(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()


def wanted(checkpoint: Checkpoint, images: np.ndarray) -> np.ndarray:
    output = ReferenceEngine(checkpoint).run(images)
    return output.embedding if output.logits is None else output.logits


@pytest.mark.parametrize("spec", [*released_specs().values(), *ODD_SPECS], ids=lambda spec: spec.name)
def test_answers_are_the_references(spec):
    checkpoint, images = lively(spec), pictures(spec)
    expected = wanted(checkpoint, images)
    given = answers(from_arrays(spec, checkpoint.arrays), images)
    assert np.abs(given - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("side", [64, 65, 97, 128])
@pytest.mark.parametrize("padding", ["keras", "same", "symmetric"])
def test_another_size_of_picture_is_padded_as_its_own_spec_says(side, padding):
    spec = Spec(alpha=0.25, resolution=side, padding=padding, num_classes=5)
    checkpoint, images = lively(spec), pictures(spec, 2)
    network = from_arrays(replace(spec, resolution=224), checkpoint.arrays)
    assert np.allclose(answers(network, images), wanted(checkpoint, images), atol=1e-4)


@pytest.mark.parametrize("spec", ODD_SPECS, ids=lambda spec: spec.name)
def test_weights_in_and_out_are_the_same_bits(spec):
    arrays = random_arrays(spec)
    back = to_arrays(from_arrays(spec, arrays))
    assert list(back) == list(arrays)
    assert all(np.array_equal(back[name], arrays[name]) and back[name].flags.c_contiguous for name in arrays)


@pytest.mark.weights
def test_the_real_weights_give_the_references_answers(real_checkpoint):
    spec = real_checkpoint.card.spec
    images = pictures(spec, 2)
    given = answers(from_arrays(spec, real_checkpoint.arrays), images)
    assert np.abs(given - wanted(real_checkpoint, images)).max() <= 1e-4


def test_a_trained_step_survives_the_file_and_runs_in_the_native_engine(tmp_path):
    spec = Spec(alpha=0.25, resolution=64, num_classes=6, dropout=0.0)
    network = from_arrays(spec, random_arrays(spec)).train()
    images = torch.from_numpy(pictures(spec, 8)).permute(0, 3, 1, 2)
    network(images).square().mean().backward()
    torch.optim.SGD(network.parameters(), 1e-4).step()
    checkpoint = replace(lively(spec), arrays=to_arrays(network))
    write_checkpoint(tmp_path / "trained.safetensors", checkpoint)
    opened = Classifier(read_checkpoint(tmp_path / "trained.safetensors"), precision="float32")
    given = opened.engine.run(pictures(spec, 8)).logits
    assert np.allclose(given, answers(network, pictures(spec, 8)), atol=1e-4)
    assert not np.array_equal(checkpoint.arrays["conv1.kernel"], random_arrays(spec)["conv1.kernel"])
    assert not np.array_equal(
        checkpoint.arrays["conv_pw_13_bn.moving_mean"], random_arrays(spec)["conv_pw_13_bn.moving_mean"]
    )


@pytest.mark.parametrize("first", [0, 1, 14, 23, 27])
def test_the_network_can_be_run_in_two_parts(first):
    spec = Spec(alpha=0.25, resolution=96, num_classes=4)
    network = from_arrays(spec, random_arrays(spec)).eval()
    images = torch.from_numpy(pictures(spec, 2)).permute(0, 3, 1, 2)
    with torch.inference_mode():
        halves = network.classify(network.features(network.features(images, 0, first), first))
        assert torch.equal(halves, network(images))


def test_missing_arrays_are_named():
    spec = Spec(alpha=0.25, resolution=32)
    arrays = random_arrays(spec)
    del arrays["conv_dw_3.kernel"]
    with pytest.raises(CheckpointError, match=r"conv_dw_3\.kernel"):
        from_arrays(spec, arrays)


def test_without_pytorch_the_error_names_the_extra(monkeypatch):
    import importlib
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "tinysight.networks.torch")
    with pytest.raises(MissingExtraError, match=r"tinysight\[finetune\]"):
        importlib.import_module("tinysight.networks.torch")
