# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The whole command, on a tiny bundle and small bags."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from time import sleep

import cv2
import numpy as np
import pytest
from helpers.default_rule import default_rule
from helpers.small_bag import (
    BOX,
    START,
    TYPES,
    compressed_message,
    label,
    picture,
    stamp_of_frame,
    write_small_bag,
)
from helpers.tiny_bundle import write_tiny_bundle
from rosbags.rosbag2 import StoragePlugin, Writer
from sklearn.metrics import average_precision_score, roc_auc_score

from cosme_ros.bags.reading import COMPRESSED_IMAGE, Bag, read_frames
from cosme_ros.bundle.loading import MANIFEST, load_bundle
from cosme_ros.bundle.writing import write_manifest
from cosme_ros.cli.evaluate_bag import main
from cosme_ros.evaluation.evaluator import Evaluator, bag_names
from cosme_ros.evaluation.outputs import MASK, OVERLAY, SCORE, OutputSettings
from cosme_ros.evaluation.settings import EvaluationSettings
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.postprocessing.obstacle_decision import (
    ObstacleDecision,
    decide_obstacles,
)
from cosme_ros.streaming.camera_stream import CameraStream
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_LABELS
from cosme_ros.visualization.hatching import HATCH_COLOUR

FPR = 0.01  # which the tiny bundle's calibration table has
FRAMES = 6


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


def evaluate(bundle: Path, out: Path, *bags: Path, status: int = 0, options=()) -> dict:
    """report.json, or nothing where the exit status is not 0."""
    arguments = [*map(str, bags), "--bundle", str(bundle), "--out", str(out), "--quiet"]
    arguments += ["--overwrite"]
    arguments += ["--false-positive-rate", str(FPR), "--threads", "1", *options]
    assert main(arguments) == status
    return json.loads((out / "report.json").read_text()) if status == 0 else {}


def detections(bundle: Path, bag: Path):
    detector = Detector(load_bundle(bundle), provider="cpu", false_positive_rate=FPR, threads=1)
    for frame in read_frames(bag, CAMERA_IMAGE, CAMERA_LABELS):
        yield frame, detector.detect(frame.image)


def decided(bundle: Path, detection: Detection, image: np.ndarray) -> ObstacleDecision:
    """Under the node's defaults."""
    return decide_obstacles(detection, image, default_rule(load_bundle(bundle)))


def test_figures_are_those_of_the_detector_and_scikit_learn(bundle: Path, tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    report = evaluate(bundle, tmp_path / "out", bag)
    total, (of_bag,) = report["total"], report["bags"]
    scores, labels = [], []
    for index, (frame, detection) in enumerate(detections(bundle, bag)):
        of_frame = {name: values[index] for name, values in of_bag["frames"].items()}
        decision = decided(bundle, detection, frame.image)
        mask, obstacles = decision.mask, decision.obstacles
        assert of_frame["stamp"] == frame.stamp
        assert of_frame["peak"] == float(detection.score.max())
        assert of_frame["obstacles"] == len(obstacles)
        assert of_frame["mask_pixels"] == np.count_nonzero(mask)
        assert of_frame["anomalous_pixels"] == np.count_nonzero(frame.label == 1)
        judged = frame.label != 255
        scores.append(detection.score[judged])
        labels.append(frame.label[judged])
    truth, score = np.concatenate(labels), np.concatenate(scores)
    # Dividing by the threshold before bringing to size rounds some float32 otherwise.
    assert total["pixels"]["average_precision"] == pytest.approx(
        average_precision_score(truth, score), abs=1e-6
    )
    assert total["pixels"]["auroc"] == pytest.approx(roc_auc_score(truth, score), abs=1e-6)
    assert total["frames"] == total["labelled_frames"] == FRAMES
    # The box is there in odd frames only: an obstacle of its own each time, and found at once.
    assert total["detection"]["obstacles"] == FRAMES // 2
    assert total["detection"]["at_once"] == FRAMES // 2
    assert total["alarms"]["alarm_frames"] == FRAMES // 2
    assert total["stability"]["single_frame_alarms"] == 1.0
    assert total["stability"]["mask_iou"] == 0.0
    assert total["alarms_where_nothing_is_wrong"]["alarms"] == 0
    assert total["alarms_where_nothing_is_wrong"]["frames"] == FRAMES // 2
    assert of_bag["obstacles"][0]["first_area"] == BOX[2] * BOX[3]
    # 320x180 and 96x64 are not of one shape.
    (trouble,) = of_bag["not_as_it_should_be"]
    assert "stretched by a factor of 0.84" in trouble and report["unreadable"] == []
    page = (tmp_path / "out" / "report.html").read_text()
    assert load_bundle(bundle).digest in page and "--false-positive-rate" in page
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "report.html",
        "report.json",
    ]


