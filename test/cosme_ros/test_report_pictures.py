# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import cv2
import numpy as np
from small_bag import BOX, label, picture

from cosme_ros.recording import Output
from cosme_ros.report_pictures import ReportPictures, choose_frames, panels


def output(index: int, *, mask: bool = True, labels: bool = True) -> Output:
    labelled = label(index, 180, 320)
    return Output(
        stamp=1000 + index,
        image=picture(index, 180, 320),
        label=labelled if labels else None,
        score=np.where(labelled == 1, 1.5, 0.2).astype(np.float32),
        mask=np.where(labelled == 1, 255, 0).astype(np.uint8) if mask else None,
        overlay=None,
        latency=0.01,
    )


def at_the_box(panel: np.ndarray) -> list[int]:
    return panel[BOX[1] + BOX[3] // 2, BOX[0] + BOX[2] // 2].tolist()


def test_panels_show_the_frame_untouched_and_paint_the_mask_and_the_truth() -> None:
    shown = output(1)
    frame, score, mask, truth = panels(shown, 1)
    assert at_the_box(frame) == at_the_box(shown.image)
    assert at_the_box(score) != at_the_box(panels(output(0), 0)[1])
    nothing = panels(output(1, mask=False, labels=False), 1)
    assert at_the_box(mask) != at_the_box(nothing[2])
    assert at_the_box(truth) != at_the_box(nothing[3])
    assert at_the_box(truth) != at_the_box(mask)
    corner = (-1, -1)
    np.testing.assert_array_equal(mask[corner], nothing[2][corner])
    assert all(panel.shape == (180, 320, 3) and panel.dtype == np.uint8 for panel in nothing)


def test_every_frame_is_in_the_video_and_the_chosen_ones_are_pictures(tmp_path: Path) -> None:
    with ReportPictures(tmp_path, frames_a_second=10.0, chosen={1001, 1004}) as pictures:
        for index in range(6):
            pictures.add(index, output(index))
    names = sorted(file.name for file in (tmp_path / "pictures").iterdir())
    assert names == ["frame_0001.png", "frame_0004.png"]
    assert cv2.imread(str(tmp_path / "contact_sheet.png")).shape == (2 * 180, 4 * 320, 3)
    video = cv2.VideoCapture(str(tmp_path / "drive.webm"))
    assert video.get(cv2.CAP_PROP_FPS) == 10.0
    frames = []
    while True:
        found, frame = video.read()
        if not found:
            break
        frames.append(frame)
    assert len(frames) == 6
    first = panels(output(0), 0)[0]
    shown = cv2.resize(frames[0][:270, :480], (320, 180)).astype(float)
    assert np.abs(shown - first).mean() < 12  # of 255: compressed, but the same picture


def test_three_of_four_chosen_frames_show_anomalies_and_are_spread() -> None:
    anomalous = {stamp: 300 <= stamp < 700 for stamp in range(0, 1000, 10)}
    chosen = choose_frames(anomalous, 12)
    with_anomaly = sorted(stamp for stamp in chosen if anomalous[stamp])
    assert (len(chosen), len(with_anomaly)) == (12, 9)
    assert max(np.diff(with_anomaly)) <= 50


def test_fewer_frames_than_wanted_are_all_chosen() -> None:
    assert choose_frames({1: False, 2: False}, 12) == {1, 2}
    assert choose_frames({1: True, 2: False}, 12) == {1, 2}
    assert choose_frames({}, 12) == set()
