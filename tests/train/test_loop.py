"""The loop learns, and nothing but its inputs decides the bytes it ends with: not where it stopped and went on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinysight.errors import TinysightError
from tinysight.spec import Spec
from tinysight.train.augment import Augmentation
from tinysight.train.batches import Batches
from tinysight.train.crops import make_crops
from tinysight.train.options import Options
from tinysight.train.scratch import random_start
from tinysight.train.snapshots import read_newest, write_snapshot

torch = pytest.importorskip("torch", reason="needs PyTorch (extra finetune)")
from tinysight.networks.torch import from_arrays  # noqa: E402
from tinysight.train.activations import SCALING, ActivationBatches, activations_of, freeze  # noqa: E402
from tinysight.train.judging import Score, logits_of, picture_scaling, score  # noqa: E402
from tinysight.train.loop import fit, soft_cross_entropy  # noqa: E402
from tinysight.train.team import Team  # noqa: E402
from tinysight.train.watch import Watch  # noqa: E402

SPEC = Spec(alpha=0.25, resolution=32, num_classes=3, dropout=0.3)
ALONE = Team(0, 1, torch.device("cpu"))
PIXELS = picture_scaling((-1.0, 1.0))
GENTLE = Augmentation(scale=(0.8, 1.0))
OPTIONS = Options(resolution=32, epochs=2, batch_size=8, learning_rate=5e-3, average_decay=0.9, augmentation=GENTLE)
STEPS = 4  # of an epoch of 33 pictures


def coloured_squares(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Squares of one of three colours on a dim ground of chance, and which colour."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 80, (count, 40, 40, 3), np.uint8)
    labels = np.arange(count) % 3
    for image, label in zip(images, labels, strict=True):
        top, left = rng.integers(4, 12, 2)
        image[top : top + 22, left : left + 22, label] = 230
    return images, labels


IMAGES, LABELS = coloured_squares(33, 0)
VAL, VAL_LABELS = coloured_squares(24, 1)
VAL = np.ascontiguousarray(VAL[:, 4:36, 4:36])
CROPS = make_crops(IMAGES, len(IMAGES), folder=".")


def source(options: Options) -> Batches:
    indexes = np.arange(len(LABELS))
    return Batches(CROPS, LABELS, indexes, 32, options.augmentation, options.batch_size, options.seed, 3)


def judge(network) -> Score:
    return score(logits_of(network, VAL, PIXELS, 0, ALONE.device), VAL_LABELS)


class Interrupting:
    """Counts steps, and stops the run after one of them as Ctrl-C does."""

    def __init__(self, after: int | None = None) -> None:
        self.after = after

    def __call__(self, done: int, _total: int, _rate: float) -> None:
        if done == self.after:
            raise KeyboardInterrupt


def trained(options: Options = OPTIONS, watch: Watch | None = None, **more):
    network = from_arrays(SPEC, random_start(SPEC, 0))
    return fit(network, source(options), PIXELS, options, ALONE, watch or Watch(judge), **more)


def bytes_of(result) -> tuple:
    return result.rows, result.score, {name: array.tobytes() for name, array in result.arrays.items()}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """So small a network is slowed down by more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=["adamw", "sgd"])
def options(request) -> Options:
    return replace(OPTIONS, optimizer=request.param, learning_rate=5e-3 if request.param == "adamw" else 0.05)


@pytest.fixture(scope="module")
def whole(options, _one_thread):
    """A run that nothing stopped."""
    return bytes_of(trained(options))


@pytest.mark.parametrize(("optimizer", "rate", "epochs"), [("adamw", 1e-2, 20), ("sgd", 0.03, 10)])
def test_it_learns(optimizer, rate, epochs):
    images, labels = coloured_squares(96, 2)
    options = replace(OPTIONS, optimizer=optimizer, learning_rate=rate, epochs=epochs, batch_size=16)
    spec = replace(SPEC, dropout=0.0)
    crops = make_crops(images, len(images), folder=".")
    batches = Batches(crops, labels, np.arange(96), 32, GENTLE, 16, 0, 3, label_smoothing=0.0)
    network = from_arrays(spec, random_start(spec, 0), bn_momentum=0.2)
    result = fit(network, batches, PIXELS, options, ALONE, Watch(judge))
    assert result.score.top1 >= 0.9
    assert result.rows[-1].train_loss < 0.7 * result.rows[0].train_loss
    assert [row.epoch for row in result.rows] == list(range(1, epochs + 1))
    assert judge(from_arrays(spec, result.arrays)) == pytest.approx(result.score, abs=1e-5)


