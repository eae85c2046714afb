import numpy as np
import pytest
from fakes import Clock

from tinysight.benchmark.end_to_end import run_files
from tinysight.benchmark.quality import drawn, listed, read_photographs, same_answers, top1
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


def test_drawn_pictures_differ_and_are_always_the_same():
    first, again = drawn(33, 3), drawn(33, 3)
    assert first.shape == (3, 33, 33, 3) and (first == again).all()
    assert len({picture.tobytes() for picture in first}) == 3


def test_shares():
    logits = np.eye(4, dtype=np.float32)
    assert same_answers(logits, logits[[0, 1, 2, 2]]) == 0.75
    assert top1(logits, np.array([0, 1, 0, 0])) == 0.5


def test_every_file_is_answered_in_every_round(tmp_path):
    asked, clock = [], Clock()

    def answer(path):
        asked.append(path.name)
        clock.now += 0.25
        return None if path.name == "b" else 5

    result = run_files(answer, [tmp_path / "a", tmp_path / "b"], 1, 2, clock)
    assert sorted(asked) == ["a"] * 3 + ["b"] * 3
    assert list(result.answers.values()) == [5, None] and result.per_second == [4, 4]
