# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Folder and video give labelled frames as a bag does, and the same figures."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.small_bag import label, picture
from helpers.small_drive import (
    FRAMES,
    HEIGHT,
    RATE,
    WIDTH,
    write_folder,
    write_label_folder,
    write_lossless_bag,
    write_video,
)
from helpers.tiny_bundle import write_tiny_bundle

from cosme_ros.bags.labelled_frames import BagFrames, LabelSettings
from cosme_ros.bags.reading import Bag, BagError
from cosme_ros.cli import evaluate_bag
from cosme_ros.evaluation.outputs import MASK, SCORE
from cosme_ros.evaluation.results import WarningLog
from cosme_ros.sources.interface import SourceError
from cosme_ros.sources.labelled import open_labelled_frames

STEMS = [f"{index:06d}" for index in range(FRAMES)]
NUMBERS = [str(index) for index in range(FRAMES)]
STAMPS = [index * 10**9 // RATE for index in range(FRAMES)]


def read(path: Path, **labels):
    warnings = WarningLog()
    with open_labelled_frames(
        path, image_topic=None, labels=LabelSettings(**labels), report=warnings.add
    ) as frames:
        return list(frames.read()), warnings.sentences(), frames.label_values()


def write_drive(folder: Path, kind: str) -> Path:
    if kind == "folder":
        return write_folder(folder / "images", [f"{stem}.png" for stem in STEMS])
    return write_video(folder / "drive.mkv")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("folder", STEMS),
        ("video", NUMBERS),
        ("video", STEMS),
        ("video", [str(stamp) for stamp in STAMPS]),
    ],
)
def test_frames_with_their_labels(tmp_path: Path, kind: str, names: list[str]) -> None:
    labels = write_label_folder(tmp_path / "labels", names)
    frames, warnings, values = read(write_drive(tmp_path, kind), folder=labels)
    assert warnings == []
    assert values == (0, 1, 255)
    assert [frame.stamp for frame in frames] == STAMPS
    for index, frame in enumerate(frames):
        assert frame.index == index
        assert frame.header.stamp.sec * 10**9 + frame.header.stamp.nanosec == frame.stamp
        np.testing.assert_array_equal(frame.image, picture(index, HEIGHT, WIDTH))
        np.testing.assert_array_equal(frame.label, label(index, HEIGHT, WIDTH))


def test_labels_in_a_folder_of_the_drives_name_come_first(tmp_path: Path) -> None:
    labels = write_label_folder(tmp_path / "labels", NUMBERS)
    write_label_folder(labels / "drive", NUMBERS[:1])
    frames, (warning,), _ = read(write_drive(tmp_path, "video"), folder=labels)
    assert [frame.label is None for frame in frames] == [False] + [True] * (FRAMES - 1)
    assert warning.startswith("5 of 6 frames have no label")


@pytest.mark.parametrize(("kind", "name"), [("folder", "000005.png"), ("video", "5.png or 500")])
def test_labels_that_are_all_named_otherwise_are_missed(tmp_path: Path, kind, name) -> None:
    labels = write_label_folder(tmp_path / "labels", ["left", "right"])
    frames, (warning,), _ = read(write_drive(tmp_path, kind), folder=labels)
    assert all(frame.label is None for frame in frames)
    assert f"that of the last frame would be {name}" in warning


def test_a_label_in_colours_is_left_out_with_a_warning(tmp_path: Path) -> None:
    labels = write_label_folder(tmp_path / "labels", STEMS)
    assert cv2.imwrite(str(labels / "000002.png"), picture(2, HEIGHT, WIDTH))
    frames, warnings, _ = read(write_drive(tmp_path, "folder"), folder=labels)
    assert [frame.index for frame in frames if frame.label is None] == [2]
    assert "the label of frame 2 is left out" in warnings[0] and "3 channels" in warnings[0]