def test_the_best_average_is_kept():
    scores = iter([Score(0.5, 1.0), Score(0.95, 0.9), Score(0.9, 0.5), Score(0.9, 0.6)])
    seen = []

    def scripted(network):
        seen.append(network.head.weight.detach().clone().numpy())
        return next(scores)

    result = trained(replace(OPTIONS, epochs=4), Watch(scripted))
    assert result.score == Score(pytest.approx(0.9), 0.5)
    np.testing.assert_array_equal(result.arrays["conv_preds.kernel"][0, 0].T, seen[2])


def test_the_same_seed_is_the_same_bytes_and_another_is_not(options, whole):
    assert bytes_of(trained(options)) == whole
    assert bytes_of(trained(replace(options, seed=1))) != whole


@pytest.mark.parametrize("step", [1, 3, 4, 7, 8])
def test_stopped_and_gone_on_it_ends_with_the_same_bytes(tmp_path, options, whole, step):
    watch = Watch(judge, lambda snapshot: write_snapshot(tmp_path, snapshot), Interrupting(step))
    with pytest.raises(KeyboardInterrupt):
        trained(options, watch)
    snapshot, warnings = read_newest(tmp_path)
    assert not warnings
    if step % STEPS:
        assert snapshot is not None and snapshot.step == step
    else:  # before its epoch is judged a step is not whole; the snapshot before it holds
        assert snapshot is None or snapshot.step < step
    assert bytes_of(trained(options, resume=snapshot)) == whole


def test_from_every_snapshot_it_ends_with_the_same_bytes(options, whole):
    saved = []
    assert bytes_of(trained(options, watch=Watch(judge, saved.append, snapshot_seconds=0))) == whole
    assert [snapshot.step for snapshot in saved] == list(range(1, 2 * STEPS + 1))
    for snapshot in saved:
        assert bytes_of(trained(options, resume=snapshot)) == whole


def test_stopped_many_times_it_still_ends_with_the_same_bytes(options, whole):
    saved = [None]
    for step in (1, 2, 4, 5, 7):
        with pytest.raises(KeyboardInterrupt):
            trained(options, Watch(judge, saved.append, Interrupting(step)), resume=saved[-1])
    assert bytes_of(trained(options, resume=saved[-1])) == whole


def interrupt_in_forward(monkeypatch, step: int) -> None:
    """Stop in the middle of a step, after half of the batch norms have seen its pictures."""
    from tinysight.networks.torch import Network

    original, calls = Network.classify, []

    def stopping(self, features):
        if self.training:
            calls.append(None)
            if len(calls) == step:
                raise KeyboardInterrupt
        return original(self, features)

    monkeypatch.setattr(Network, "classify", stopping)


def test_stopped_within_a_step_it_ends_with_the_same_bytes(monkeypatch, options, whole):
    saved = []
    with monkeypatch.context() as patched:
        interrupt_in_forward(patched, 3)
        with pytest.raises(KeyboardInterrupt):
            trained(options, Watch(judge, saved.append))
    assert bytes_of(trained(options, resume=saved[-1] if saved else None)) == whole


def test_stopped_while_it_is_judged_it_ends_with_the_same_bytes(options, whole):
    saved = []

    def stopping(_network):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(options, Watch(stopping, saved.append))
    assert bytes_of(trained(options, resume=saved[-1] if saved else None)) == whole


def test_stopped_before_the_first_step_nothing_is_saved():
    saved = []

    class Broken:
        steps_per_epoch = STEPS

        def batch(self, *_):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(from_arrays(SPEC, random_start(SPEC, 0)), Broken(), PIXELS, OPTIONS, ALONE, Watch(judge, saved.append))
    assert saved == []


def test_a_run_that_is_over_stays_as_it_was(options, whole):
    saved = []
    trained(options, Watch(judge, saved.append))
    assert saved[-1].step == 2 * STEPS
    assert bytes_of(trained(options, Watch(None), resume=saved[-1])) == whole


