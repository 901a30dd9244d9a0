# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The demo as a user runs it, with all its processes, on a small bag and a tiny bundle."""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.command_process import PATIENCE, finish, processes_about, start_command, wait_for_log
from helpers.small_bag import write_small_bag
from sklearn.metrics import average_precision_score, roc_auc_score

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.metrics.labels import ANOMALY, IGNORED
from cosme_ros.replay.recording import Recording
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_LABELS

FRAMES = 8


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    return write_small_bag(tmp_path_factory.mktemp("bags") / "bag", frames=FRAMES, rate=5.0)


def start(bundle: Path, bag: Path, out: Path, *more: str) -> "subprocess.Popen[str]":
    places = ("--bundle", str(bundle), "--bag", str(bag), "--out", str(out))
    return start_command("demo", "--provider", "cpu", "--threads", "1", *places, *more)


@pytest.fixture(scope="module")
def finished(bundle: Path, bag: Path, tmp_path_factory) -> tuple[Path, str]:
    """Output folder of a demo that went well, and what it said."""
    out = tmp_path_factory.mktemp("demo") / "out"
    status, said = finish(start(bundle, bag, out, "--keep-recording"))
    assert status == 0, said
    return out, said


@pytest.fixture(scope="module")
def report(finished: tuple[Path, str]) -> dict:
    return json.loads((finished[0] / "report.json").read_text(encoding="utf-8"))


def test_the_report_counts_frames_and_names_what_ran(report: dict, bundle: Path, bag: Path) -> None:
    frames = report["frames"]
    assert frames["played"] == FRAMES
    assert 0 < frames["out"] <= frames["in"] <= FRAMES
    assert frames["in"] == frames["out"] + frames["dropped"] + frames["failed"]
    latency = report["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] < 1000 * PATIENCE
    assert report["provider"] == "cpu"
    assert report["bundle"]["sha256"] == load_bundle(bundle).digest
    assert str(bag) in report["command"]
    assert report["machine"]["cores"] >= 1


def test_published_scores_are_the_detectors(report: dict) -> None:
    assert report["published_equals_detector"] is True
    assert report["largest_difference_to_detector"] == 0.0


def test_metrics_are_those_of_scikit_learn(report: dict, finished: tuple[Path, str]) -> None:
    """Of the recorded scores; PixelMetrics ties scores closer than one part in 2048."""
    recording = Recording(finished[0] / "recording", CAMERA_IMAGE, CAMERA_LABELS)
    scores, truth = [], []
    for output in recording.outputs():
        assert output.label is not None
        counted = output.label != IGNORED
        scores.append(output.score[counted])
        truth.append(output.label[counted] == ANOMALY)
    score, anomalous = np.concatenate(scores), np.concatenate(truth)
    assert report["pixels"] == {
        "normal": int((~anomalous).sum()),
        "anomalous": int(anomalous.sum()),
    }
    assert report["ap"] == pytest.approx(average_precision_score(anomalous, score), abs=2e-3)
    assert report["auroc"] == pytest.approx(roc_auc_score(anomalous, score), abs=2e-3)
    for name in ("fpr95", *(f"{m}_{n}" for m in ("mulmem", "auxcon") for n in ("ap", "fpr95"))):
        assert 0.0 <= report[name] <= 1.0


def test_pictures_and_video_can_be_looked_at(finished: tuple[Path, str], report: dict) -> None:
    out, said = finished
    sheet = cv2.imread(str(out / "contact_sheet.png"))
    pictures = sorted((out / "pictures").glob("frame_????.png"))
    assert sheet is not None and pictures
    for picture in pictures:
        assert cv2.imread(str(picture)).shape[1] > 1200
        overlay = cv2.imread(str(picture.with_name(f"{picture.stem}_overlay.png")))
        assert overlay.shape == (180, 320, 3)
    video = cv2.VideoCapture(str(out / "drive.webm"))
    shown = 0
    while video.read()[0]:
        shown += 1
    assert shown == report["frames"]["out"]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert '<video src="drive.webm"' in page
    assert report["labelled_obstacles"]["obstacles"] > 0
    assert "contact_sheet.png" in said and "report.json" in said


def test_a_second_demo_replaces_the_first_and_keeps_no_recording(
    bundle: Path, bag: Path, finished: tuple[Path, str], tmp_path: Path
) -> None:
    """Played without labels, so there is nothing to judge by."""
    out = shutil.copytree(finished[0], tmp_path / "out")
    (out / "pictures" / "frame_9999.png").touch()
    status, said = finish(start(bundle, bag, out, "--label-topic", "", "--rate", "2"))
    assert status == 0, said
    assert not (out / "recording").exists()
    assert not (out / "pictures" / "frame_9999.png").exists()
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["ap"] is None and report["mulmem_ap"] is None
    assert report["published_equals_detector"] is True


def test_what_cannot_be_played_is_said_before_anything_starts(
    bundle: Path, bag: Path, tmp_path: Path
) -> None:
    damaged = shutil.copytree(bundle, tmp_path / "damaged")
    (damaged / "student.onnx").write_bytes(b"no graph")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.tex").write_text("years of work", encoding="utf-8")
    out = tmp_path / "out"
    for demo, complaint in (
        (start(bundle, tmp_path / "nowhere", out), f"{tmp_path}/nowhere does not exist"),
        (start(bundle, bag, out, "--image-topic", "/front"), "no topic '/front'. It has:"),
        (start(bundle, bag, out, "--label-topic", "/truth"), "no topic '/truth'. It has:"),
        (start(bundle, bag, theirs), "was not written by a replay"),
        (start(damaged, bag, out), "student.onnx"),
    ):
        status, said = finish(demo)
        assert status == 1
        assert "The replay failed: " in said and complaint in said
        assert "Traceback" not in said
    assert [file.name for file in theirs.iterdir()] == ["thesis.tex"]
    assert processes_about(tmp_path) == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_no_process_behind(
    bundle: Path, bag: Path, tmp_path: Path, number: int
) -> None:
    out = tmp_path / "out"
    demo = start(bundle, bag, out, "--rate", "0.05")
    wait_for_log(out / "logs" / "player.log", "playing")
    demo.send_signal(number)
    status, said = finish(demo)
    assert status == 130, said
    assert "Interrupted" in said and "Traceback" not in said
    assert processes_about(out) == {}


def test_a_detector_that_dies_ends_the_demo_with_its_last_words(
    bundle: Path, bag: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    own_bundle = shutil.copytree(bundle, tmp_path / "own_bundle")
    demo = start(own_bundle, bag, out, "--rate", "0.05")
    wait_for_log(out / "logs" / "player.log", "playing")
    (detector,) = (
        number
        for number, command in processes_about(own_bundle).items()
        if "detector_node" in command
    )
    os.kill(detector, signal.SIGKILL)
    status, said = finish(demo)
    assert status == 1
    assert "detector was ended by signal SIGKILL, while player needs it" in said
    assert f"listening to {CAMERA_IMAGE}" in said  # the last line of its log
    assert processes_about(tmp_path) == {}
