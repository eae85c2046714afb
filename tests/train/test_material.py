"""What a run learns from: refused where nothing can be told apart, and hashed by content, not by name."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from training_pictures import pictures

from tinysight.errors import UsageError
from tinysight.train.material import gather
from tinysight.train.plan import Plan


def fill(folder: Path, count: int, seed: int) -> None:
    folder.mkdir(parents=True)
    for number, picture in enumerate(pictures(count, seed)):
        Image.fromarray(picture).save(folder / f"{number:02}.png")


@pytest.fixture
def data(tmp_path) -> Path:
    fill(tmp_path / "data" / "cat", 12, 0)
    fill(tmp_path / "data" / "dog", 12, 1)
    return tmp_path / "data"


def hash_of(folder, **fields) -> str:
    return gather(Plan(str(folder), model="m", **fields), None).data_sha256


def test_one_class_is_refused_by_name(tmp_path):
    fill(tmp_path / "cat", 6, 0)
    with pytest.raises(UsageError, match="has one class, cat; at least two are needed"):
        gather(Plan(str(tmp_path), model="m"), None)


def test_a_class_without_pictures_to_learn_from_is_named(data):
    fill(data / "train" / "cat", 3, 0)
    fill(data / "train" / "dog", 3, 50)
    fill(data / "val" / "cow", 2, 100)
    for name in ("cat", "dog"):
        shutil.rmtree(data / name)
    with pytest.raises(UsageError, match="no picture to learn from in class cow; tinysight doctor says why"):
        gather(Plan(str(data), model="m"), None)


def test_a_class_whose_pictures_are_all_another_classes_too_is_named(data):
    shutil.copytree(data / "cat", data / "puma")
    with pytest.raises(UsageError, match=r"no picture to learn from in class (cat|puma)"):
        gather(Plan(str(data), model="m"), None)


def test_each_part_has_its_pictures(data):
    material = gather(Plan(str(data), model="m"), None)
    parts = [material.split.of(part) for part in ("train", "val", "test")]
    assert sorted(index for part in parts for index in part.tolist()) == list(range(24))
    assert all(len(part) for part in parts)
    assert {path.parent.name for path in material.paths(parts[0])} == {"cat", "dog"}
    assert material.backbone_sha256 is None


def test_the_hash_is_stable_under_renaming_files(data):
    before = hash_of(data)
    for path in sorted((data / "cat").iterdir()):
        path.rename(path.with_name(f"x{99 - int(path.stem)}.png"))
    assert hash_of(data) == before
    data.rename(data.with_name("elsewhere"))
    assert hash_of(data.with_name("elsewhere")) == before


def test_a_label_a_picture_or_a_name_of_a_class_changes_the_hash(data):
    found = [hash_of(data)]
    moved = data / "cat" / "03.png"
    moved.rename(data / "dog" / "moved.png")
    found.append(hash_of(data))
    (data / "dog" / "moved.png").unlink()
    found.append(hash_of(data))
    (data / "cat").rename(data / "bat")
    found.append(hash_of(data))
    assert len(set(found)) == 4


def test_another_cut_changes_the_hash(data):
    assert len({hash_of(data), hash_of(data, split_seed=1), hash_of(data, test_share=0.4)}) == 3


def test_what_a_model_has_seen_are_the_pictures_it_learnt_and_was_chosen_from(data):
    material = gather(Plan(str(data), model="m"), None)
    learnt = len(material.split.of("train")) + len(material.split.of("val"))
    assert 0 < len(material.seen) <= 4 * learnt
    other = gather(Plan(str(data), model="m", test_share=0.4), None)
    assert len(other.seen) < len(material.seen)


def test_the_hash_of_a_start_is_that_of_its_numbers(data, make_checkpoint):
    hashes = {
        gather(Plan(str(data), model="m"), make_checkpoint(seed, alpha=0.25, resolution=32)).backbone_sha256
        for seed in (0, 0, 1)
    }
    assert len(hashes) == 2
