# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np
from helpers.small_bag import label, picture

from cosme_ros.bags.scenes import Scene
from cosme_ros.evaluation.drive_video import DriveVideo
from cosme_ros.replay.recording import Output
from cosme_ros.reporting.pictures import ChosenFrame, draw_chosen, view_of
from cosme_ros.visualization.panels import Region


def output(index: int, *, labels: bool = True) -> Output:
    labelled = label(index, 180, 320)
    return Output(
        stamp=1000 + index,
        image=picture(index, 180, 320),
        label=labelled if labels else None,
        score=np.where(labelled == 1, 1.5, 0.2).astype(np.float32),
        mask=np.where(labelled == 1, 255, 0).astype(np.uint8),
        overlay=np.zeros((180, 320, 3), np.uint8),
    )


def frames_of(video: Path) -> list[np.ndarray]:
    opened = cv2.VideoCapture(str(video))
    assert opened.get(cv2.CAP_PROP_FPS) == 10.0
    frames = []
    while True:
        found, frame = opened.read()
        if not found:
            return frames
        frames.append(frame)


def test_every_frame_is_in_the_video_and_a_cut_catches_the_eye(tmp_path: Path) -> None:
    scenes = [Scene(number, 2, "fog", 0) for number in (1, 2)]
    view = view_of(output(0))
    with DriveVideo(tmp_path / "drive.webm", 10.0) as video:
        for index in range(40):
            video.add(view, 100_000_000 * index, scenes[index >= 20], f"frame {index}")
    frames = frames_of(tmp_path / "drive.webm")
    assert len(frames) == 40
    # Its line of text is dark for the first 1.5 s of a scene, and light for the rest of it.
    dark = [frame[:4].mean() < 150 for frame in frames]
    assert dark == [index % 20 < 15 for index in range(40)]


def test_without_scenes_no_caption_catches_the_eye(tmp_path: Path) -> None:
    with DriveVideo(tmp_path / "drive.webm", 10.0) as video:
        video.add(view_of(output(0)), 0, None, "")
    assert frames_of(tmp_path / "drive.webm")[0][:4].mean() > 200


def test_the_contact_sheet_shows_what_was_chosen_in_its_order(tmp_path: Path) -> None:
    chosen = [
        ChosenFrame(1003, 3, "the third", "first on the sheet", Region(140, 130, 40, 30)),
        ChosenFrame(1001, 1, "the first", "below it"),
        ChosenFrame(1003, 3, "the third again", "for another reason"),
    ]
    outputs = (output(index) for index in range(6))
    thumbnails = draw_chosen(tmp_path, outputs, chosen, heading="of the drive")
    names = sorted(file.name for file in (tmp_path / "pictures").iterdir())
    assert names == [
        "frame_0001.png",
        "frame_0001_overlay.png",
        "frame_0003.png",
        "frame_0003_overlay.png",
    ]
    assert [thumbnail.caption for thumbnail in thumbnails] == [
        "the third. Frame 3: first on the sheet",
        "the first. Frame 1: below it",
        "the third again. Frame 3: for another reason",
    ]
    sheet = cv2.imread(str(tmp_path / "contact_sheet.png"))
    assert sheet.shape[1] > 2000, "two columns"
    assert sheet.mean() > 100, "no dark places"
    assert not (sheet == 0).all(axis=2).any(axis=0).all(), "no black columns"


def test_where_nothing_was_chosen_there_is_no_contact_sheet(tmp_path: Path) -> None:
    assert draw_chosen(tmp_path, [output(0)], [], heading="") == ()
    assert not (tmp_path / "contact_sheet.png").exists()
