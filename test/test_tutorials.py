# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The tutorials, run as they stand, on small generated pictures and bags."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import pytest

pytest.importorskip("torch")
pytest.importorskip("typer")
pytest.importorskip("rosbags")

from helpers.normal_bag import BOX, write_normal_bag
from helpers.tiny_bundle import street_frame

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.parameters import PARAMETERS, check_settings
from cosme_ros.streaming.frame_pipeline import open_pipeline

REPOSITORY = Path(__file__).parents[1]
TUTORIALS = REPOSITORY / "docs/tutorials"
_BLOCK = re.compile(r"(<!-- not run by the test: [^\n]+ -->\n)?```bash\n(.*?)^```$", re.M | re.S)
HEIGHT, WIDTH = 160, 240
UNUSUAL = (4, 5, 6)


def commands(name: str) -> list[str]:
    """Return the blocks that are to be run."""
    blocks = _BLOCK.findall((TUTORIALS / name).read_text(encoding="utf-8"))
    return [block for not_run, block in blocks if not not_run]


def run(name: str, folder: Path) -> str:
    """Run the commands of a tutorial in a folder; return what they print."""
    found = commands(name)
    assert len(found) >= 3
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    # `make env` has to be enough for `python -m training` outside of the checkout.
    environment.pop("PYTHONPATH", None)
    printed = ""
    for block in found:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,
        )
        assert done.returncode == 0, block + done.stdout
        printed += done.stdout
    return printed


def runs(bundle: Path) -> float:
    """Configure what the node configures, with its defaults; return the rate it runs at."""
    values = {row.name: row.default for row in PARAMETERS}
    settings = check_settings({**values, "provider": "cpu", "bundle": str(bundle)})
    return open_pipeline(settings).settings.false_positive_rate


@pytest.mark.skipif(find_spec("rclpy") is None, reason="the replay needs rclpy")
def test_from_pictures_to_an_alarm(tmp_path: Path) -> None:
    for name, count, first in (("pictures", 15, 0), ("drive", 10, 100)):
        (tmp_path / name).mkdir()
        for index in range(count):
            box = BOX if name == "drive" and index in UNUSUAL else None
            picture = street_frame(HEIGHT, WIDTH, box=box, seed=first + index)
            cv2.imwrite(str(tmp_path / name / f"{index:02d}.jpg"), picture)
    printed = run("from_pictures_to_an_alarm.md", tmp_path)
    assert "next: ros2 launch cosme_ros detector.launch.py bundle:=" in printed
    assert (tmp_path / "bundles/mine.fit/self_test.png").is_file()
    assert len(list((tmp_path / "look").glob("*.png"))) >= 3
    (drive,) = json.loads((tmp_path / "report/report.json").read_text())["bags"]
    alarming = {n for n, found in enumerate(drive["frames"]["obstacles"]) if found}
    assert set(UNUSUAL) <= alarming
    peaks = drive["frames"]["peak"]
    ordinary = [peak for index, peak in enumerate(peaks) if index not in UNUSUAL]
    assert min(peaks[index] for index in UNUSUAL) > max(ordinary)
    replay = json.loads((tmp_path / "replay/report.json").read_text())
    assert replay["frames"]["out"] >= 1 and replay["published_equals_detector"]
    lowest, _ = load_bundle(tmp_path / "bundles/mine").calibration.rates
    assert runs(tmp_path / "bundles/mine") == max(lowest, 0.001)


def test_from_a_bag_to_a_calibrated_bundle(tmp_path: Path) -> None:
    (tmp_path / "bags").mkdir()
    for seed, (name, frames, rate) in enumerate(
        # 25 frames 8 s apart: 200 s, enough for 60 false alarms an hour.
        (("monday", 20, 1.0), ("tuesday", 25, 0.125), ("wednesday", 8, 2.0))
    ):
        anomalous = UNUSUAL if name == "wednesday" else ()
        write_normal_bag(
            tmp_path / "bags" / name, frames=frames, rate=rate, seed=seed, anomalous=anomalous
        )
    printed = run("from_a_bag_to_a_calibrated_bundle.md", tmp_path)
    assert "guaranteed: at most 60 false alarms an hour" in printed
    calibrated = tmp_path / "bundles/camera_calibrated"
    promise = load_bundle(calibrated).manifest["calibration"]["promise"]
    assert runs(calibrated) == promise["false_positive_rate"]
    report = json.loads((tmp_path / "report/report.json").read_text())
    assert report["settings"]["false_positive_rate"] == promise["false_positive_rate"]
    peaks = report["bags"][0]["frames"]["peak"]
    assert {peaks.index(peak) for peak in sorted(peaks)[-3:]} == set(UNUSUAL)


def test_what_is_not_run_is_marked() -> None:
    """Of the marked blocks there are few, and each needs what a test has not."""
    for tutorial in TUTORIALS.glob("*.md"):
        blocks = _BLOCK.findall(tutorial.read_text(encoding="utf-8"))
        for not_run, block in blocks:
            needs = re.search(r"^ros2 |--open", block, re.M)
            assert bool(not_run) == bool(needs), block
