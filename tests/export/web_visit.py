"""What the tests do with the page as its visitors do: open it, choose a picture, read the answer."""

import numpy as np
import pytest
from chromium import Chromium, find_chromium

from tinysight.engines.onnx import is_installed

NEEDS = [
    pytest.mark.skipif(not is_installed(), reason="needs onnx and onnxruntime (extra onnx)"),
    pytest.mark.skipif(find_chromium() is None, reason="needs Chromium (Debian: apt install chromium)"),
]
READY = "document.body.dataset.ready"
SHOWN = "import('./app.js').then(({shown}) => [shown.names, Array.from(shown.logits), Array.from(shown.cells)])"
PROBLEM = "document.getElementById('problem').textContent"


def answer(browser: Chromium, path):
    """Choose a picture as a user does and return what the page holds then."""
    before = browser.ask("document.body.dataset.answered || 0")
    browser.choose_file("#file", path)
    browser.wait(f"(document.body.dataset.answered || 0) != {before} || !document.getElementById('problem').hidden")
    assert browser.ask(PROBLEM) == ""
    names, logits, cells = browser.ask(SHOWN)
    return names, np.array(logits), np.array(cells)


def opened(browser: Chromium, server):
    """Open a page that is ready, unless it is what the browser shows."""
    if browser.ask("location.href") != server.url:
        browser.open(server.url)
    browser.wait(READY)
