# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A bag through the live node, judged as the vehicle had it: all processes, over real DDS."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import cv2
import numpy as np
import pytest
from helpers.command_process import finish, processes_about, start_command, wait_for_log
from helpers.small_bag import label, moving_on, picture, write_small_bag
from sklearn.metrics import average_precision_score

from cosme_ros import topics
from cosme_ros.bags.reading import Bag, read_frames
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.metrics.labels import ANOMALY, IGNORED, NORMAL
from cosme_ros.replay.recording import Recording
from cosme_ros.replay.runner import ros_environment
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_LABELS

LABELS = {"normal": NORMAL, "anomalous": ANOMALY}
DEMO = Path(__file__).parents[2] / "demo"
FRAMES = 8


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    """Two frames a second, hundreds of times slower than the tiny bundle."""
    folder = tmp_path_factory.mktemp("bags") / "bag"
    return write_small_bag(folder, frames=FRAMES, rate=2.0, boxes=moving_on)


def start(bundle: Path, bag: Path, out: Path, *more: str, **environment: str):
    places = (str(bag), "--bundle", str(bundle), "--out", str(out))
    return start_command(
        "replay_bag",
        *(*places, "--provider", "cpu", "--threads", "1", *more),
        environment=environment,
    )


def test_a_replay_with_a_static_mask_is_judged_where_it_looks(
    bundle: Path, bag: Path, unhurried: tuple[Path, str], tmp_path: Path
) -> None:
    """The node runs with it, and its labels, obstacles and pictures are of what is looked at."""
    looked_at = np.full((180, 320), 255, np.uint8)
    looked_at[:, 160:] = 0
    file = tmp_path / "mask.png"
    cv2.imwrite(str(file), looked_at)
    out = tmp_path / "out"
    options = ("--static-mask", str(file), "--keep-recording", "--pictures")
    status, said = finish(start(bundle, bag, out, *options))
    assert status == 0, said
    assert "50.0% of the image is not looked at" in said
    report, whole = report_of(out), report_of(unhurried[0])
    assert report["static_mask"]["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert report["published_equals_detector"]
    assert float(report["diagnostics"][topics.NOT_LOOKED_AT]) == 0.5
    outputs = list(Recording(out / "recording", CAMERA_IMAGE, CAMERA_LABELS).outputs())
    left = [output.label[:, :160] for output in outputs if output.label is not None]
    assert len(left) == report["labelled_frames"] > 0
    counted = {name: sum(int((x == i).sum()) for x in left) for name, i in LABELS.items()}
    assert report["pixels"] == counted != whole["pixels"]
    assert "50.0% of the image is not looked at" in (out / "report.html").read_text("utf-8")
    for output in outputs:
        assert output.mask is not None and not output.mask[:, 160:].any()
    for file in (out / "pictures").glob("frame_????.png"):
        shown = cv2.imread(str(file))
        frame = shown[60:-60, : shown.shape[1] // 2 - 4]
        right = frame[:, frame.shape[1] // 2 + 4 :]
        assert right.mean() < 0.6 * frame[:, : frame.shape[1] // 2 - 4].mean()
    # Judged again, from elsewhere, it is the same.
    again = finish(start_command("judge_recording", str(out), environment={}))
    assert again[0] == 0, again[1]
    assert report_of(out)["offline"] == report["offline"]


def report_of(out: Path) -> dict:
    return json.loads((out / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def unhurried(bundle: Path, bag: Path, tmp_path_factory) -> tuple[Path, str]:
    """Output folder of a replay below the node's capacity, its recording kept, and its words."""
    out = tmp_path_factory.mktemp("unhurried") / "out"
    status, said = finish(start(bundle, bag, out, "--keep-recording"))
    assert status == 0, said
    return out, said


def test_below_its_capacity_no_frame_is_lost(unhurried: tuple[Path, str]) -> None:
    frames = report_of(unhurried[0])["frames"]
    assert frames == {
        "played": FRAMES,
        "in": FRAMES,
        "out": FRAMES,
        "dropped": 0,
        "failed": 0,
        "lost_before_the_detector": 0,
        "unaccounted_for": 0,
    }
    assert "Every frame that came in is out, dropped or failed" in unhurried[1]


def test_in_time_for_the_next_frame_is_one_frame_late(
    unhurried: tuple[Path, str], bundle: Path
) -> None:
    """Every frame is judged by the one before it, and the first by silence."""
    report = report_of(unhurried[0])
    aware = report["latency_aware"]
    assert report["latency_from"] == "stamp"
    assert aware["frames_behind"] == {"1": FRAMES - 1}
    assert aware["frames_before_first_result"] == 1
    assert [row["judged_by_frame"] for row in report["timeline"]] == [None, *range(FRAMES - 1)]
    detector = Detector(load_bundle(bundle), provider="cpu", threads=1)
    jpegs = list(read_frames(unhurried[0] / "recording", CAMERA_IMAGE, CAMERA_LABELS))
    scores = [detector.detect(frame.image).score for frame in jpegs]
    truth = np.stack([label(index, 180, 320, moving_on) for index in range(FRAMES)])
    counted, anomalous = truth != 255, truth == ANOMALY
    for found, judges in (
        (report["offline"]["ap"], scores),
        (aware["ap"], [np.zeros_like(scores[0]), *scores[:-1]]),
    ):
        expected = average_precision_score(anomalous[counted], np.stack(judges)[counted])
        assert found == pytest.approx(expected, abs=1e-9)
    assert aware["ap"] < report["offline"]["ap"]


def test_a_camera_upside_down_has_the_figures_of_an_upright_one(
    bundle: Path, tmp_path: Path
) -> None:
    topic = "/camera/image_raw"
    bag = write_small_bag(
        tmp_path / "bag", frames=4, rate=2.0, image_topic=topic, raw=True, upside_down=True
    )
    out = tmp_path / "out"
    options = ("--image-topic", topic, "--image-rotation", "180")
    status, said = finish(start(bundle, bag, out, *options))
    assert status == 0, said
    report = report_of(out)
    assert report["published_equals_detector"] is True
    detector = Detector(load_bundle(bundle), provider="cpu", threads=1)
    scores = np.stack([detector.detect(picture(index, 180, 320)).score for index in range(4)])
    truth = np.stack([label(index, 180, 320) for index in range(4)])
    counted = truth != IGNORED
    expected = average_precision_score(truth[counted] == ANOMALY, scores[counted])
    for found in (report["offline"]["ap"], report["ap"]):
        assert found == pytest.approx(expected, rel=1e-3)


def test_at_twice_its_capacity_all_drops_are_reported_and_lateness_costs(tmp_path: Path) -> None:
    """The demo's own bag and bundle, at the speed that this machine is just not up to."""
    with Bag(DEMO / "bag") as bag:
        frames = bag.count(CAMERA_IMAGE)
        own_rate = (frames - 1) / bag.duration
    detector = Detector(load_bundle(DEMO / "bundle"), provider="cpu", threads=1)
    image = next(read_frames(DEMO / "bag", CAMERA_IMAGE)).image
    detector.warm_up(*image.shape[:2])
    took = []
    for _ in range(5):
        began = monotonic()
        _ = detector.detect(image).score
        took.append(monotonic() - began)
    rate = 2.0 / float(np.median(took)) / own_rate
    out = tmp_path / "out"
    status, said = finish(start(DEMO / "bundle", DEMO / "bag", out, "--rate", str(rate)))
    assert status == 0, said
    report = report_of(out)
    counts = report["frames"]
    assert counts["played"] == frames
    assert counts["dropped"] > 0
    # The last frame may still be under way when a busy machine ends the recording.
    assert 0 <= counts["in"] - counts["out"] - counts["dropped"] <= 1
    assert counts["failed"] == 0
    # What has no result is judged all the same.
    assert report["labelled_frames"] == counts["out"] < frames
    assert report["offline"]["labelled_frames"] == frames
    assert report["latency_aware"]["labelled_frames"] == frames
    assert report["latency_aware"]["ap"] < report["offline"]["ap"]
    assert not (out / "recording").exists()


def test_the_recording_can_be_judged_again(unhurried: tuple[Path, str], tmp_path: Path) -> None:
    out = shutil.copytree(unhurried[0], tmp_path / "out")
    before = report_of(out)
    (out / "report.json").unlink()
    status, said = finish(start_command("judge_recording", str(out), "--remove-recording"))
    assert status == 0, said
    after = report_of(out)
    for report in (before, after):
        del report["command"]
    assert after == before
    assert not (out / "recording").exists()
    status, said = finish(start_command("judge_recording", str(out)))
    assert status == 1 and "Traceback" not in said
    assert f"{out}/recording does not exist" in said


def test_what_cannot_be_replayed_is_said_before_anything_starts(
    bundle: Path, bag: Path, tmp_path: Path
) -> None:
    damaged = shutil.copytree(bundle, tmp_path / "damaged")
    (damaged / "student.onnx").write_bytes(b"no graph")
    file = tmp_path / "file"
    file.write_text("no folder", encoding="utf-8")
    out = tmp_path / "out"
    for replay, expected, complaint in (
        (start(bundle, tmp_path / "nowhere", out), 1, f"{tmp_path}/nowhere does not exist"),
        (start(bundle, bag, out, "--image-topic", "/front"), 1, "no topic '/front'. It has:"),
        (start(bundle, bag, out, "--label-topic", "/truth"), 1, "no topic '/truth'. It has:"),
        (start(bundle, bag, file / "out"), 2, f"{file}/out cannot be written"),
        (start(damaged, bag, out), 1, "student.onnx"),
    ):
        status, said = finish(replay)
        assert status == expected, said
        assert "replay_bag: " in said and complaint in said
        assert "Traceback" not in said
    assert not out.exists()
    assert processes_about(tmp_path) == {}


def test_interrupted_it_keeps_what_was_recorded(bundle: Path, bag: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    replay = start(bundle, bag, out, "--rate", "0.5")
    wait_for_log(out / "logs" / "player.log", "playing")
    recorded = out / "recording" / "recording.mcap"
    while not recorded.exists() or recorded.stat().st_size == 0:  # one chunk of some frames
        assert replay.poll() is None
    replay.send_signal(signal.SIGINT)
    status, said = finish(replay)
    assert status == 130, said
    assert f"python -m cosme_ros judge_recording {out}" in said and "Traceback" not in said
    assert processes_about(out) == {}
    with Bag(out / "recording") as kept:
        assert kept.count(CAMERA_IMAGE) > 0


def test_a_detector_that_refuses_is_quoted_at_once(bundle: Path, tmp_path: Path) -> None:
    """The recorder would wait for it for ever."""
    domain = str(1 + os.getpid() % 100)
    environment = {**ros_environment(), "ROS_DOMAIN_ID": domain}
    processes = []
    for module, parameters in (
        ("detector_node", {"bundle": bundle, "provider": "tensorrt"}),
        ("recorder_node", {"bag": tmp_path / "bag"}),
    ):
        arguments = [part for name, v in parameters.items() for part in ("-p", f"{name}:={v}")]
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "cosme_ros", module, "--ros-args", *arguments],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    detector, recorder = processes
    try:
        status, said = finish(recorder)
    finally:
        detector.send_signal(signal.SIGINT)
        finish(detector)
    assert status == 1
    assert "cosme_detector is unconfigured: cannot configure: " in said
    assert "tensorrt" in said.lower() and "Traceback" not in said
