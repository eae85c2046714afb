import numpy as np
import pytest

from tinysight.agreement import listed, read_photographs, same_answers, signal_to_noise_db, top1
from tinysight.errors import UsageError
from tinysight.preprocess import Recipe, encode_png

RECIPE = Recipe(resolution=32)


@pytest.fixture
def folder(tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.png").write_bytes(encode_png(np.full((40, 50, 3), 40 * number, np.uint8)))
    return tmp_path


def test_photographs_without_and_with_labels(folder):
    plain = read_photographs(folder, RECIPE)
    assert plain.images.shape == (5, 32, 32, 3) and plain.classes is None
    (folder / "labels.csv").write_text("file,index,wnid\n3.png,30,x\n1.png,10,x\n")
    labelled = read_photographs(folder, RECIPE)
    assert labelled.classes.tolist() == [30, 10] and labelled.images[:, 0, 0, 0].tolist() == [120, 40]


def test_a_limit_spreads_over_the_folder(folder):
    assert read_photographs(folder, RECIPE, limit=2).images[:, 0, 0, 0].tolist() == [0, 80]


def test_unreadable_pictures_are_counted(folder):
    (folder / "2.png").write_bytes(b"no picture")
    found = read_photographs(folder, RECIPE)
    assert (len(found.images), found.unreadable) == (4, 1)


@pytest.mark.parametrize("table", ["name,index\na.png,1\n", "file,index\na.png,one\n"])
def test_a_list_of_another_form_is_refused(folder, table):
    (folder / "labels.csv").write_text(table)
    with pytest.raises(UsageError, match="columns file and index"):
        listed(folder)


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no picture"):
        read_photographs(tmp_path, RECIPE)


def test_shares():
    logits = np.eye(4, dtype=np.float32)
    assert same_answers(logits, logits[[0, 1, 2, 2]]) == 0.75
    assert top1(logits, np.array([0, 1, 0, 0])) == 0.5
    assert signal_to_noise_db(logits, logits) == 200
    assert signal_to_noise_db(logits * np.float32(1.1), logits) == pytest.approx(20, abs=1e-4)