def test_without_getting_better_it_ends_early():
    scores = iter([Score(0.5, 1.0), Score(0.6, 0.5), Score(0.7, 0.5), Score(0.8, 0.6)])
    result = trained(replace(OPTIONS, epochs=50, patience=2), Watch(lambda _: next(scores)))
    assert len(result.rows) == 4
    assert result.score == Score(pytest.approx(0.6), 0.5)


def test_the_last_blocks_learn_and_all_before_stays_to_the_bit():
    options = replace(OPTIONS, last_blocks=2, epochs=3)
    start = random_start(SPEC, 0)
    network, first = from_arrays(SPEC, start), options.first_trained
    frozen = freeze(network, False)
    views = activations_of(frozen, IMAGES[:, 4:36, 4:36], PIXELS, first, ALONE.device)
    read = activations_of(frozen, VAL, PIXELS, first, ALONE.device)
    batches = ActivationBatches(views[None], np.eye(3, dtype=np.float32)[LABELS], 8, 0)
    watch = Watch(lambda n: score(logits_of(n, read, SCALING, first, ALONE.device), VAL_LABELS))
    result = fit(network, batches, SCALING, options, ALONE, watch)
    changed = {name for name in start if result.arrays[name].tobytes() != start[name].tobytes()}
    learnt = ("conv_dw_12", "conv_pw_12", "conv_dw_13", "conv_pw_13", "conv_preds")
    kept = (".moving_mean", ".moving_variance")
    assert changed == {name for name in start if name.startswith(learnt) and not name.endswith(kept)}
    assert result.rows[-1].train_loss < result.rows[0].train_loss


def test_a_whole_network_changes_in_every_array():
    start, result = random_start(SPEC, 0), trained(replace(OPTIONS, epochs=1))
    assert all(result.arrays[name].tobytes() != start[name].tobytes() for name in start)


def test_weights_of_classes_count():
    rare = np.array([1, 1, 100], np.float32)
    favoured = trained(weights=rare)
    assert bytes_of(favoured) != bytes_of(trained(weights=np.ones(3, np.float32)))
    mean = logits_of(from_arrays(SPEC, favoured.arrays), VAL, PIXELS, 0, ALONE.device).mean(axis=0)
    assert mean.argmax() == 2


def test_the_loss_is_that_of_pytorch():
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(5, 3)).astype(np.float32))
    labels, weights = torch.tensor([0, 2, 1, 1, 2]), torch.tensor([1.0, 3.0, 0.5])
    hard = torch.nn.functional.one_hot(labels, 3).float()
    for chosen in (None, weights):
        expected = torch.nn.functional.cross_entropy(logits, labels, chosen)
        assert float(soft_cross_entropy(logits, hard, chosen)) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("weights", [np.full(3, np.nan, np.float32), np.full(3, np.inf, np.float32)])
def test_a_loss_that_is_not_finite_names_the_option(weights):
    saved = []
    with pytest.raises(TinysightError, match=r"loss of step 0 is (nan|inf).*--learning-rate, received 0\.005"):
        trained(watch=Watch(judge, saved.append), weights=weights)
    assert saved == []


def test_pytorchs_own_chance_is_left_alone():
    network = from_arrays(SPEC, random_start(SPEC, 0))
    before = torch.random.get_rng_state()
    fit(network, source(OPTIONS), PIXELS, replace(OPTIONS, epochs=1), ALONE, Watch(judge))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_was_drawn_before_changes_no_byte(options, whole):
    with torch.random.fork_rng([]):
        torch.manual_seed(99)
        assert bytes_of(trained(options)) == whole


def test_mixed_precision_runs_on_a_cpu():
    result = trained(replace(OPTIONS, epochs=1, mixed_precision=True))
    assert all(array.dtype == np.float32 and np.isfinite(array).all() for array in result.arrays.values())


def test_the_outside_is_told_of_steps_and_epochs():
    steps, epochs = [], []
    watch = Watch(judge, None, lambda *what: steps.append(what), lambda rows: epochs.append(len(rows)))
    trained(watch=watch)
    assert [done for done, _, _ in steps] == list(range(1, 9)) and {total for _, total, _ in steps} == {8}
    assert all(rate > 0 for _, _, rate in steps)
    assert epochs == [1, 2]
