import os

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
    assert len(found.images) == 4 and len(found.unreadable) == 1 and "2.png" in found.unreadable[0]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"name,index\na.png,1\n", "columns file and index, received name, index"),
        (b"file,index\na.png,one\n", "received 'one'"),
        (b"file,index\na.png,-1\n", "received '-1'"),
        (b"file,index\na.png\n", "received 'None'"),
        (b"file,index\na.png,7\n", "classes 0 to 6, received 7"),
        (b"index,file\n1\n", "every row must name a file"),
        (b"file,index\n", "lists no picture"),
        (b"", "received none"),
        (b"file,index\n\xff\xfe\x00,1\n", "cannot be read as a table in UTF-8"),
        (b"file,index\n" + b"x" * 200_000 + b",1\n", "cannot be read as a table"),
    ],
)
def test_a_list_of_another_form_is_refused(folder, table, message):
    (folder / "labels.csv").write_bytes(table)
    with pytest.raises(UsageError, match=message):
        listed(folder, 7)


def test_a_list_may_begin_with_a_byte_order_mark_and_must_be_a_file(folder):
    (folder / "labels.csv").write_bytes("\ufefffile,index\n3.png,6\n".encode())
    assert listed(folder, 7) == [(folder / "3.png", 6)]
    (folder / "labels.csv").unlink()
    os.mkfifo(folder / "labels.csv")
    with pytest.raises(UsageError, match="cannot be read: it is not a regular file"):
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
