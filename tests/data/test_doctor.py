"""Every fault that is planted is found, nothing else is, and data without a fault are left in peace."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from data_makers import SIDE, drawn, encoded, fill, tree, two_classes
from PIL import Image

from tinysight.data import PARTS
from tinysight.data.doctor import check_dataset
from tinysight.data.findings import KINDS
from tinysight.errors import UsageError


def kinds(folder, **options):
    return {finding.kind for finding in check_dataset(folder, resolution=SIDE, **options).findings}


def three_parts(folder: Path) -> Path:
    for number, part in enumerate(("train", "val", "test")):
        fill(folder / part / "cat", 10, 100 * number)
        fill(folder / part / "dog", 10, 1000 + 100 * number)
    return folder


def table(folder: Path, *more: str) -> Path:
    two_classes(folder)
    rows = [f"{name}/{number:02}.png,{name}" for name in ("cat", "dog") for number in range(12)]
    (folder / "labels.csv").write_text("\n".join(["file,label", *rows, *more]))
    return folder


def save(folder: Path, name: str, image: Image.Image, **options) -> None:
    kind = {"jpg": "JPEG", "tif": "TIFF"}.get(name[-3:], name[-3:].upper())
    (folder / name).write_bytes(encoded(image, kind, **options))


def grey(path: Path) -> None:
    path.write_bytes(encoded(Image.open(path).convert("L")))


FIRST = drawn(0)  # what cat/00.png shows
NEW = drawn(5555, 160, 120)
JPEG = encoded(NEW, "JPEG")
EXIF_TURNED = Image.Exif()
EXIF_TURNED[0x0112] = 6
NOISE = np.random.default_rng(1).integers(0, 65536, (SIDE, SIDE), np.uint16)


@pytest.mark.parametrize("make", [two_classes, three_parts, table])
def test_nothing_is_found_where_nothing_is_wrong(tmp_path, make):
    checkup = check_dataset(make(tmp_path), resolution=SIDE)
    assert checkup.findings == ()
    assert not checkup.needs_attention


# kind -> what is done to a folder of two classes of twelve
PLANTED = {
    "empty_file": lambda d: tree(d, "cat/x.png"),
    "truncated": lambda d: (d / "cat/x.jpg").write_bytes(JPEG[: len(JPEG) // 2]),
    "not_an_image": lambda d: (d / "cat/x.jpg").write_bytes(b"<html><body>404 not found</body></html>"),
    "unreadable": lambda d: (d / "cat/x.jpg").write_bytes(b"%PDF-1.4 and so on"),
    "unreadable pipe": lambda d: os.mkfifo(d / "dog/x.jpg"),
    "wrong_suffix": lambda d: (d / "cat/x.png").write_bytes(JPEG),
    "same_bytes": lambda d: shutil.copy(d / "cat/00.png", d / "cat/x.png"),
    "same_bytes_two_labels": lambda d: shutil.copy(d / "cat/00.png", d / "dog/x.png"),
    "near_copy": lambda d: save(d, "cat/x.jpg", FIRST, quality=60),
    "near_copy_two_labels": lambda d: save(d, "dog/x.png", FIRST.resize((100, 100))),
    "small_class": lambda d: fill(d / "elk", 9, 7000),
    "empty_class": lambda d: tree(d, "elk/"),
    "one_class": lambda d: shutil.rmtree(d / "dog"),
    "imbalance": lambda d: fill(d / "elk", 121, 7000),
    "tiny_picture": lambda d: save(d, "cat/x.png", drawn(5555, 31, 40)),
    "few_pixels": lambda d: save(d, "cat/x.png", drawn(5555, SIDE - 1, 100)),
    "long_picture": lambda d: save(d, "cat/x.png", drawn(5555, 300, 70)),
    "odd_pixels": lambda d: save(d, "cat/x.png", NEW.convert("L")),
    "odd_pixels alpha": lambda d: save(d, "cat/x.png", NEW.convert("RGBA")),
    "odd_pixels CMYK": lambda d: save(d, "cat/x.jpg", NEW.convert("CMYK")),
    "odd_pixels palette": lambda d: save(d, "cat/x.png", NEW.convert("P", palette=Image.Palette.ADAPTIVE)),
    "odd_pixels 16 bit": lambda d: save(d, "cat/x.png", Image.fromarray(NOISE)),
    "odd_pixels 16 bit tif": lambda d: save(d, "cat/x.tif", Image.fromarray(NOISE)),
    "turned": lambda d: save(d, "cat/x.jpg", NEW, exif=EXIF_TURNED),
    "turned png": lambda d: save(d, "cat/x.png", NEW, exif=EXIF_TURNED),
    "blank": lambda d: save(d, "cat/x.jpg", Image.new("RGB", (SIDE, SIDE), (200, 10, 60))),
    "animated": lambda d: save(d, "cat/x.png", NEW, save_all=True, append_images=[drawn(5556, 160, 120)]),
    "class_order": lambda d: [fill(d / name, 10, seed) for name, seed in (("k10", 7000), ("k9", 8000))],
    "alike_names": lambda d: fill(d / "CAT ", 10, 7000).rename(d / "C A T"),
    "alike_names normal form": lambda d: [fill(d / name, 10, at) for name, at in (("\xe9", 7000), ("e\u0301", 8000))],
    "odd_class_name": lambda d: fill(d / os.fsdecode(b"\xff"), 10, 7000),
    "loose_picture": lambda d: save(d, "x.png", NEW),
    "other_file": lambda d: tree(d, "cat/Thumbs.db"),
    "link": lambda d: (d / "cat/x.png").symlink_to(shutil.move(d / "cat/00.png", d.parent / "elsewhere.png")),
    "linked_folder": lambda d: (d / "cat" / "round").symlink_to(d),
    "telltale_pixels": lambda d: [grey(path) for path in fill(d / "elk", 12, 7000).iterdir()],
    "missing_file": lambda d: (d / "cat/x.png").symlink_to("nowhere.png"),
}  # fmt: skip


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found_and_nothing_else(tmp_path, fault):
    folder = two_classes(tmp_path / "data")
    PLANTED[fault](folder)
    found = kinds(folder)
    if fault == "near_copy":  # where the split puts the two is for their bytes to say
        found = {kind.removesuffix("_two_parts") for kind in found}
    assert found == {fault.split()[0]}


TABLE_FAULTS = {
    "missing_file": ["cat/none.png,cat"],
    "row_outside": ["../x.png,cat"],
    "row_incomplete": ["cat/00.png,"],
    "listed_twice": ["cat/00.png,dog"],
}


@pytest.mark.parametrize("fault", TABLE_FAULTS)
def test_a_fault_in_a_table(tmp_path, fault):
    assert kinds(table(tmp_path, *TABLE_FAULTS[fault])) == {fault}


PART_FAULTS = {
    "same_bytes_two_parts": lambda d: shutil.copy(d / "train/cat/00.png", d / "test/cat/x.png"),
    "near_copy_two_parts": lambda d: save(d, "test/cat/x.jpg", FIRST, quality=70),
    "class_missing_in_part": lambda d: shutil.rmtree(d / "val/dog"),
    "empty_part": lambda d: [shutil.rmtree(d / "test" / name) for name in ("cat", "dog")],
    "other_folder": lambda d: fill(d / "backup" / "cat", 2, 9000),
    "small_class": lambda d: [fill(d / part / "elk", 3, 7000 + 9 * number) for number, part in enumerate(PARTS)],
}  # fmt: skip


@pytest.mark.parametrize("fault", PART_FAULTS)
def test_a_fault_between_parts(tmp_path, fault):
    PART_FAULTS[fault](three_parts(tmp_path))
    assert kinds(tmp_path) == {fault}


def test_every_kind_is_planted_somewhere():
    planted = {fault.split()[0] for faults in (PLANTED, TABLE_FAULTS, PART_FAULTS) for fault in faults}
    assert planted | {"folder_unreadable"} == set(KINDS)


def test_a_folder_that_cannot_be_searched(tmp_path, monkeypatch):
    locked = fill(two_classes(tmp_path) / "cat" / "locked", 3, 9000)
    search = os.scandir

    def refusing(path):  # root may search every folder
        if Path(path) == locked:
            raise PermissionError(13, "Permission denied", str(path))
        return search(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert kinds(tmp_path) == {"folder_unreadable"}


def test_nothing_to_measure_with_is_fine_where_nothing_is_wanted(tmp_path):
    assert kinds(two_classes(tmp_path), test_share=0) == set()


def test_counts_leave_out_what_cannot_be_read(tmp_path):
    folder = tree(two_classes(tmp_path), "cat/x.png", "cat/y.png")
    seen = []
    checkup = check_dataset(folder, resolution=SIDE, progress=lambda done, total: seen.append((done, total)))
    assert [sum(counts) for counts in checkup.counts] == [12, 12]
    assert seen == [(number, 26) for number in range(1, 27)]


def test_wrong_options_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UsageError, match="test_share and val_share must leave something"):
        check_dataset(two_classes(tmp_path), test_share=0.9, val_share=0.1, progress=pytest.fail)


def test_hostile_pictures_among_good_ones(tmp_path, shared):
    """The corpus of damaged, huge and lying files: each is told, none stops it, and the good ones are still used."""
    folder = two_classes(tmp_path)
    for path in sorted((shared / "data" / "bad_images" / "generated").iterdir()):
        if path.suffix in (".jpg", ".png", ".gif", ".webp", ".tif", ".bmp") and path.stat().st_size < 100_000:
            shutil.copy(path, folder / "cat" / path.name)
    os.mkfifo(folder / "cat" / "pipe.jpg")
    checkup = check_dataset(folder, resolution=SIDE)
    unreadable = {Path(name).name for one in checkup.findings if one.severity == "error" for name in one.files}
    assert {"pipe.jpg", "empty.jpg", "eps_as.jpg", "bomb_header_2g.png"} <= unreadable
    assert all("\n" not in one.message and one.message.isprintable() for one in checkup.findings)
    assert not any(Path(name).parent.name == "dog" for one in checkup.findings for name in one.files)


@pytest.mark.slow
def test_flowers(shared):
    checkup = check_dataset(shared / "data" / "flowers")
    by_kind = {kind: [one for one in checkup.findings if one.kind == kind] for kind in KINDS}
    twice = {Path(name).name.split("_")[0] for one in by_kind["same_bytes_two_labels"] for name in one.files}
    assert twice == {"15922772266", "17104364030", "17291451621", "17291930305"}
    assert len(by_kind["same_bytes"]) == 2
    near = [one for kind in ("near_copy", "near_copy_two_parts", "near_copy_two_labels") for one in by_kind[kind]]
    # Looked at one by one: 29 groups, of which 26 are pairs and three are threes, all of one photo each.
    assert (len(near), sum(len(one.files) for one in near)) == (29, 61)
    allowed = {"same_bytes_two_labels", "same_bytes", "near_copy", "near_copy_two_parts"}
    assert {one.kind for one in checkup.findings} == allowed


def test_every_kind_is_explained_in_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", page, re.MULTILINE)
    assert rows == [(kind, severity) for kind, (severity, _) in KINDS.items()]