def test_after_damage_labels_of_a_video_are_found_by_stamp_alone(tmp_path: Path) -> None:
    # How many images the damaged part held is not known, so that an index may be another image's.
    video = write_video(tmp_path / "drive.mov", codec="png")
    third = [found.start() for found in re.finditer(b"\x89PNG", video.read_bytes())][2]
    content = bytearray(video.read_bytes())
    content[third : third + 100] = bytes(100)
    video.write_bytes(content)
    by_index = write_label_folder(tmp_path / "by_index", NUMBERS)
    by_stamp = write_label_folder(tmp_path / "by_stamp", [str(stamp) for stamp in STAMPS])
    for folder, whole in ((by_index, False), (by_stamp, True)):
        frames, warnings, _ = read(video, folder=folder)
        assert "damaged" in warnings[0]
        assert [frame.stamp for frame in frames] == STAMPS[:2] + STAMPS[3:]
        assert [frame.label is not None for frame in frames] == [True] * 2 + [whole] * 3
        for frame in frames:
            if frame.label is not None:
                true = label(STAMPS.index(frame.stamp), HEIGHT, WIDTH)
                np.testing.assert_array_equal(frame.label, true)


def test_a_bag_is_read_as_a_bag(tmp_path: Path) -> None:
    bag = write_lossless_bag(tmp_path / "bag")
    bare = tmp_path / "recording"  # known by its first bytes
    bare.write_bytes(next(bag.glob("*.mcap")).read_bytes())
    for path in (bag, bare):
        with open_labelled_frames(
            path, image_topic=None, labels=LabelSettings(), report=lambda *_: None
        ) as frames:
            assert isinstance(frames, BagFrames)
            assert frames.count == FRAMES
    with pytest.raises(BagError, match="the bags in it are bag; give these"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/dev/video9", "is a camera or a stream, which has no end"),
        ("rtsp://camera/front", "rtsp://camera/front is a camera or a stream, which has no end"),
        ("/nowhere", "does not exist"),
    ],
)
def test_what_is_no_recorded_drive_is_refused(path: str, sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        read(Path(path))


def test_a_label_topic_is_of_a_bag_alone(tmp_path: Path) -> None:
    _, (warning,), _ = read(write_drive(tmp_path, "video"), topic="/labels")
    assert "drive.mkv is no bag: give labels with --label-folder" in warning


def test_bag_folder_and_video_have_the_same_figures(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path / "tiny")
    labels = tmp_path / "labels"
    labels.mkdir()
    write_label_folder(labels / "images", STEMS)
    write_label_folder(labels / "drive", NUMBERS)
    drives = {
        write_lossless_bag(tmp_path / "bag"): (),
        write_drive(tmp_path, "folder"): ("--label-folder", str(labels)),
        write_drive(tmp_path, "video"): ("--label-folder", str(labels)),
    }
    totals, scores = [], []
    for number, (path, options) in enumerate(drives.items()):
        out, output_bag = tmp_path / f"out{number}", tmp_path / f"outputs{number}"
        arguments = [str(path), *options, "--bundle", str(bundle), "--out", str(out), "--quiet"]
        arguments += ["--false-positive-rate", "0.01", "--provider", "cpu", "--threads", "1"]
        assert evaluate_bag.main([*arguments, "--output-bag", str(output_bag)]) == 0
        report = json.loads((out / "report.json").read_text())
        totals.append({name: report["total"][name] for name in ("pixels", "detection", "alarms")})
        with Bag(output_bag) as bag:
            scores.append([bag.plane(m, "32FC1") for m in bag.messages([SCORE])])
            masks = [(m.stamp, bag.plane(m, "mono8").any()) for m in bag.messages([MASK])]
        assert [bool(found) for _, found in masks] == [index % 2 == 1 for index in range(FRAMES)]
        assert [stamp - masks[0][0] for stamp, _ in masks] == STAMPS
    assert totals[0]["pixels"]["average_precision"] > 0.9
    assert totals[0]["detection"]["found"] == FRAMES // 2
    assert totals[0] == totals[1] == totals[2]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])
