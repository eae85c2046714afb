import os

import pytest

from tinysight.pictures import Found, find_pictures


@pytest.fixture
def tree(tmp_path, monkeypatch):
    for name in (
        "b.jpg",
        "a.PNG",
        "notes.txt",
        ".hidden.jpg",
        "sub/c.webp",
        ".git/d.jpg",
        "sub/deep/e.gif",
        "odd[1].jpg",
    ):
        path = tmp_path / "t" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "t" / "sub" / "up").symlink_to("..")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*arguments):
    return [found.name for found in find_pictures(arguments)]


def test_a_folder_is_walked_in_order_without_hidden_names_and_links(tree):
    assert names("t") == ["t/a.PNG", "t/b.jpg", "t/odd[1].jpg", "t/sub/c.webp", "t/sub/deep/e.gif"]


def test_patterns(tree):
    assert names("t/*.jpg") == ["t/b.jpg", "t/odd[1].jpg"]
    assert names("t/**/*.gif") == ["t/sub/deep/e.gif"]


def test_an_existing_name_is_no_pattern(tree):
    assert names("t/odd[1].jpg") == ["t/odd[1].jpg"]


def test_a_named_file_is_taken_whatever_it_is_called(tree):
    assert names("t/notes.txt", "-", "nowhere.jpg") == ["t/notes.txt", "-", "nowhere.jpg"]


def test_nothing_found_is_a_problem_with_its_argument(tree):
    assert list(find_pictures(["empty", "t/*.bmp"])) == [
        Found("empty", "not_found", "empty: this folder holds no pictures"),
        Found("t/*.bmp", "not_found", "t/*.bmp: this pattern matches no file"),
    ]


def test_a_folder_that_cannot_be_searched_is_a_problem_and_the_rest_goes_on(tree, monkeypatch):
    real = os.scandir

    def locked(path):
        if os.fspath(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", locked)
    found = list(find_pictures(["t"]))
    assert [one.name for one in found] == ["t/a.PNG", "t/b.jpg", "t/odd[1].jpg", "t/sub"]
    assert found[-1].reason == "permission_denied"


@pytest.mark.skipif(os.name != "posix", reason="platform: names are bytes on POSIX only")
def test_names_that_are_not_utf8_survive(tree):
    (tree / "t" / os.fsdecode(b"\xff\xfe.jpg")).touch()
    assert os.fsencode("t/" + os.fsdecode(b"\xff\xfe.jpg")) in [os.fsencode(name) for name in names("t")]
