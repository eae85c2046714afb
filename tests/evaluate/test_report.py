"""The report: complete in itself, safe with hostile names, and forbidding what it does not need."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tinysight.errors import UsageError
from tinysight.evaluate.class_plots import class_bars_svg, confusion_svg
from tinysight.evaluate.gallery import Mistake, worst_mistakes
from tinysight.evaluate.intervals import share
from tinysight.evaluate.plots import curves_svg, reliability_svg, risk_coverage_svg
from tinysight.evaluate.report import render_report
from tinysight.evaluate.svg import spaced, ticks
from tinysight.labels import Label
from tinysight.preprocess import encode_png

HOSTILE = "<script>alert(1)</script>\"'><img src=https://evil.example/x onerror=alert(2)>\x1b[31m\u202e"
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Every element with its attributes, its text, and whether all are closed."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.styles, self.words = [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            self.styles.append(data)
        else:
            self.words += data


def mistake(evaluation, index):
    png = encode_png(np.zeros((4, 4, 3), np.uint8))
    said, true = int(evaluation.predicted[index]), int(evaluation.truth[index])
    return Mistake(evaluation.paths[index], (said, 0.9), (true, 0.05), png, png, png)


@pytest.fixture
def hostile(make_evaluation):
    names = (HOSTILE, "b & c", "d")
    paths = tuple(Path("data") / f"{at}{HOSTILE.replace('/', '')}.png" for at in range(80))
    evaluation = make_evaluation(80, names, model=HOSTILE, where=HOSTILE, paths=paths, unreadable=(HOSTILE,))
    gallery = [mistake(evaluation, index) for index in worst_mistakes(evaluation, 3)]
    return evaluation, render_report(HOSTILE, evaluation, gallery, [(HOSTILE, "<p>more</p>")], reject_below=0.6)


def test_hostile_names_stay_text(hostile):
    _, text = hostile
    page = Page(text)
    assert not page.open
    tags = {tag for tag, _ in page.found}
    assert not tags & {"script", "iframe", "link", "object", "embed", "base", "form", "input", "foreignobject", "use"}
    for tag, attributes in page.found:
        assert not [name for name in attributes if name.startswith("on") or name == "style"], tag
        assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
        assert attributes.get("href", "#").startswith("#")
    assert "<script>alert(1)" in page.words
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_nothing_outside_is_named(hostile):
    _, text = hostile
    own = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    page = Page(own)
    assert "url(" not in own
    assert "@import" not in own
    for _, attributes in page.found:
        for name, value in attributes.items():
            if name in ("alt", "aria-label"):
                continue
            assert "//" not in (value or "").split("base64,")[0], (name, value)


def test_the_policy_allows_the_styles_that_are_there_and_nothing_else(hostile):
    _, text = hostile
    page = Page(text)
    (policy,) = [one["content"] for tag, one in page.found if one.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    hashes = {base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in page.styles}
    assert hashes == set(re.findall(r"'sha256-([^']+)'", policy))


def test_the_numbers_are_in_the_page(make_evaluation):
    evaluation = make_evaluation(80, left_out_seen=3251, training_known=True)
    page = Page(render_report("Flowers", evaluation))
    hits = int(evaluation.correct.sum())
    assert f"{hits} right" in page.words
    assert "\\x" not in page.words
    assert "3,251 pictures left out that the model was trained on." in page.words
    assert "does not say" not in page.words
    assert "Worst mistakes" not in page.words  # none were drawn
    assert "does not say" in Page(render_report("Flowers", make_evaluation())).words
    assert render_report("Flowers", evaluation) == render_report("Flowers", evaluation)


@pytest.mark.parametrize(
    ("count", "names"), [(1, ("a", "b")), (12, ("a",)), (300, tuple(f"class {at}" for at in range(100)))]
)
def test_small_and_large_evaluations_have_reports(make_evaluation, count, names):
    assert not Page(render_report("x", make_evaluation(count, names))).open
    assert not Page(render_report("x", make_evaluation(count, names, strength=50))).open  # always right


def test_worst_mistakes_are_the_surest(make_evaluation):
    evaluation = make_evaluation(200)
    worst = worst_mistakes(evaluation, 5)
    sure = evaluation.probabilities.max(axis=1)
    wrong = ~evaluation.correct
    assert wrong[worst].all()
    assert sorted(sure[worst])[::-1] == sure[worst].tolist() == sorted(sure[wrong])[:-6:-1]


def plots(make_evaluation):
    from tinysight.evaluate.calibration import reliability_bins

    evaluation = make_evaluation()
    bins = reliability_bins(evaluation.probabilities, evaluation.truth)
    return [
        curves_svg({HOSTILE: [(0, 1.0), (1, 0.5)], "b": [(0, 2.0), (1, 0.2)]}, "epoch", "loss"),
        curves_svg({"one point": [(3, 0.0)]}, "epoch", "share", percent=True),
        reliability_svg(bins),
        risk_coverage_svg([(0.5, 0.0), (1.0, 0.25)], (0.5, 0.0)),
        risk_coverage_svg([(1.0, 0.0)]),
        confusion_svg(np.array([[5, 1], [0, 3]]), [HOSTILE, "b"]),
        confusion_svg(np.eye(150, dtype=np.int64), [str(at) for at in range(150)]),
        class_bars_svg([HOSTILE], [share(3, 4)]),
    ]


def test_plots_are_whole_svg_files_with_words_for_a_screen_reader(make_evaluation):
    for svg in plots(make_evaluation):
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        title, description = root[0], root[1]
        assert (title.tag, description.tag) == ("{http://www.w3.org/2000/svg}title", "{http://www.w3.org/2000/svg}desc")
        assert title.text
        assert description.text
        assert "prefers-color-scheme:dark" in svg
        numbers = re.findall(r' (?:x|y|cx|cy|width|height)="([^"]*)"', svg)
        assert all(np.isfinite(float(number)) for number in numbers)


def test_curves_are_drawn_where_they_are():
    svg = curves_svg({"a": [(0, 0.0), (10, 1.0)]}, "x", "y")
    points = re.findall(r'points="([^"]*)" class="tl tl-blue"', svg)[0].split()
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in (points[0], points[-1]))
    assert x0 < x1
    assert y0 > y1


@pytest.mark.parametrize(
    "series",
    [{}, {"a": []}, {"a": [(0, float("nan"))]}, {str(at): [(0, 0)] for at in range(7)}],
)
def test_curves_that_cannot_be_drawn_are_refused(series):
    with pytest.raises(UsageError):
        curves_svg(series, "x", "y")


def test_ticks_are_round_and_inside():
    for low, high in ((0, 1), (0.031, 0.0489), (-3, 700), (0, 1e-6), (2.5, 2.5), (1e6, 1.2e6)):
        found = ticks(low, high)
        assert all(low - 1e-9 <= one <= high + 1e-9 for one in found)
        assert 1 <= len(found) <= 8


def test_labels_do_not_cover_each_other():
    moved = spaced([95, 96, 97], 10, 0, 100)
    assert moved == [80, 90, 100]


def test_names_of_labels_may_be_missing(make_evaluation):
    assert make_evaluation(labels=None).name(2) == "class 2"
    assert make_evaluation(labels=(Label(None, "x"),) * 3).name(2) == "x"
