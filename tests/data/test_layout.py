"""Every form that labelled pictures may have on disk, and what is refused."""

import json
import os

import pytest
from data_makers import tree

from tinysight.data import read_dataset
from tinysight.data.layout import survey
from tinysight.errors import UsageError


def found(dataset, folder):
    """(path below the folder, class, part) of each example."""
    return [(one.path.relative_to(folder).as_posix(), dataset.classes[one.label], one.part) for one in dataset.examples]


def test_class_folders_with_folders_inside(tmp_path):
    tree(tmp_path, "b/2.jpg", "b/1.JPEG", "b/inner/deep/3.png", "a/x.webp", ".hidden/y.jpg", "a/.z.jpg")
    dataset = read_dataset(tmp_path)
    assert (dataset.layout, dataset.classes, dataset.ignored) == ("class folders", ("a", "b"), ())
    assert found(dataset, tmp_path) == [
        ("a/x.webp", "a", None),
        ("b/1.JPEG", "b", None),
        ("b/2.jpg", "b", None),
        ("b/inner/deep/3.png", "b", None),
    ]
    assert dataset.labels.tolist() == [0, 1, 1, 1]
    assert dataset == read_dataset(str(tmp_path))


def test_classes_are_sorted_by_code_point_as_keras_and_torchvision_do(tmp_path):
    names = ["10", "2", "Z", "a", "é", "e\u0301", "猫"]
    tree(tmp_path, *(f"{name}/1.jpg" for name in names))
    assert read_dataset(tmp_path).classes == tuple(sorted(names))


def test_split_folders(tmp_path):
    tree(tmp_path, "Train/a/1.jpg", "Train/b/2.jpg", "valid/a/3.jpg", "test/b/4.jpg", "test/c/in/5.jpg")
    dataset = read_dataset(tmp_path)
    assert (dataset.layout, dataset.classes) == ("split folders", ("a", "b", "c"))
    assert sorted(found(dataset, tmp_path)) == [
        ("Train/a/1.jpg", "a", "train"),
        ("Train/b/2.jpg", "b", "train"),
        ("test/b/4.jpg", "b", "test"),
        ("test/c/in/5.jpg", "c", "test"),
        ("valid/a/3.jpg", "a", "val"),
    ]


def test_a_class_may_be_called_train(tmp_path):
    tree(tmp_path, "train/1.jpg", "bus/1.jpg")
    assert read_dataset(tmp_path).classes == ("bus", "train")


