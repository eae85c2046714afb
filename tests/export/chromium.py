"""Chromium without a window, driven through the pipe of its DevTools protocol: no port, no package, no driver.

Messages are JSON, each ended by a NUL byte: the browser reads descriptor 3 and writes descriptor 4.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT_S = 60.0
PROCESSORS = "Emulation.setHardwareConcurrencyOverride"
ATTACH = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # a container's root has no sandbox; only our own page is opened
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--remote-debugging-pipe",
)
# Gives the two pipes the numbers that the browser expects, and becomes the browser.
LAUNCH = """
import fcntl, os, sys
for number, given in ((3, sys.argv[1]), (4, sys.argv[2])):
    sys.argv[number - 2] = fcntl.fcntl(int(given), fcntl.F_DUPFD, 10)
for number in (3, 4):
    os.dup2(sys.argv[number - 2], number)
os.execv(sys.argv[3], sys.argv[3:])
"""


def find_chromium() -> str | None:
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Chromium:
    """One browser with one page. Every event since the start is in ``events``."""

    def __init__(self, profile: Path) -> None:
        program = find_chromium()
        assert program is not None
        to_browser, from_us = os.pipe()
        to_us, from_browser = os.pipe()
        launch = (sys.executable, "-c", LAUNCH, str(to_browser), str(from_browser))
        self._process = subprocess.Popen(
            [*launch, program, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._out = os.fdopen(from_us, "wb", buffering=0)
        self._in = os.fdopen(to_us, "rb")
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.events: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._last = 0
        self._session: str | None = None
        self._processors: int | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def _attach(self) -> None:
        page = next(one for one in self.call("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        self.call("Target.setAutoAttach", **ATTACH)
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def _read(self) -> None:
        rest = b""
        while data := self._in.read1(1 << 16):
            *messages, rest = (rest + data).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers.put(message)
                else:
                    self.events.append(message)
                    if message["method"] == "Target.attachedToTarget":
                        self._watch(message["params"]["sessionId"])

    def _watch(self, session: str) -> None:
        """Have a worker's requests told as well, from its first on; it waits for that."""
        steps: list[tuple[str, dict[str, Any]]] = [("Network.enable", {}), ("Target.setAutoAttach", ATTACH)]
        if self._processors is not None:
            steps.append((PROCESSORS, {"hardwareConcurrency": self._processors}))
        for method, parameters in (*steps, ("Runtime.runIfWaitingForDebugger", {})):
            self._send({"id": 0, "method": method, "params": parameters, "sessionId": session})

    def _send(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._out.write(json.dumps(message).encode() + b"\0")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._send(message)
        while True:
            answer = self._answers.get(timeout=TIMEOUT_S)
            if answer["id"] == self._last:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def ask(self, script: str) -> Any:
        """Evaluate JavaScript in the page, wait for promises, and return the value."""
        found = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        assert "exceptionDetails" not in found, f"{script}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def wait(self, script: str, timeout_s: float = TIMEOUT_S) -> Any:
        """Ask again and again until the answer is true-like; a page that is being loaded has none."""
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            value = self.ask(script)
            if value:
                return value
            time.sleep(0.05)
        raise AssertionError(f"not true in {timeout_s} s: {script}")

    def open(self, url: str) -> None:
        self._leave("Page.navigate", url=url)

    def reload(self) -> None:
        self._leave("Page.reload")

    def _leave(self, method: str, **parameters: Any) -> None:
        """Go to another document, and be sure that it is not the old one that answers from here on."""
        self.ask("window.old = true")
        self.call(method, **parameters)
        self.wait("!window.old && document.readyState === 'complete' && location.href !== 'about:blank'")

    @contextlib.contextmanager
    def processors(self, count: int) -> Iterator[None]:
        """Have the workers of pages that are opened meanwhile see so many processors."""
        self._processors = count
        try:
            yield
        finally:
            self._processors = None

    def choose_file(self, selector: str, path: Path) -> None:
        """Put a file into an input, as a user's choice does."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def requests(self) -> list[str]:
        """Return the addresses of all requests so far."""
        sent = [event["params"] for event in list(self.events) if event["method"] == "Network.requestWillBeSent"]
        return [one["request"]["url"] for one in sent]

    def close(self) -> None:
        self._session = None
        with contextlib.suppress(BrokenPipeError):
            self._send({"id": 0, "method": "Browser.close"})
        self._out.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(10)
        self._in.close()
