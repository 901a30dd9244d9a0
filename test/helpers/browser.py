# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A real browser without a window, driven over its debugging pipe: keys, clicks, scripts, sizes."""

import base64
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

EXECUTABLE = shutil.which("chromium") or shutil.which("google-chrome")
"""None where there is none: skip the test."""

_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}


class Page:
    """One page; a context manager.

    Args:
        profile: empty folder for the browser's own files.
        size: width and height in CSS pixels.
        dark: whether the reader prefers dark colours.
    """

    def __init__(self, profile: Path, *, size: tuple[int, int], dark: bool = False) -> None:
        assert EXECUTABLE is not None
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # The protocol's file descriptors in the browser are 3 and 4.
        script = f'exec "$@" 3</dev/fd/{to_browser} 4>/dev/fd/{from_browser}'
        self._process = subprocess.Popen(
            [
                *("sh", "-c", script, "sh", EXECUTABLE, "--headless=new", "--no-sandbox"),
                *("--disable-gpu", f"--user-data-dir={profile}", "--remote-debugging-pipe"),
                "about:blank",
            ],
            pass_fds=(to_browser, from_browser),
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._number = 0
        self._session = ""
        targets = self._call("Target.getTargets")["targetInfos"]
        (target,) = (t["targetId"] for t in targets if t["type"] == "page")
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        width, height = size
        self._call(
            "Emulation.setDeviceMetricsOverride",
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def __enter__(self) -> "Page":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        os.close(self._read)
        os.close(self._write)

    def open(self, address: str, *, whole: bool = True) -> None:
        """Load a page, and wait until all of it is there, or its beginning if not `whole`."""
        self._call("Page.navigate", url=address)
        if not whole:
            return
        self.run(
            "new Promise(done => document.readyState == 'complete' ? done(0) : "
            "addEventListener('load', () => done(0)))"
        )

    def run(self, script: str) -> Any:
        """Return what an expression, or the promise that it is, evaluates to."""
        answer = self._call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and release a key."""
        about = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        text = {"text": "\r"} if key == "Enter" else {}
        modifiers = 8 if shift else 0
        self._call("Input.dispatchKeyEvent", type="keyDown", modifiers=modifiers, **about, **text)
        self._call("Input.dispatchKeyEvent", type="keyUp", modifiers=modifiers, **about)

    def pages(self) -> int:
        """Return how many pages the browser has open."""
        session, self._session = self._session, ""
        targets = self._call("Target.getTargets")["targetInfos"]
        self._session = session
        return sum(target["type"] == "page" for target in targets)

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """Write a PNG of what is seen, or of the whole page."""
        shot = self._call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(shot["data"]))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self._buffer:
                received = os.read(self._read, 1 << 20)
                assert received, "the browser has ended"
                self._buffer += received
            line, _, self._buffer = self._buffer.partition(b"\0")
            answer = json.loads(line)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result