def test_a_static_mask_is_as_labels_that_are_ignored_there(bundle: Path, tmp_path: Path) -> None:
    """The right half of the box is hidden, and all below it."""
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    looked_at = np.full((180, 320), 255, np.uint8)
    looked_at[:, BOX[0] + BOX[2] // 2 :] = 0
    looked_at[BOX[1] + BOX[3] :] = 0
    hidden = looked_at == 0
    mask_file = tmp_path / "mask.png"
    cv2.imwrite(str(mask_file), looked_at)
    labels = tmp_path / "labels"
    labels.mkdir()
    for frame in read_frames(bag, CAMERA_IMAGE, CAMERA_LABELS):
        cv2.imwrite(str(labels / f"{frame.stamp}.png"), np.where(hidden, 255, frame.label))

    options = ["--static-mask", str(mask_file), "--output-bag", str(tmp_path / "outputs")]
    masked = evaluate(bundle, tmp_path / "masked", bag, options=options)
    ignored = evaluate(bundle, tmp_path / "ignored", bag, options=["--label-folder", str(labels)])
    whole = evaluate(bundle, tmp_path / "whole", bag)
    assert masked["total"]["pixels"] == ignored["total"]["pixels"]
    assert masked["total"]["pixels"] != whole["total"]["pixels"]
    half = BOX[2] // 2 * BOX[3]
    assert masked["bags"][0]["frames"]["anomalous_pixels"] == [0, half] * (FRAMES // 2)
    assert masked["total"]["alarms"]["alarm_frames"] == FRAMES // 2

    (note,) = [note for note in masked["notes"] if "static mask" in note]
    assert note.startswith(f"{hidden.mean():.1%} of the image is not looked at")
    assert "is not looked at" in (tmp_path / "masked" / "report.html").read_text()
    assert not any("static mask" in note for note in whole["notes"])
    scores, masks, pixels = 0, 0, masked["bags"][0]["frames"]["mask_pixels"]
    for (_, detection), published in zip(
        detections(bundle, bag), published_masks(tmp_path / "outputs"), strict=True
    ):
        assert not published[hidden].any()
        masks += np.count_nonzero(published)
        scores += np.count_nonzero(detection.score[hidden] >= 1.0)
    assert masks == sum(pixels) > 0
    assert scores > 0, "scores stay as they are"


def test_pictures_and_video_are_hatched_where_nothing_is_looked_at(
    bundle: Path, tmp_path: Path
) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=3)
    looked_at = np.full((180, 320), 255, np.uint8)
    looked_at[120:] = 0
    file = tmp_path / "mask.png"
    cv2.imwrite(str(file), looked_at)
    evaluator = Evaluator(bundle, EvaluationSettings(provider="cpu", static_mask=str(file)))
    evaluation = evaluator.evaluate([bag], outputs=[OutputSettings(video=tmp_path / "drive.webm")])
    drawn = [each for of_kind in evaluation.bags[0].pictures.values() for each in of_kind]
    assert drawn
    for each in drawn:
        assert is_hatched_below(decoded(each.thumbnail), 120 / 180)
    opened = cv2.VideoCapture(str(tmp_path / "drive.webm"))
    found, frame = opened.read()
    assert found
    title, legend = 60, 60  # at most, of a panel of this width
    own = frame[title:-legend, : frame.shape[1] // 2 - 4]
    assert own[-40:].mean() < 0.6 * own[:40].mean()


def decoded(jpeg: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def is_hatched_below(picture: np.ndarray, share: float) -> bool:
    """Whether it is dark, with lines in the colour of a hatch, below this share of its height."""
    hidden = picture[round(share * picture.shape[0]) + 4 :].astype(int)
    grey = np.abs(hidden - HATCH_COLOUR).max(axis=2) < 25
    return bool(hidden.min() < 40 and 0.05 < grey.mean() < 0.8 and hidden.max() < 150)


def published_masks(folder: Path):
    with Bag(folder) as outputs:
        for messages in outputs.joined([MASK]):
            yield outputs.plane(messages[MASK], "mono8")


def test_a_mask_of_other_images_is_warned_of_and_a_black_one_refused(
    bundle: Path, tmp_path: Path, capsys
) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=2)
    mask = tmp_path / "mask.png"
    cv2.imwrite(str(mask), np.full((100, 100), 255, np.uint8))
    report = evaluate(bundle, tmp_path / "out", bag, options=["--static-mask", str(mask)])
    (warning,) = [s for s in report["bags"][0]["not_as_it_should_be"] if "static_mask" in s]
    assert "is 100x100 pixels and pictures are 320x180" in warning
    cv2.imwrite(str(mask), np.zeros((180, 320), np.uint8))
    options = ["--static-mask", str(mask)]
    evaluate(bundle, tmp_path / "none", bag, status=1, options=options)
    assert "has no white pixel: nothing would be looked at" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_no_obstacle_is_followed_across_a_cut(bundle: Path, tmp_path: Path) -> None:
    """The same box in all frames: one obstacle, or one in each scene."""
    for scenes, first_frames in (({}, [0]), ({0: "rain", 2: "fog"}, [0, 2])):
        name = f"bag{len(scenes)}"
        bag = write_small_bag(tmp_path / name, frames=4, boxes=lambda _: BOX, scenes=scenes)
        report = evaluate(bundle, tmp_path / "out" / name, bag)
        obstacles = report["bags"][0]["obstacles"]
        assert [obstacle["first_frame"] for obstacle in obstacles] == first_frames
        assert all(len(o["ious"]) == o["frames_found"] for o in obstacles)
        assert all(0.1 < o["iou"] <= 1.0 and o["largest_area"] == 1200 for o in obstacles)


def test_no_obstacle_is_followed_across_a_gap(bundle: Path, tmp_path: Path) -> None:
    """At 0.4 frames a second nothing is a gap; 3 s after frames of 10 a second, it is one."""
    bag = tmp_path / "bag"
    write_small_bag(bag, frames=4, rate=0.4, boxes=lambda _: BOX)
    (slow,) = evaluate(bundle, tmp_path / "out", bag)["bags"]
    folder = tmp_path / "images"
    folder.mkdir()
    for index, seconds in enumerate((0.0, 0.1, 3.2, 3.3)):
        stamp = START + round(seconds * 1e9)
        cv2.imwrite(str(folder / f"{stamp}.png"), picture(index, 180, 320, lambda _: BOX))
        (tmp_path / "labels").mkdir(exist_ok=True)
        of_frame = label(index, 180, 320, lambda _: BOX)
        cv2.imwrite(str(tmp_path / "labels" / f"{stamp}.png"), of_frame)
    options = ("--label-folder", str(tmp_path / "labels"))
    (cut,) = evaluate(bundle, tmp_path / "out", folder, options=options)["bags"]
    # The first gap of a drive is longer than a second: only then its period is known.
    assert [o["first_frame"] for o in slow["obstacles"]] == [0, 1]
    assert [o["first_frame"] for o in cut["obstacles"]] == [0, 2]
    assert [alarm["first_frame"] for alarm in cut["alarms_by_obstacle"]] == [0, 2]


def test_alarms_are_counted_by_obstacle(bundle: Path, tmp_path: Path) -> None:
    """The box comes and goes in every other frame, at one place: one obstacle, one alarm."""
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    report = evaluate(bundle, tmp_path / "out", bag)
    assert (
        report["total"]["alarms_by_obstacle"] == report["bags"][0]["summary"]["alarms_by_obstacle"]
    )
    (alarm,) = report["bags"][0]["alarms_by_obstacle"]
    assert (alarm["id"], alarm["first_frame"], alarm["frames"]) == (1, 1, FRAMES // 2)
    assert (alarm["on_anomaly"], alarm["on_normal"]) == (FRAMES // 2, 0)
    found = report["total"]["alarms_by_obstacle"]
    assert (found["alarms"], found["false_alarms"], found["where_nothing_is_wrong"]) == (1, 0, 0)
    # By its label it is another obstacle each time, which appears and goes.
    assert (found["identified"], found["identity_switches"]) == (FRAMES // 2, 0)
    assert "Alarms by obstacle" in (tmp_path / "out" / "report.html").read_text()


def test_an_alarm_that_needs_frames_is_counted_as_the_node_publishes_it(
    bundle: Path, tmp_path: Path
) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    at_once = evaluate(bundle, tmp_path / "once", bag)
    options = ("--alarm-min-seen", "2", "--alarm-window", "3")
    later = evaluate(bundle, tmp_path / "later", bag, options=options)
    assert at_once["bags"][0]["frames"]["obstacles"] == [0, 1, 0, 1, 0, 1]
    assert later["bags"][0]["frames"]["obstacles"] == [0, 0, 0, 1, 0, 1]
    assert later["bags"][0]["frames"]["missed"] == [0, 1, 0, 0, 0, 0]
    assert later["total"]["pixels"] == at_once["total"]["pixels"], "scores stay as they are"
    page = (tmp_path / "later" / "report.html").read_text()
    assert "2 of 3" in page
    evaluate(bundle, tmp_path / "no", bag, status=1, options=("--alarm-min-seen", "2"))


def test_without_the_library_the_rest_is_evaluated(
    bundle: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setitem(sys.modules, "norfair", None)
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    report = evaluate(bundle, tmp_path / "out", bag, options=("--jobs", "1"))
    assert report["total"]["alarms_by_obstacle"] is None
    assert report["total"]["alarms"]["alarm_frames"] == FRAMES // 2
    assert "alarms are not counted by obstacle" in capsys.readouterr().err
    options = ("--alarm-min-seen", "2", "--alarm-window", "3", "--jobs", "1")
    evaluate(bundle, tmp_path / "out", bag, status=1, options=options)
    assert "alarm_min_seen is 2, and: The Python package 'norfair'" in capsys.readouterr().err


def test_scores_over_time_are_those_of_a_camera_stream(bundle: Path, tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    report = evaluate(bundle, tmp_path / "out", bag, options=["--temporal", "flow"])
    detector = Detector(load_bundle(bundle), provider="cpu", false_positive_rate=FPR, threads=1)
    stream = CameraStream(detector, temporal="flow")
    peaks = report["bags"][0]["frames"]["peak"]
    expected = [
        float(stream.detect(frame.image, frame.stamp).score.max())
        for frame in read_frames(bag, CAMERA_IMAGE, CAMERA_LABELS)
    ]
    assert peaks == expected
    assert peaks != [float(found.score.max()) for _, found in detections(bundle, bag)]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "no number of false alarms is guaranteed" in page


def test_wrong_labels_make_misses_and_false_alarms(bundle: Path, tmp_path: Path) -> None:
    """Labels say that something is wrong where nothing is to be seen, and nothing where it is."""
    bag = write_small_bag(tmp_path / "bag", frames=4)
    folder = tmp_path / "labels"
    folder.mkdir()
    for index in range(4):
        ids = np.zeros((180, 320), np.uint16)
        ids[20:40, 20:60] = 300
        cv2.imwrite(str(folder / f"{stamp_of_frame(index)}.png"), ids)
    options = ("--label-folder", str(folder), "--anomaly-ids", "300")
    report = evaluate(bundle, tmp_path / "out", bag, options=options)
    assert report["total"]["detection"] | {"median_frames": None} == {
        "obstacles": 1, "found": 0, "never": 1, "at_once": 0, "median_frames": None,
        "worst_frames": None,
    }  # fmt: skip
    (of_bag,) = report["bags"]
    assert of_bag["label_values"] == {"normal": [0], "anomaly": [300], "ignored": []}
    assert of_bag["frames"]["missed"] == [1, 1, 1, 1]
    assert of_bag["frames"]["false_obstacles"] == [0, 1, 0, 1]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "not found" in page and "on nothing labelled" in page


def test_an_anomaly_id_that_no_label_holds_is_told(bundle: Path, tmp_path: Path, capsys) -> None:
    """A wrong id makes every label normal, and a detector that finds them all look worthless."""
    bag = write_small_bag(tmp_path / "bag", frames=4)
    report = evaluate(bundle, tmp_path / "out", bag, options=("--anomaly-ids", "9"))
    reason = (
        "no label holds an anomaly (anomaly ids: 9); the labels hold the values 0, 1, 255. All "
        "but the ignored is taken as normal, and figures that need anomalies are absent"
    )
    told = capsys.readouterr()
    page = (tmp_path / "out" / "report.html").read_text()
    assert reason in told.err and reason in page and "Absent: no label holds" in page
    total, (of_bag,) = report["total"], report["bags"]
    assert reason in of_bag["not_as_it_should_be"] and total["absent"] == reason
    assert of_bag["label_values"] == {"normal": [0, 1], "anomaly": [], "ignored": [255]}
    for figures in (total, of_bag["summary"]):
        for name in ("pixels", "detection", "components_at_alarm_line", "components_at_best_f1"):
            assert figures[name] is None
    assert "0 of 0" not in told.out and "0 of 0" not in page
    # What the labels say of normal frames is there.
    assert total["alarms_where_nothing_is_wrong"]["frames"] == 4

    report = evaluate(bundle, tmp_path / "out", bag, options=("--anomaly-ids", "9,1"))
    assert report["notes"] == [
        "no label holds the anomaly id 9; the labels hold the values 0, 1, 255"
    ]
    assert report["total"]["absent"] == "" and report["total"]["detection"]["obstacles"] == 2
    assert report["notes"][0] in capsys.readouterr().err
    assert report["notes"][0] in (tmp_path / "out" / "report.html").read_text()


def test_a_drive_labelled_as_normal_takes_nothing_from_the_others(
    bundle: Path, tmp_path: Path
) -> None:
    bags = [
        write_small_bag(tmp_path / "quiet", frames=2, boxes=lambda _: None),
        write_small_bag(tmp_path / "other", frames=2),
    ]
    report = evaluate(bundle, tmp_path / "out", *bags)
    quiet, other = (bag["summary"] for bag in report["bags"])
    assert quiet["detection"] is None and "the labels hold the values 0, 255" in quiet["absent"]
    assert other["detection"] == report["total"]["detection"] and report["total"]["absent"] == ""


def test_without_labels_there_are_alarms_and_highest_scores(bundle: Path, tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=4)
    report = evaluate(bundle, tmp_path / "out", bag, options=("--label-topic", ""))
    total = report["total"]
    assert total["pixels"] is None and total["detection"] is None
    assert total["absent"] == "there are no labels"
    assert total["alarms"]["alarm_rate"] == 0.5
    raw = np.stack([d.raw_score_grid for _, d in detections(bundle, bag)])
    for row in total["exceedance"]:
        assert row["observed"] == np.mean(raw >= row["raw_score"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Highest scores" in page and "There are no labels" in page


def test_a_drive_unlike_the_calibration_is_warned_of(bundle: Path, tmp_path: Path) -> None:
    """Everything magenta, and no labels to say that this is as it should be."""
    folder = tmp_path / "bag"
    message = compressed_message(START, np.full((180, 320, 3), (230, 20, 230), np.uint8))
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/image", COMPRESSED_IMAGE, typestore=TYPES)
        writer.write(connection, START, TYPES.serialize_cdr(message, COMPRESSED_IMAGE))
    evaluate(bundle, tmp_path / "out", folder)
    warning = "100 % of the score&#39;s places reach a score that the calibration states for 1 %"
    assert warning in (tmp_path / "out" / "report.html").read_text()
    ordinary = write_small_bag(tmp_path / "ordinary", frames=2)
    evaluate(bundle, tmp_path / "out", ordinary)
    assert "calibration states for 1 %" not in (tmp_path / "out" / "report.html").read_text()


def test_the_gap_says_which_frames_are_one_alarm(bundle: Path, tmp_path: Path, capsys) -> None:
    """Every other frame alarms, 0.2 s apart."""
    guaranteeing = tmp_path / "guaranteeing"
    shutil.copytree(bundle, guaranteeing)
    manifest = json.loads((guaranteeing / MANIFEST).read_bytes())
    manifest["calibration"]["promise"] = {
        "false_positive_rate": FPR, "false_alarms_per_hour": 1.0, "confidence": 0.95,
        "alarm_gap": 0.1, "hours": 3.0, "alarms_allowed": 0, "alarms_measured": 0,
        "region": "everything", "minimum_area": 64, "image_size": {"height": 180, "width": 320},
    }  # fmt: skip
    write_manifest(guaranteeing, manifest)
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    for options, gap, alarms in (((), 5.0, 1), (("--alarm-gap", "0.1"), 0.1, FRAMES // 2)):
        report = evaluate(guaranteeing, tmp_path / "out", bag, options=options)
        assert report["total"]["alarms"]["alarms"] == alarms
        assert report["settings"]["alarm_gap"] == gap
        page = (tmp_path / "out" / "report.html").read_text()
        told = capsys.readouterr()
        assert f"no more than {gap:g} s apart are one" in page
        assert f"no more than {gap:g} s apart are one" in told.out
        otherwise = "counts alarms by a gap of 0.1 s, and here it is 5 s"
        for text in (page, told.err, str(report["notes"])):
            assert (otherwise in text) == (gap != 0.1)


def comparable(out: Path) -> tuple[dict, list[str]]:
    """All that is not of the run itself: figures, and the pictures of the page."""
    report = json.loads((out / "report.json").read_text())
    del report["origin"]
    page = (out / "report.html").read_text()
    return report, [line for line in page.splitlines() if "data:image" in line or "<path" in line]


@pytest.fixture(scope="module")
def eight_bags(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bags")
    return [
        write_small_bag(
            folder / f"drive{n}",
            frames=2 + n % 3,
            rate=10.0 + n,
            skipped_labels=(0,) if n == 3 else (),
            storage=StoragePlugin.SQLITE3 if n % 2 else StoragePlugin.MCAP,
        )
        for n in range(8)
    ]


@pytest.fixture(scope="module")
def serial(bundle: Path, eight_bags, tmp_path_factory):
    out = tmp_path_factory.mktemp("serial")
    evaluate(bundle, out, *eight_bags, options=("--jobs", "1"))
    return comparable(out)


def test_eight_bags_in_parallel_are_as_one_after_the_other(
    bundle: Path, eight_bags, serial, tmp_path: Path
) -> None:
    evaluate(bundle, tmp_path, *eight_bags, options=("--jobs", "2"))
    assert comparable(tmp_path) == serial


def test_a_dask_cluster_gives_the_same(bundle: Path, eight_bags, serial, tmp_path: Path) -> None:
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        options = ("--backend", "dask", "--scheduler", address, "--jobs", "2")
        evaluate(bundle, tmp_path, *eight_bags, options=options)
    assert comparable(tmp_path) == serial


def test_several_bags_are_pooled_by_frame_not_by_bag(
    bundle: Path, eight_bags, serial, tmp_path: Path
) -> None:
    report = serial[0]
    scores, labels = [], []
    for bag in eight_bags:
        for frame, detection in detections(bundle, bag):
            if frame.label is not None:
                judged = frame.label != 255
                scores.append(detection.score[judged])
                labels.append(frame.label[judged])
    expected = average_precision_score(np.concatenate(labels), np.concatenate(scores))
    assert report["total"]["pixels"]["average_precision"] == pytest.approx(expected, abs=1e-6)
    assert report["total"]["frames"] == sum(len(b["frames"]["frame"]) for b in report["bags"])
    assert any("have no label" in s for s in report["bags"][3]["not_as_it_should_be"])


def test_the_output_bag_has_what_the_detector_says(bundle: Path, tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=3)
    written = tmp_path / "written"
    report = evaluate(
        bundle, tmp_path / "out", bag, options=("--output-bag", str(written), "--video")
    )
    with Bag(written) as outputs:
        assert outputs.topics == dict.fromkeys((SCORE, MASK, OVERLAY), "sensor_msgs/msg/Image")
        frames = list(outputs.joined([SCORE, MASK, OVERLAY]))
        assert len(frames) == 3
        for messages, (frame, detection) in zip(frames, detections(bundle, bag), strict=True):
            assert {m.stamp for m in messages.values()} == {frame.stamp}
            assert {m.bag_time for m in messages.values()} == {frame.stamp}  # as in the input
            assert outputs.decode(messages[SCORE]).header.frame_id == "camera"
            np.testing.assert_array_equal(outputs.plane(messages[SCORE], "32FC1"), detection.score)
            mask = decided(bundle, detection, frame.image).mask
            np.testing.assert_array_equal(outputs.plane(messages[MASK], "mono8"), mask)
            assert outputs.picture(messages[OVERLAY]).shape == frame.image.shape
    assert report["outputs"]["output bag"] == str(written)
    video = cv2.VideoCapture(report["outputs"]["video"])
    shown = 0
    while video.read()[0]:
        shown += 1
    assert shown == 3 and video.get(cv2.CAP_PROP_FPS) == pytest.approx(10)
    before = next(written.glob("*.mcap")).stat().st_mtime_ns
    without = [str(bag), "--bundle", str(bundle), "--out", str(tmp_path / "again")]
    assert main([*without, "--output-bag", str(written)]) == 2
    assert next(written.glob("*.mcap")).stat().st_mtime_ns == before
    evaluate(bundle, tmp_path / "again", bag, options=("--output-bag", str(written)))
    assert next(written.glob("*.mcap")).stat().st_mtime_ns > before


def test_a_damaged_bag_beside_sound_ones(bundle: Path, tmp_path: Path, capsys) -> None:
    sound = write_small_bag(tmp_path / "sound", frames=2)
    cut = tmp_path / "cut.mcap"
    content = next(write_small_bag(tmp_path / "whole", frames=12).glob("*.mcap")).read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    rubbish = tmp_path / "rubbish.mcap"
    rubbish.write_bytes(b"rubbish")
    report = evaluate(bundle, tmp_path / "out", sound, cut, rubbish)
    frames = [len(bag["frames"]["frame"]) for bag in report["bags"]]
    assert frames[0] == 2 and 0 < frames[1] < 12
    assert [bag["path"] for bag in report["unreadable"]] == [str(rubbish)]
    told = capsys.readouterr().err
    page = (tmp_path / "out" / "report.html").read_text()
    for text in (told, page):
        assert "cut off" in text and "rubbish.mcap" in text
    assert "Traceback" not in told


def test_nothing_to_evaluate_is_exit_status_1(bundle: Path, tmp_path: Path, capsys) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=1)
    for bags, options, status, sentence in (
        ([tmp_path / "absent"], (), 1, "does not exist"),
        ([bag], ("--image-topic", "/front"), 1, "no topic '/front'"),
        ([bag, bag], (), 1, "given twice"),
        ([bag], ("--label-folder", str(tmp_path / "absent")), 2, "is no folder"),
        ([bag], ("--anomaly-ids", "1,255"), 2, "id 255 cannot be"),
        ([bag], ("--provider", "openvino", "--false-positive-rate", "1e-8"), 1, "calibrated for"),
    ):
        evaluate(bundle, tmp_path / "out", *bags, status=status, options=options)
        told = capsys.readouterr().err
        assert sentence in told and "Traceback" not in told
    evaluate(tmp_path / "no_bundle", tmp_path / "out", bag, status=1)
    assert not (tmp_path / "out" / "report.html").exists()
    assert not (tmp_path / "out" / ".evaluating").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_keeps_what_was_evaluated(bundle: Path, tmp_path: Path, jobs: int) -> None:
    bags = [write_small_bag(tmp_path / f"bag{n}", frames=400) for n in range(2)]
    out = tmp_path / "out"
    process = subprocess.Popen(
        [
            sys.executable, "-m", "cosme_ros", "evaluate_bag", *map(str, bags), "--out", str(out),
            "--bundle", str(bundle), "--jobs", str(jobs), "--false-positive-rate", str(FPR),
        ],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip
    while process.poll() is None and not any(
        file.stat().st_size > 3 for file in out.glob(".evaluating/*.frames")
    ):
        sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process
    told = process.communicate()[1]
    assert process.returncode == 130, told
    assert "interrupted after" in told and "Traceback" not in told
    report = json.loads((out / "report.json").read_text())
    assert 0 < report["total"]["frames"] < 800
    assert any(bag["interrupted"] for bag in report["bags"])
    assert not (out / ".evaluating").exists()


def test_bags_of_the_same_name_are_told_apart() -> None:
    paths = [Path(text) for text in ("/a/monday/bag", "/a/tuesday/bag", "/a/other.mcap")]
    assert bag_names(paths) == ["monday/bag", "tuesday/bag", "other.mcap"]
    assert bag_names([Path("/x/y/bag"), Path("/z/y/bag")]) == ["x/y/bag", "z/y/bag"]


def test_labels_and_pictures_that_the_tests_rely_on() -> None:
    """The box of small_bag is where its label says."""
    magenta = picture(1, 180, 320).astype(int) @ [1, -2, 1] > 200
    assert (label(1, 180, 320)[magenta] == 1).all() and magenta.sum() > 0.9 * BOX[2] * BOX[3]
