"""``tinysight doctor``: what it prints, its exit codes, and that names cannot steer a terminal."""

import json
import re
import shlex
import shutil

import pytest
from data_makers import fill, tree, two_classes

from tinysight.cli import run
from tinysight.cli.train import command as train


def doctor(*arguments):
    return run(["doctor", "--resolution", "64", *map(str, arguments)])


def test_good_data_get_a_plan(tmp_path, capsys):
    folder = two_classes(tmp_path / "my pets", 20)
    assert doctor(folder, "--split-seed", 3) == 0
    out = capsys.readouterr().out
    assert f"{folder}: class folders, 40 pictures of 2 classes" in out
    assert "Nothing to complain of." in out
    assert f"a new head, in seconds:  tinysight train '{folder}' --split-seed 3\n" in out
    assert "--fine-tune" not in out  # too few for that


def test_the_commands_of_the_plan_are_taken(tmp_path, monkeypatch, capsys):
    """Each option of the lines that are printed is one that train has."""
    monkeypatch.setattr("tinysight.cli.doctor_text.ENOUGH_FOR_ALL_LAYERS", 1)
    assert doctor(two_classes(tmp_path), "--test-share", 0.3, "--val-share", 0.2, "--split-seed", 1) == 0
    lines = re.findall(r"tinysight train (.*)", capsys.readouterr().out)
    options = {word for line in lines for word in shlex.split(line) if word.startswith("--")}
    assert options == {"--test-share", "--val-share", "--split-seed", "--fine-tune"}
    assert options <= {name for parameter in train.params for name in parameter.opts}


def test_json_is_one_object_with_the_documented_keys(tmp_path, capsys):
    folder = two_classes(tmp_path)
    shutil.copy(folder / "cat/00.png", folder / "dog/copy.png")
    tree(folder, "cat/notes.txt")
    assert doctor(folder, "--json") == 4
    line = json.loads(capsys.readouterr().out)
    assert list(line) == ["data", "layout", "classes", "pictures", "left_out", "findings"]
    assert (line["data"], line["layout"], line["pictures"], line["left_out"]) == (str(folder), "class folders", 25, 2)
    assert [list(one) for one in line["classes"]] == [["name", "train", "val", "test"]] * 2
    assert sum(one[part] for one in line["classes"] for part in ("train", "val", "test")) == 23
    assert line["findings"] == [
        {
            "kind": "same_bytes_two_labels",
            "severity": "error",
            "message": "labelled cat and dog; all are left out",
            "files": [f"{folder}/cat/00.png", f"{folder}/dog/copy.png"],
        },
        {
            "kind": "other_file",
            "severity": "note",
            "message": "its name does not end as a picture's does",
            "files": [f"{folder}/cat/notes.txt"],
        },
    ]


def test_notes_alone_are_exit_code_0(tmp_path, capsys):
    assert doctor(tree(two_classes(tmp_path), "readme.txt")) == 0
    assert "note  Files that are no pictures  [other_file]" in capsys.readouterr().out


def test_the_first_few_are_named_and_with_all_each(tmp_path, capsys):
    folder = tree(two_classes(tmp_path), *(f"cat/x{number}.png" for number in range(8)))
    tree(folder, *(f"cat/{number}.txt" for number in range(7)))
    assert doctor(folder) == 4
    out = capsys.readouterr().out
    assert "cat/x4.png" in out and "cat/x5.png" not in out and "and 3 more such; --all names them" in out
    assert "cat/4.txt and 2 more:" in out
    assert doctor(folder, "--all") == 4
    out = capsys.readouterr().out
    assert all(f"cat/x{number}.png: the file is empty" in out for number in range(8))
    assert "cat/6.txt:" in out and "--all" not in out


def test_names_cannot_steer_the_terminal(tmp_path, capsys):
    folder = two_classes(tmp_path / "\x1b[2Jdata")
    fill(folder / "elk\x1b[31m\n", 12, 7000)
    tree(folder, "cat/a\x1b]0;x\x07\r.png")
    assert doctor(folder) == 4
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\x07" not in out and "\r" not in out
    assert "elk\\x1b[31m\\n" in out


def test_data_that_cannot_teach_are_said_to_be_refused(tmp_path, capsys):
    fill(tmp_path / "cat", 12, 0)
    assert doctor(tmp_path) == 4
    assert "tinysight train would refuse" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "does not exist; expected one folder for each class"),
        (["."], "holds no class folder"),
        ([".", "--test-share", "1"], "--test-share"),
        ([".", "--resolution", "20"], "--resolution"),
        (["cat", "--test-share", "0.6", "--val-share", "0.5"], "none in the folder of a class"),
    ],
)
def test_what_is_refused_is_one_line(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "cat":
        fill(tmp_path / "cat", 2, 0)
    assert doctor(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and message in err and err.count("\n") == 1 and "Traceback" not in err
