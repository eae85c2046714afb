"""The names of the classes, and what is made of logits."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinysight.errors import CheckpointError, EngineError, UsageError, printable
from tinysight.labels import (
    MAX_FILE_BYTES,
    MAX_LABEL_CHARACTERS,
    Label,
    Prediction,
    class_index,
    imagenet_labels,
    read_labels,
    softmax,
    top_k,
)

# ---------------------------------------------------------------- the 1000 classes


def test_the_table_is_keras_class_index_to_the_byte() -> None:
    index = {str(i): [label.wnid, label.keras_name] for i, label in enumerate(imagenet_labels())}
    text = json.dumps(index)
    # the hash that Keras checks imagenet_class_index.json against
    assert hashlib.md5(text.encode()).hexdigest() == "c2c37ea517e94d9795004a39431a14cb"


def test_the_file_numbers_its_rows() -> None:
    import tinysight.labels

    path = Path(tinysight.labels.__file__).parent / "assets" / "labels.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "index\twnid\tname"
    assert [int(line.split("\t")[0]) for line in lines[1:]] == list(range(1000))


def test_names_are_for_people_and_wnids_are_keys() -> None:
    labels = imagenet_labels()
    assert labels[386] == Label("n02504458", "African elephant")
    assert labels[386].keras_name == "African_elephant"
    assert not any("_" in label.name for label in labels)
    assert len({label.wnid for label in labels}) == 1000
    same = {label.name for label in labels if sum(other.name == label.name for other in labels) > 1}
    assert same == {"crane", "maillot"}
    assert [i for i, label in enumerate(labels) if label.name in same] == [134, 517, 638, 639]


def test_the_sample_of_photographs_agrees(shared: Path) -> None:
    with (shared / "data/imagenet_sample/labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 500
    labels = imagenet_labels()
    for row in rows:
        label = labels[int(row["index"])]
        assert (label.wnid, label.keras_name) == (row["wnid"], row["label"])


# ---------------------------------------------------------------- softmax

finite_logits = hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-(2.0**100), 2.0**100, width=32))


def test_softmax_golden() -> None:
    np.testing.assert_allclose(softmax(np.log([1.0, 2.0, 5.0])), [0.125, 0.25, 0.625], rtol=1e-15)


def test_softmax_works_on_rows_in_float64() -> None:
    rows = np.array([[1000.0, 1001.0, 0.0], [-1e4, -1e4, -1e4]], np.float32)
    out = softmax(rows)
    assert out.dtype == np.float64
    tail = 1 / (1 + np.e)
    np.testing.assert_allclose(out, [[tail, 1 - tail, 0], [1 / 3] * 3], rtol=1e-12)
    # a float32 sum over a million equal classes would be visibly off
    assert abs(softmax(np.zeros(1_000_000, np.float32)).sum() - 1) < 1e-9


@given(finite_logits)
def test_softmax_is_a_distribution(logits: np.ndarray) -> None:
    out = softmax(logits)
    assert out.shape == logits.shape
    assert np.isfinite(out).all()
    assert (out >= 0).all()
    assert abs(out.sum() - 1) < 1e-12


def test_softmax_of_the_widest_float64_range_does_not_overflow() -> None:
    assert softmax([1.7e308, -1.7e308]).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite_logits_are_refused(bad: float) -> None:
    with pytest.raises(EngineError, match="NaN or infinity"):
        softmax([0.0, bad])
    with pytest.raises(EngineError, match="NaN or infinity"):
        top_k([0.0, bad], None)


@pytest.mark.parametrize("bad", [[], 3.0, ["a"], [1j], [True], np.zeros((2, 0))])
def test_what_is_not_logits_is_refused(bad: object) -> None:
    with pytest.raises(UsageError, match="logits must be real numbers"):
        softmax(bad)  # type: ignore[arg-type]


# ---------------------------------------------------------------- top_k

ABC = (Label("n1", "a"), Label(None, "b"), Label("n3", "c"))


def test_top_k_golden() -> None:
    best = top_k(np.log([1.0, 5.0, 2.0]).astype(np.float32), ABC, k=2)
    assert [(p.index, p.wnid, p.label) for p in best] == [(1, None, "b"), (2, "n3", "c")]
    assert [p.probability for p in best] == pytest.approx([0.625, 0.25], rel=1e-6)
    assert best[0].to_dict() == {"index": 1, "wnid": None, "label": "b", "probability": best[0].probability}
    assert list(best[0].to_dict()) == ["index", "wnid", "label", "probability"]
    assert all(type(value) in (int, str, float, type(None)) for p in best for value in p.to_dict().values())


def test_ties_go_to_the_lower_index() -> None:
    logits = np.zeros(1000, np.float32)
    logits[[700, 3, 250]] = 1
    assert [p.index for p in top_k(logits, imagenet_labels(), 5)] == [3, 250, 700, 0, 1]


def test_order_survives_probabilities_that_round_to_equal() -> None:
    assert [p.index for p in top_k([0.0, -800.0, 900.0, -790.0], None, 4)] == [2, 0, 3, 1]


def test_small_unsigned_logits_do_not_wrap() -> None:
    assert [p.index for p in top_k(np.array([3, 0, 200], np.uint8), None, 3)] == [2, 0, 1]


@given(finite_logits, st.integers(1, 60))
def test_top_k_is_a_sorted_prefix(logits: np.ndarray, k: int) -> None:
    best = top_k(logits, None, k)
    assert len(best) == min(k, logits.size)
    keys = [(-float(logits[p.index]), p.index) for p in best]
    assert keys == sorted((-float(x), i) for i, x in enumerate(logits))[: len(best)]
    shares = [p.probability for p in best]
    assert shares == sorted(shares, reverse=True)
    assert all(p.label == f"class {p.index}" and p.wnid is None for p in best)


def test_k_above_the_number_of_classes_means_all() -> None:
    assert len(top_k([1, 2, 3], ABC, np.int64(99))) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [0, -1, True, 2.0, "3", None])
def test_k_must_be_a_positive_whole_number(k: object) -> None:
    with pytest.raises(UsageError, match="k must be a whole number of at least 1"):
        top_k([1.0, 2.0], None, k)  # type: ignore[arg-type]


def test_labels_must_fit_the_outputs() -> None:
    with pytest.raises(UsageError, match="1000 labels for 1001 classes"):
        top_k(np.zeros(1001), imagenet_labels())
    with pytest.raises(UsageError, match="1000 labels for 999 classes"):
        top_k(np.zeros(999), imagenet_labels())
    with pytest.raises(UsageError, match=r"received \(1, 3\)"):
        top_k([[1, 2, 3]], ABC)


def test_a_prediction_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Prediction(0, None, "a", 1.0).index = 1  # type: ignore[misc]


# ---------------------------------------------------------------- label files


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "labels.txt"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "data",
    [
        b"a\nb\nc\n",
        b"a\nb\nc",
        b"\xef\xbb\xbfa\r\nb\r\nc\r\n",
        b"\xef\xbb\xbfa\r\nb\r\nc",
        b"  a\t\nb \nc",
    ],
)
def test_read_labels_ways_to_write_the_same(tmp_path: Path, data: bytes) -> None:
    assert read_labels(write(tmp_path, data), 3) == (Label(None, "a"), Label(None, "b"), Label(None, "c"))


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>", "=cmd|x", "a\x1b[31mred", "\u202eevil", "x\u2028y\x85z\x0bw", "雏菊"]
    path = write(tmp_path, "\n".join(names).encode())
    labels = read_labels(str(path), len(names))
    assert [label.name for label in labels] == names
    assert printable(labels[2].name) == "a\\x1b[31mred"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\nb\n", "2 labels for 3 classes; the counts must be equal"),
        (b"a\nb\nc\nd\ne", "5 labels for 3 classes; the counts"),
        (b"background\na\nb\nc\n", "4 labels for 3 classes; .*'background'.*3 outputs.*remove that line"),
        (b"\x1b[2J\na\nb\nc\n", r"line 1 is '\\x1b\[2J'"),
        (b"a\n\nc\n", "line 2 is empty"),
        (b"a\nb\nc\n\n", "line 4 is empty"),
        (b"a\nb\n \t\r\n", "line 3 is empty"),
        (b"", "line 1 is empty"),
        (b"a\nb\ncaf\xe9\n", "line 3 is not UTF-8 .byte 0xe9"),
        (b"\xef\xbb\xbfa\ncaf\xe9\nc", "line 2 is not UTF-8 .byte 0xe9"),
        (b"a\n\xed\xa0\x80\nc", "line 2 is not UTF-8"),
        (b"a\nb\0\nc\n", "NUL"),
        ("a\nb\nc".encode("utf-16"), "NUL"),
        (b"a\nb\n" + b"x" * (MAX_LABEL_CHARACTERS + 1), "line 3 has 501 characters"),
        (b"a\nb\n" + b"c" * MAX_FILE_BYTES, "larger than the 4194304 bytes"),
    ],
)
def test_read_labels_refuses(tmp_path: Path, data: bytes, message: str) -> None:
    path = write(tmp_path, data)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_labels(path, 3)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_limits_themselves_are_allowed(tmp_path: Path) -> None:
    name = "x" * MAX_LABEL_CHARACTERS
    path = write(tmp_path, f"{name}\nb\n".encode())
    assert read_labels(path, 2)[0].name == name


def test_unreadable_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="No such file"):
        read_labels(tmp_path / "none.txt", 3)
    with pytest.raises(CheckpointError, match="not a regular file"):
        read_labels(tmp_path, 3)
    with pytest.raises(CheckpointError, match="can have this name"):
        read_labels("a\0b", 3)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match="not a regular file"):
        read_labels(tmp_path / "pipe", 3)


def test_the_corpus_of_bad_label_files(shared: Path) -> None:
    folder = shared / "data/bad_models"
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith("labels_")]
    assert len(rows) >= 6
    messages = {}
    for row in rows:
        try:
            labels = read_labels(folder / row["file"], 1000)
            verdict = "ok"
            assert len(labels) == 1000
            assert not any(label.name.startswith("\ufeff") or label.name.endswith("\r") for label in labels)
        except CheckpointError as error:
            verdict = "refuse"
            messages[row["file"]] = str(error)
        assert verdict in row["expect"].split("_or_"), row["file"]
    assert "background" in messages["labels_1001.txt"]
    assert "line 1 is not UTF-8" in messages["labels_latin1.txt"]


@pytest.mark.parametrize(
    ("text", "index"), [("281", 281), ("n02123045", 281), ("tabby", 281), ("African Elephant", 386)]
)
def test_a_class_is_found_by_index_wnid_or_name(text, index) -> None:
    assert class_index(text, imagenet_labels(), 1000) == index


@pytest.mark.parametrize(
    ("text", "message"),
    [("1000", "0 to 999"), ("crane", r"\[134, 517\]"), ("tabbi", "no class"), ("-1", "no class"), ("", "no")],
)
def test_no_near_match_and_no_guess_between_two(text, message) -> None:
    with pytest.raises(UsageError, match=message):
        class_index(text, imagenet_labels(), 1000)