def test_two_folders_for_one_part_are_refused(tmp_path):
    tree(tmp_path, "train/a/1.jpg", "val/a/1.jpg", "validation/a/1.jpg")
    with pytest.raises(UsageError, match=r"two folders for the same part: train, val, validation; keep one"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("name", ["labels.csv", "labels.tsv"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables(tmp_path, name, start, end):
    lines = ["file,label,split", '"in/é, 1.jpg",dog,train', "2.jpg,cat,", "3.jpg,cat,test"]
    text = end.join(lines) + end
    if name.endswith("tsv"):
        text = text.replace('"in/é, 1.jpg"', "in/é_ 1.jpg").replace(",", "\t").replace("_", ",")
    (tmp_path / name).write_bytes((start + text).encode())
    dataset = read_dataset(tmp_path / name)
    assert (dataset.layout, dataset.classes, dataset.ignored) == ("table", ("cat", "dog"), ())
    assert found(dataset, tmp_path) == [
        ("in/é, 1.jpg", "dog", "train"),
        ("2.jpg", "cat", None),
        ("3.jpg", "cat", "test"),
    ]


def test_labels_csv_of_calibration_pictures(tmp_path):
    (tmp_path / "labels.csv").write_text("file,index\na.jpg,10\nb.jpg,2\n")
    dataset = read_dataset(tmp_path)
    assert (dataset.classes, dataset.labels.tolist()) == (("2", "10"), [1, 0])
    (tmp_path / "labels.csv").write_text(
        "file,index,wnid,label\na.jpg,10,n1,crane\nb.jpg,2,n2,zebra\nc.jpg,12,n3,crane\n"
    )
    dataset = read_dataset(tmp_path)
    assert (dataset.classes, dataset.labels.tolist()) == (("zebra", "crane", "crane"), [1, 0, 2])


def test_metadata_in_the_folder_and_in_parts(tmp_path):
    one, parts = tmp_path / "one", tmp_path / "parts"
    tree(one, "metadata.csv", content=b"file_name,label\na.jpg,x\n")
    assert found(read_dataset(one), one) == [("a.jpg", "x", None)]
    tree(parts, "train/metadata.csv", content=b"file_name,label\na.jpg,x\nb.jpg,y\n")
    rows = ({"file_name": "c.jpg", "label": "y"}, {"file_name": "d.jpg", "label": 3})
    tree(parts, "test/metadata.jsonl", content="\n".join(map(json.dumps, rows)).encode())
    dataset = read_dataset(parts)
    assert (dataset.layout, dataset.classes) == ("metadata", ("3", "x", "y"))
    assert found(dataset, parts) == [
        ("train/a.jpg", "x", "train"),
        ("train/b.jpg", "y", "train"),
        ("test/c.jpg", "y", "test"),
        ("test/d.jpg", "3", "test"),
    ]


def test_rows_that_leave_the_folder_or_say_too_little_are_ignored(tmp_path):
    rows = "../x.jpg,a\n/etc/x.jpg,a\nok/../../x.jpg,a\nC:\\x.jpg,a\n..\\x.jpg,a\n,a\nx.jpg,\ngood..jpg,a\n"
    (tmp_path / "labels.csv").write_text("file,label\n" + rows)
    got = survey(tmp_path)
    assert [one.path.name for one in got.dataset.examples] == ["good..jpg"]
    assert [one.kind for one in got.ignored] == ["row_outside"] * 5 + ["row_incomplete"] * 2
    assert got.dataset.ignored[0] == f"{tmp_path}/labels.csv: row 1 leaves the table's folder: ../x.jpg"


def test_what_lies_beside_is_ignored_and_told(tmp_path):
    tree(tmp_path, "a/1.jpg", "a/notes.txt", "loose.jpg", "readme.md", "empty/", "a/in/x.bin")
    (tmp_path / "linked").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    got = survey(tmp_path)
    assert len(got.dataset.examples) == 1
    assert sorted((one.kind, one.path.relative_to(tmp_path).as_posix()) for one in got.ignored) == [
        ("empty_class", "empty"),
        ("linked_folder", "a/round"),
        ("linked_folder", "linked"),
        ("loose_picture", "loose.jpg"),
        ("other_file", "a/in/x.bin"),
        ("other_file", "a/notes.txt"),
        ("other_file", "readme.md"),
    ]
    assert got.dataset.ignored == tuple(one.line for one in got.ignored)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "holds no class folder"),
        (["a/", "b/"], "holds no picture in any of its folders"),
        (["1.jpg", "2.jpg"], "holds 2 pictures, but none in the folder of a class"),
        (["train/1.jpg", "test/2.jpg"], "holds 2 pictures, but none in the folder of a class"),
        (["notes.txt"], "holds no class folder"),
    ],
)
def test_folders_without_labels(tmp_path, names, message):
    tree(tmp_path, *names)
    with pytest.raises(UsageError, match=message) as raised:
        read_dataset(tmp_path)
    assert "expected one folder for each class" in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must have the columns file and label .* received none"),
        (b"name,class\n", "must have the columns file and label .* received name, class"),
        (b"file,label\n", "lists no picture"),
        (b"file,label\n../a.jpg,x\n", "lists no picture: .* leaves the table's folder"),
        (b"file,index\na.jpg,-1\n", "row 1: a class index must be a whole number from 0 on, received '-1'"),
        (b"file,index\na.jpg,1.5\n", "received '1.5'"),
        (b"file,index,label\na,1,x\nb,1,y\n", "class index 1 has two names, 'x' and 'y'"),
        (b"file,label,split\na,x,dev\n", "row 1: a split must be train, val or test, received 'dev'"),
        (b"file,label\n\xff,x\n", "is not UTF-8"),
        (b"file,label\n" + b"a" * 200_000 + b",x\n", "cannot be read as a table"),
    ],
)
def test_tables_that_are_refused(tmp_path, content, message):
    table = tmp_path / "t.csv"
    table.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        read_dataset(table)


@pytest.mark.parametrize("text", ["not json", "[1]", '{"file_name": 1'])
def test_json_lines_that_are_refused(tmp_path, text):
    (tmp_path / "metadata.jsonl").write_text(text)
    with pytest.raises(UsageError, match=r"metadata\.jsonl"):
        read_dataset(tmp_path)


def test_what_is_no_data_at_all(tmp_path):
    tree(tmp_path, "photo.jpg")
    os.mkfifo(tmp_path / "labels.csv")
    for name in ("missing", "photo.jpg", "labels.csv", "a\0b", ""):
        where = tmp_path / name if name else tmp_path
        with pytest.raises(UsageError) as raised:
            read_dataset(where)
        assert "\n" not in str(raised.value)
