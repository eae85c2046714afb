"""The folder of a page: what is in it, where its numbers lie, and what the gate refuses; no browser is needed."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from web_helpers import HOSTILE, small_model, stand_in

import tinysight.export.web as web
from tinysight.engines.onnx import is_installed
from tinysight.errors import GateError, StoreError, UsageError
from tinysight.explain import class_activation_map, head_weights
from tinysight.export import FORMATS, ExportOptions, export_model, report_path
from tinysight.export.web import open_web, web_files
from tinysight.fold import fold
from tinysight.store import Settings

pytestmark = pytest.mark.skipif(not is_installed(), reason="needs onnx and onnxruntime (extra onnx)")
PAGE = {"index.html", "style.css", "app.js", "worker.js", "pixels.js", "heat.js", "README.txt", "LICENSES.txt"}


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(autouse=True)
def _no_registry(monkeypatch):
    monkeypatch.setattr(web, "npm_members", lambda *_: stand_in())


def about(files) -> dict:
    return json.loads(files["model.json"])


def test_the_folder_is_written_and_compared_with_us(model, tmp_path):
    target = tmp_path / "site"
    parity = export_model(model, "web", target)
    assert parity is not None and parity.runtime.startswith("ONNX Runtime") and parity.labels_equal
    names = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert names >= PAGE
    assert {"model.onnx", "model.json", "sw.js", "manifest.webmanifest", "runtime/ort.wasm.min.mjs"} <= names
    assert json.loads(report_path(target).read_text())["format"] == "web"
    assert parity.bytes == sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def test_the_service_worker_keeps_all_that_the_page_needs(model):
    files = web_files(model, ExportOptions())
    site = json.loads(re.match(rb"const SITE = (.*);\n", files["sw.js"])[1])
    assert set(site["files"]) == set(files) - {"sw.js", "README.txt", "LICENSES.txt"} | {"./"}
    other = web_files(small_model(2), ExportOptions())
    assert site["version"] not in other["sw.js"].decode(), "another content is another version"
    assert files == web_files(model, ExportOptions()), "the same model gives the same bytes"


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_the_head_lies_where_the_page_reads_it(model, precision):
    files = web_files(model, ExportOptions(precision))
    head, classes, channels = about(files)["head"], 7, about(files)["features"][2]
    kind = {"float32": "<f4", "float16": "<f2", "int8": "|i1"}[precision]
    kernel = np.frombuffer(files["model.onnx"], kind, classes * channels, head["offset"]).reshape(classes, channels)
    wanted = head_weights(model, precision)[0][0, 0].T
    if precision == "int8":  # the page's features are in units, so that their worth is not in its kernel
        worth = np.frombuffer(files["model.onnx"], "<f4", classes, head["scale"]) * head["factor"]
        steps = [row.step for row in model.integers.layers.values() if row.step is not None][-1]
        kernel = kernel * worth[:, None] / steps
    np.testing.assert_allclose(kernel, wanted, rtol=1e-5 if precision != "float16" else 1e-3, atol=1e-6)


def test_features_and_head_give_the_logits_less_the_bias(model):
    import onnxruntime

    files = web_files(model, ExportOptions())
    session = onnxruntime.InferenceSession(files["model.onnx"], providers=["CPUExecutionProvider"])
    images = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8)
    logits, features = session.run(["logits", "features"], {"images": images})
    heat = class_activation_map(features[0], model.arrays["conv_preds.kernel"], 3)
    np.testing.assert_allclose(heat.mean() + model.arrays["conv_preds.bias"][3], logits[0, 3], rtol=1e-4)


def test_names_of_a_stranger_stand_in_the_data_alone(model):
    files = web_files(model, ExportOptions())
    assert about(files)["labels"][1] == HOSTILE
    for name, content in files.items():
        if name.endswith((".html", ".js", ".css")):
            assert b"onerror=" not in content and b"</script> one" not in content


def test_a_model_without_names_has_numbers(make_checkpoint):
    files = web_files(make_checkpoint(alpha=0.25, resolution=32, num_classes=2), ExportOptions())
    assert about(files)["labels"] == ["class 0", "class 1"]
    assert about(files)["probe"] is None


def test_the_page_names_no_other_origin():
    for path in Path(web.__file__).parent.parent.joinpath("assets/web").iterdir():
        if path.suffix in (".html", ".js", ".css"):
            text = path.read_text().replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text and "https://" not in text, path.name
            assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function", text)
    page = path.with_name("index.html").read_text()
    assert "default-src 'none'" in page and "connect-src 'self'" in page and "unsafe-inline" not in page
    assert not re.search(r"\sstyle=|\son[a-z]+=", page), "the policy forbids what stands in attributes"


def test_shifted_names_and_damaged_weights_are_refused(model, tmp_path, monkeypatch):
    def spoil(change):
        def make(checkpoint, options):
            files = web_files(checkpoint, options)
            change(files)
            return files

        monkeypatch.setitem(FORMATS, "web", FORMATS["web"]._replace(make=lambda c, o, _: make(c, o)))

    def shift(files):
        fields = about(files)
        files["model.json"] = json.dumps(fields | {"labels": fields["labels"][1:] + fields["labels"][:1]}).encode()

    def damage(files):
        bias = fold(model.card.spec, model.arrays)["conv_pw_13"].bias.tobytes()
        files["model.onnx"] = files["model.onnx"].replace(bias, bytes(len(bias)))

    for change, message in ((shift, "labels are not the model's"), (damage, "logits differ from ours")):
        spoil(change)
        with pytest.raises(GateError, match=message):
            export_model(model, "web", tmp_path / "site")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"pixels": True}, {"batch": 2}, {"probabilities": True}])
def test_what_the_page_decides_cannot_be_chosen(model, options, tmp_path):
    with pytest.raises(UsageError, match="web has no"):
        export_model(model, "web", tmp_path / "site", ExportOptions(**options))


def test_offline_without_the_runtime_is_one_line_and_no_folder(model, tmp_path, monkeypatch):
    monkeypatch.undo()
    options = ExportOptions(settings=Settings(tmp_path / "cache", offline=True))
    with pytest.raises(StoreError, match=r"onnxruntime-web-.*\.tgz is not in the cache and offline mode is on"):
        export_model(model, "web", tmp_path / "site", options)
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize(
    ("precision", "fault"),
    [(one, fault) for one in ("float32", "float16", "int8") for fault in ("offset", "recipe")] + [("int8", "scale")],
)
def test_what_the_page_reads_beside_the_model_is_checked(model, precision, fault):
    files = web_files(model, ExportOptions(precision))
    open_web(files)
    fields = about(files)
    if fault == "recipe":
        fields["recipe"]["crop_fraction"] = 0.5
    else:
        fields["head"][fault] += 4
    files["model.json"] = json.dumps(fields).encode()
    with pytest.raises(GateError, match="recipe" if fault == "recipe" else "does not lie where"):
        open_web(files)


def test_open_web_asks_what_the_page_reads(model):
    artefact = open_web(web_files(model, ExportOptions("int8")))
    assert artefact.labels == tuple(label.name for label in model.card.labels)


def test_a_model_without_a_head_is_refused(make_checkpoint, tmp_path):
    model = make_checkpoint(alpha=0.25, resolution=32, include_top=False)
    with pytest.raises(UsageError, match="has no head"):
        export_model(model, "web", tmp_path / "site")
