"""What a host gives, or not, to the page in a real Chromium: damage, gaps, headers, and no other origin."""

import json
import shutil

import numpy as np
import pytest
from web_helpers import encoded, served
from web_visit import NEEDS, PROBLEM, READY, answer, opened

pytestmark = NEEDS
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


@pytest.fixture
def folder(site, tmp_path):
    """A copy of the small model's folder, with a picture beside it."""
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    return shutil.copytree(site[1].with_name("site"), tmp_path / "site")


def test_a_damaged_model_is_not_used(browser, folder):
    target = folder / "model.onnx"
    data = bytearray(target.read_bytes())
    offset = json.loads((folder / "model.json").read_text())["head"]["offset"]
    data[offset : offset + 4096] = np.full(1024, 3, np.float32).tobytes()
    target.write_bytes(data)
    with served(folder) as server:
        browser.open(server.url)
        browser.wait(PROBLEM)
        assert "gives other answers" in browser.ask(PROBLEM)


def test_a_worker_that_does_not_load_is_told_each_time(browser, folder, tmp_path):
    (folder / "runtime/ort.wasm.min.mjs").unlink()
    with served(folder) as server:
        browser.open(server.url)
        browser.wait(PROBLEM)
        told = browser.ask(PROBLEM)
        assert told.startswith("The network does not run here") and "a file is missing" in told
        browser.choose_file("#file", tmp_path / "a.png")
        browser.wait("document.getElementById('headline').textContent === 'No answer'")
        assert browser.ask(PROBLEM) == told


def test_an_isolated_page_answers_the_same_on_two_threads(browser, site, folder, tmp_path):
    opened(browser, site[0])
    assert browser.ask("document.body.dataset.threads") == "1"
    names, logits, _ = answer(browser, tmp_path / "a.png")
    with served(folder, ISOLATION) as server, browser.processors(4):
        opened(browser, server)
        assert browser.ask("self.crossOriginIsolated") is True
        assert browser.ask("document.body.dataset.threads") == "2"
        others, other_logits, _ = answer(browser, tmp_path / "a.png")
    assert [one["index"] for one in others] == [one["index"] for one in names]
    np.testing.assert_allclose(other_logits, logits, rtol=1e-4, atol=1e-4)


def test_once_visited_it_works_without_a_network(browser, folder, tmp_path):
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    with served(folder) as server:
        opened(browser, server)
        browser.wait("navigator.serviceWorker.ready.then(() => Boolean(navigator.serviceWorker.controller))")
    browser.reload()
    browser.wait(READY)
    assert answer(browser, tmp_path / "a.png")[0]


def test_no_request_has_left_the_origin_and_nothing_was_complained_about(browser, folder, tmp_path):
    begin = len(browser.events)
    with served(folder) as server:  # another origin than before, of which nothing is kept
        opened(browser, server)
        answer(browser, tmp_path / "a.png")
        browser.wait("navigator.serviceWorker.ready.then(Boolean)")
    asked = [url for url in browser.requests() if not url.startswith(("http://127.0.0.1:", "blob:http://127.0.0.1:"))]
    assert asked == []
    kinds = {url.rsplit("/", 1)[-1] for url in browser.requests() if url.startswith(server.url)}
    assert {"model.onnx", "ort-wasm-simd-threaded.wasm", "worker.js", "sw.js"} <= kinds, "workers are watched too"
    said = [
        one["params"]
        for one in browser.events[begin:]
        if one["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")
    ]
    assert [one for one in said if one.get("entry", {}).get("level") != "info"] == []
