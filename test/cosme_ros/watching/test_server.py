# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The page over a real server: state, stream, slider, moments; and what it refuses."""

import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from helpers.browser import EXECUTABLE, Page
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.bundle.writing import write_manifest
from cosme_ros.inference.detector import Detector
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule
from cosme_ros.sources.interface import SourceFrame
from cosme_ros.watching.server import serve
from cosme_ros.watching.session import WatchSession

OBSTACLE = 4  # the frame that has one
FRAMES = [
    SourceFrame(
        index,
        index * 2_500_000_000,
        street_frame(90, 135, box=(60, 60, 20, 15) if index == OBSTACLE else None, seed=index),
    )
    for index in range(6)
]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> WatchSession:
    bundle = load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"))
    detector = Detector(bundle, provider="cpu", false_positive_rate=0.001, threads=1)
    session = WatchSession(detector, ObstacleRule(None, 30), temporal="none")
    session.run(iter(FRAMES), live=True)
    return session


@pytest.fixture(scope="module")
def address(session: WatchSession) -> Iterator[str]:
    with serve(session, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def get(address: str, *, headers: dict[str, str] | None = None, data: Any = None) -> bytes:
    body = None if data is None else json.dumps(data).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(address, data=body, headers={**kind, **(headers or {})})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return bytes(answer.read())


def test_the_state_is_that_of_the_last_frame(address: str) -> None:
    state = json.loads(get(f"{address}/state.json"))
    assert (state["index"], state["status"], state["obstacles"]) == (5, "ended", 0)
    assert state["seconds"] == pytest.approx(12.5)
    assert state["false_positive_rate"] == pytest.approx(0.001)


def test_the_highest_moment_is_the_obstacles(address: str) -> None:
    worst = json.loads(get(f"{address}/state.json"))["worst"]
    assert worst[0]["index"] == OBSTACLE
    assert [m["peak"] for m in worst] == sorted((m["peak"] for m in worst), reverse=True)
    picture = cv2.imdecode(np.frombuffer(get(f"{address}/moment/{OBSTACLE}"), np.uint8), 1)
    assert picture.shape == (90, 135, 3)


def test_the_stream_gives_the_newest_picture(address: str) -> None:
    with urllib.request.urlopen(f"{address}/stream.mjpg", timeout=30) as answer:
        assert answer.headers["Content-Type"].startswith("multipart/x-mixed-replace")
        assert answer.readline() == b"--frame\r\n"
        assert answer.readline() == b"Content-Type: image/jpeg\r\n"
        assert answer.readline() == b"\r\n"
        jpeg = b""
        while not jpeg.endswith(b"\r\n--frame\r\n"):
            jpeg += answer.readline()
        assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1).shape == (90, 135, 3)


def test_the_slider_moves_the_threshold(session: WatchSession, address: str) -> None:
    before = session._detector.threshold
    state = json.loads(get(f"{address}/control", data={"false_positive_rate": 0.1}))
    assert state["false_positive_rate"] == 0.1
    assert session._detector.threshold < before
    get(f"{address}/control", data={"false_positive_rate": 0.001})
    assert session._detector.threshold == pytest.approx(before)


def test_the_slider_redraws_what_stands_still(session: WatchSession, address: str) -> None:
    """At the end of a drive no other frame follows that would show the new threshold."""
    newest = session.next_jpeg(0)
    before = json.loads(get(f"{address}/state.json"))
    moment = get(f"{address}/moment/{OBSTACLE}")
    assert newest is not None and before["obstacles"] == 0
    after = json.loads(get(f"{address}/control", data={"false_positive_rate": 0.5}))
    redrawn = session.next_jpeg(newest[0])
    assert redrawn is not None and redrawn[1] != newest[1]
    assert after["obstacles"] > 0 and after["status"] == "ended"
    assert after["peak"] > before["peak"]
    # The moments too: their scores are multiples of the threshold of now.
    assert after["worst"][0]["peak"] > before["worst"][0]["peak"]
    assert get(f"{address}/moment/{OBSTACLE}") != moment
    get(f"{address}/control", data={"false_positive_rate": before["false_positive_rate"]})
    assert json.loads(get(f"{address}/state.json")) == before


def test_frames_unlike_those_of_calibration_are_named(session: WatchSession) -> None:
    assert session.state()["diagnostics"] == ""
    foreign = WatchSession(session._detector, ObstacleRule(None, 30), temporal="none")
    magenta = np.full((90, 135, 3), (230, 20, 230), np.uint8)
    magenta[:20] = street_frame(90, 135)[:20]
    foreign.run(iter([SourceFrame(0, 0, magenta)]), live=True)
    sentence = "these are not the scenes the bundle was fitted on"
    assert sentence in foreign.state()["diagnostics"]


