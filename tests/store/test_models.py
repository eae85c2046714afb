"""Models by name and path, import of foreign files, probes, and hostile or damaged model files."""

from dataclasses import replace
from pathlib import Path

import pytest
from store_helpers import random_model

from tinysight.checkpoint import arrays_sha256, write_checkpoint
from tinysight.engines import check_probe, open_engine
from tinysight.errors import CheckpointError, EngineError, UsageError
from tinysight.labels import Label, imagenet_labels
from tinysight.models import import_model, make_probes, open_model, verify
from tinysight.models.opening import resolve
from tinysight.models.probes import probe_pixels
from tinysight.spec import Spec, released_specs

SMALL = Spec(alpha=0.25, resolution=32, num_classes=7)
BIG_HEAD = Spec(alpha=0.25, resolution=32)


@pytest.mark.parametrize("name", ["mobilenet_v1_0.75_160", "mobilenet_0.75_160", "mobilenet_7_5_160_tf"])
def test_three_spellings_of_a_released_model(name):
    assert resolve(name) == "mobilenet_v1_0.75_160"


@pytest.mark.parametrize(
    "name", ["mobilenet", "mobilenet_v1_0.75", "MOBILENET_V1_0.75_160", "mobilenet_v2_1.0_224", ""]
)
def test_no_nearest_match(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UsageError, match=r"unknown model .*; released models: .*; nor is there a file of that name"
    ) as caught:
        open_model(name)
    assert all(known in str(caught.value) for known in released_specs())


def test_a_path_is_opened_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_checkpoint("model", random_model(SMALL))
    assert open_model("model").card.spec == SMALL
    assert open_model(Path("model")).card.spec == SMALL
    for absent in ("absent.safetensors", "folder/absent", Path("absent")):
        with pytest.raises(CheckpointError, match="no such file"):
            open_model(absent)


def test_a_foreign_file_is_refused_with_the_command_that_imports_it(graph_file):
    path = graph_file(random_model(SMALL), "my model.pb")
    with pytest.raises(CheckpointError) as caught:
        open_model(path)
    assert str(caught.value).endswith(
        f"is a TensorFlow graph, not a tinysight model file; "
        f"run: tinysight models import '{path}' --output 'my model.safetensors'"
    )


def test_import_gives_the_same_answers(graph_file):
    model = random_model(BIG_HEAD)
    imported = import_model(graph_file(model))
    assert arrays_sha256(imported.arrays) == arrays_sha256(model.arrays)
    card = imported.card
    assert (card.name, card.recipe.resolution, card.licence) == ("graph", 32, "unknown")
    assert card.source == "TF-slim frozen graph graph.pb"
    assert len(card.probes) == 2
    engine = open_engine(model, precision="float32")
    assert max(check_probe(engine, probe) for probe in card.probes) < 1e-5


def test_imagenets_names_are_attached_to_a_thousand_classes_and_never_shifted(graph_file, tmp_path):
    path = graph_file(random_model(BIG_HEAD))
    labels = import_model(path).card.labels
    assert labels == imagenet_labels()
    assert labels[0].name == "tench"  # the background of the 1001 outputs is gone, with its weights
    assert import_model(path, imagenet=False).card.labels is None
    (tmp_path / "names.txt").write_text("\n".join(f"name {number}" for number in range(1000)))
    assert import_model(path, labels=tmp_path / "names.txt").card.labels[999] == Label(None, "name 999")


def test_other_heads_have_no_names_unless_they_are_given(graph_file, tmp_path):
    path = graph_file(random_model(SMALL))
    assert import_model(path).card.labels is None
    (tmp_path / "six.txt").write_text("a\nb\nc\nd\ne\nf\n")
    with pytest.raises(CheckpointError, match="6 labels for 7 classes"):
        import_model(path, labels=tmp_path / "six.txt")
    model = import_model(path, name="mine", resolution=64)
    assert (model.card.name, model.card.spec.resolution, model.card.recipe.resolution) == ("mine", 64, 64)


def test_labels_for_a_network_without_head_are_refused(tmp_path):
    pytest.importorskip("h5py")
    from tinysight.export.keras_h5 import write_keras_h5

    headless = random_model(replace(BIG_HEAD, include_top=False))
    model = replace(headless, card=replace(headless.card, labels=None))
    write_keras_h5(tmp_path / "x.h5", model)
    imported = import_model(tmp_path / "x.h5")
    assert imported.card.labels is None
    assert imported.card.probes[0].output.shape == (256,)
    (tmp_path / "names.txt").write_text("a\n" * 1000)
    with pytest.raises(UsageError, match="has no head, so there are no classes to label"):
        import_model(tmp_path / "x.h5", labels=tmp_path / "names.txt")


def test_our_own_file_needs_no_import_and_a_broken_one_says_why(tmp_path):
    path = tmp_path / "model.safetensors"
    write_checkpoint(path, random_model(SMALL))
    with pytest.raises(UsageError, match="is a tinysight model file already"):
        import_model(path)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match=r"model.safetensors has \d+ bytes of values"):
        import_model(path)


@pytest.mark.parametrize("alpha", ["0.25", "0.75"])
def test_the_pinned_weights_are_known_by_their_numbers(alpha, shared):
    pytest.importorskip("h5py")
    digit = {"0.25": "2_5", "0.75": "7_5"}[alpha]
    model = import_model(shared / "weights" / f"mobilenet_{digit}_224_from_tfjs.h5")
    assert model.card.name == f"mobilenet_v1_{alpha}_224"
    assert model.card.licence == "Apache-2.0"
    assert model.card.labels == imagenet_labels()


def test_probes_are_the_same_noise_for_ever():
    assert [int(probe_pixels(number).sum()) for number in range(2)] == [97_514, 96_329]
    assert probe_pixels(0).shape == (16, 16, 3)


def test_a_probe_finds_weights_that_do_not_belong_to_the_card(tmp_path):
    model = random_model(SMALL)
    card = replace(model.card, probes=make_probes(model.card, model.arrays))
    other = random_model(SMALL, seed=6)
    write_checkpoint(tmp_path / "x.safetensors", replace(other, card=card))
    with pytest.raises(EngineError, match="fails the model's own probe"):
        verify(tmp_path / "x.safetensors")


def test_numbers_that_the_list_pins_to_another_model_are_refused():
    from tinysight.models.released import check_owner
    from tinysight.store import releases

    pinned, other = releases()["mobilenet_v1_1.0_224"], releases()["mobilenet_v1_1.0_192"]
    check_owner(pinned, pinned.arrays_sha256)
    check_owner(other, "0" * 64)
    with pytest.raises(CheckpointError, match=r"are those of mobilenet_v1_1\.0_224"):
        check_owner(other, pinned.arrays_sha256)