def test_out_of_domain_withholds_the_mask_as_the_node_does(tmp_path: Path) -> None:
    manifest_of = write_tiny_bundle(tmp_path / "tiny") / "manifest.json"
    manifest = json.loads(manifest_of.read_text())
    bright = {"brightness": {"low": 250.0, "middle": 252.0, "high": 254.0}}
    manifest["calibration"]["health"] = {"frames": 20, "measures": bright}
    write_manifest(manifest_of.parent, manifest)
    detector = Detector(load_bundle(manifest_of.parent), provider="cpu", threads=1)
    for choice, obstacles in (("withhold", None), ("publish", 1)):
        session = WatchSession(
            detector, ObstacleRule(None, 30), temporal="none", out_of_domain=choice
        )
        session.run(iter([FRAMES[OBSTACLE]]), live=True)
        state = session.state()
        assert "out of domain: the image is dark" in state["diagnostics"]
        assert state["obstacles"] == obstacles


def test_a_live_source_can_be_paused(session: WatchSession) -> None:
    live = WatchSession(session._detector, ObstacleRule(None, 30), temporal="none")
    live.pause(True)
    worker = threading.Thread(target=live.run, args=(iter(FRAMES),), kwargs={"live": True})
    worker.start()
    worker.join(timeout=0.5)
    assert worker.is_alive() and "index" not in live.state()
    live.pause(False)
    worker.join(timeout=30)
    assert live.state()["index"] == len(FRAMES) - 1


def test_a_rate_outside_the_calibration_is_refused(address: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(f"{address}/control", data={"false_positive_rate": 0.9})
    assert caught.value.code == 400
    assert "calibrated for" in json.loads(caught.value.read())["error"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765"])
def test_another_sites_name_for_this_machine_is_refused(address: str, host: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(f"{address}/state.json", headers={"Host": host})
    assert caught.value.code == 403


def test_a_form_of_another_site_changes_nothing(session: WatchSession, address: str) -> None:
    before = session._detector.threshold
    form = {"Content-Type": "text/plain"}
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(f"{address}/control", data={"false_positive_rate": 0.1}, headers=form)
    assert caught.value.code == 400
    assert session._detector.threshold == before


def test_frames_are_not_shown_before_they_are_due(session: WatchSession) -> None:
    fresh = WatchSession(session._detector, ObstacleRule(None, 30), temporal="none")
    worker = threading.Thread(
        target=fresh.run, args=(iter(FRAMES),), kwargs={"live": False, "speed": 25.0}
    )
    worker.start()
    number, _ = fresh.next_jpeg(0) or (0, b"")
    assert number == 1
    fresh.pause(True)
    worker.join(timeout=0.5)
    assert worker.is_alive()
    fresh.stop()
    worker.join(timeout=30)
    assert not worker.is_alive()
    assert fresh.next_jpeg(0) is None


def test_a_browser_shows_it(address: str, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium or google-chrome here")
    shown = subprocess.run(
        [
            *(browser, "--headless=new", "--no-sandbox", "--disable-gpu"),
            *(f"--user-data-dir={tmp_path}", "--virtual-time-budget=3000", "--timeout=20000"),
            *("--dump-dom", address),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    assert '<dd id="index">5</dd>' in shown
    assert f'href="/moment/{OBSTACLE}?' in shown
    assert "false_positive_rate:=0.001" in shown


@pytest.mark.skipif(EXECUTABLE is None, reason="no chromium or google-chrome here")
def test_a_browser_shows_the_newest_picture(address: str, tmp_path: Path) -> None:
    """Not the one before: Chromium shows a picture when the next part of the stream begins."""
    rate = json.loads(get(f"{address}/state.json"))["false_positive_rate"]
    with Page(tmp_path / "profile", size=(800, 600)) as page:
        page.open(address, whole=False)  # the stream has no end
        few = page.run(_COLOURED.replace("ENOUGH", "true"))
        get(f"{address}/control", data={"false_positive_rate": 0.5})
        many = page.run(_COLOURED.replace("ENOUGH", f"found > {few} + 1000"))
    get(f"{address}/control", data={"false_positive_rate": rate})
    assert many > few + 1000


_COLOURED = """new Promise((done) => {
  const look = (left) => {
    const image = document.getElementById('picture');
    const canvas = document.createElement('canvas');
    let found = null;
    if (image && image.naturalWidth) {
      [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
      const context = canvas.getContext('2d');
      context.drawImage(image, 0, 0);
      const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
      found = 0;
      for (let i = 0; i < data.length; i += 4) found += data[i] - data[i + 2] > 60;
    }
    (found !== null && (ENOUGH)) || !left ? done(found) : setTimeout(() => look(left - 1), 200);
  };
  look(100);
})"""
"""Counts the reddish pixels of the picture: those above the alarm line; waits 20 s at most."""
