# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Small bags through the tiny bundle, as a user would call it."""

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.small_bag import picture, write_small_bag
from helpers.small_drive import write_folder, write_lossless_bag, write_video
from helpers.tiny_bundle import street_frame, write_tiny_bundle
from rosbags.rosbag2 import StoragePlugin

from cosme_ros.bags.labelled_frames import BagFrames
from cosme_ros.bags.reading import BagError
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.cli.snapshot import main
from cosme_ros.inference.detector import Detector
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule
from cosme_ros.reporting.snapshot_picture import snapshot_picture
from cosme_ros.streaming.frame_outputs import RequestedOutputs, compute_outputs
from cosme_ros.visualization.colormap import MASK_COLOUR
from cosme_ros.visualization.panels import title

FRAMES = 6
TITLE = title("", "", 640, 1.0).shape[0]
"""Pixels above each panel."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    return write_small_bag(tmp_path_factory.mktemp("bags") / "drive", frames=FRAMES)


def snapshot(bag: Path, bundle: Path, out: Path, *options: str) -> list[str]:
    status = main(
        [str(bag), "--bundle", str(bundle), "--out", str(out), "--provider", "cpu", *options]
    )
    assert status == 0
    return sorted(path.name for path in out.iterdir())


@pytest.mark.parametrize(
    ("options", "indices"),
    [
        (("--frames", "4,0"), (0, 4)),
        (("--every", "2"), (0, 2, 4)),
        (("--worst", "3"), (1, 3, 5)),  # odd frames show an obstacle
        ((), range(FRAMES)),
    ],
)
def test_the_frames_asked_for_are_written(bag, bundle, tmp_path, options, indices) -> None:
    names = snapshot(bag, bundle, tmp_path / "new" / "folder", *options)
    assert names == [f"frame_{index:04d}.png" for index in indices]


def test_sqlite_bags_are_read_too(bundle, tmp_path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=2, storage=StoragePlugin.SQLITE3)
    assert snapshot(bag, bundle, tmp_path / "out", "--frames", "1") == ["frame_0001.png"]


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_a_folder_and_a_video_give_the_pictures_of_the_bag(bundle, tmp_path, kind) -> None:
    bag = write_lossless_bag(tmp_path / "drive")
    snapshot(bag, bundle, tmp_path / "of_bag", "--frames", "3")
    drive = tmp_path / kind / "drive"
    drive.parent.mkdir()
    if kind == "folder":
        write_folder(drive, [f"{index}.png" for index in range(FRAMES)])
    else:
        drive = write_video(drive.with_suffix(".mkv"))
    assert snapshot(drive, bundle, tmp_path / "out", "--every", "3") == [
        "frame_0000.png",
        "frame_0003.png",
    ]
    of_bag, of_drive = (cv2.imread(str(tmp_path / f / "frame_0003.png")) for f in ("of_bag", "out"))
    caption = 24  # it names the file
    np.testing.assert_array_equal(of_bag[:-caption], of_drive[:-caption])


def test_a_frame_beyond_the_end_of_a_video_is_an_error(bundle, tmp_path, capsys) -> None:
    # Matroska does not say how many frames there are.
    video = write_video(tmp_path / "drive.mkv")
    arguments = [str(video), "--bundle", str(bundle), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--provider", "cpu", "--frames", "1,6"]) == 1
    assert "--frames names 6, but the last picture" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["frame_0001.png"]


def panels(shown: np.ndarray) -> list[np.ndarray]:
    """Camera, overlay, score and mask of the picture of a frame of 320 x 180, doubled in it."""
    rows = [shown[top : top + 360] for top in (TITLE, 360 + 2 * TITLE)]
    return [row[:, left : left + 640] for row in rows for left in (0, 648)]


def outlined(panel: np.ndarray) -> bool:
    return bool((panel == MASK_COLOUR).all(axis=2).any())


def test_the_picture_shows_what_the_node_would_publish(bag, bundle, tmp_path) -> None:
    snapshot(bag, bundle, tmp_path, "--frames", "0,1")
    normal, anomalous = (cv2.imread(str(tmp_path / f"frame_{i:04d}.png")) for i in (0, 1))
    assert normal.shape == anomalous.shape
    assert normal.shape[1] == 1288
    camera, overlay, score, mask = panels(anomalous)
    # JPEG and resizing change a pixel by some levels, not the picture.
    frame = cv2.resize(picture(1, 180, 320), (640, 360))
    assert np.abs(camera.astype(int) - frame).mean() < 8
    inside, outside = (300, 310), (340, 60)  # row and column, of the box and the road beside it
    assert overlay[inside].max() - overlay[inside].min() > 60, "coloured"
    assert overlay[outside].max() - overlay[outside].min() <= 2, "grey"
    assert score[inside].max() - score[inside].min() > 60, "coloured"
    assert score[outside].max() - score[outside].min() <= 2, "grey"
    assert np.abs(mask[inside].astype(int) - camera[inside]).max() < 30, "as bright as the frame"
    assert outlined(mask) and not outlined(panels(normal)[3])


def test_a_withheld_mask_is_told_and_empty(bundle) -> None:
    detector = Detector(load_bundle(bundle), provider="cpu")
    sky = np.full((180, 320, 3), (230, 100, 20), np.uint8)

    def shown(drivable_class_ids) -> np.ndarray:
        made = compute_outputs(
            detector.detect(sky),
            sky,
            RequestedOutputs(True, True, True, True),
            rule=ObstacleRule(drivable_class_ids, minimum_area=1),
            provider="cpu",
        )
        assert (made.mask is None) == (drivable_class_ids is not None)
        return snapshot_picture(sky, made, caption="")

    everywhere, withheld = shown(None), shown((0,))
    words = np.s_[TITLE + 360 : 2 * TITLE + 360, 648:]
    assert (withheld[words] < 100).sum() > 1.5 * (everywhere[words] < 100).sum()
    assert not outlined(panels(withheld)[3])


def test_a_snapshot_is_hatched_where_nothing_is_looked_at(bag, bundle, tmp_path) -> None:
    """Overlay, score and mask; the camera's picture stays what it is."""
    looked_at = np.full((180, 320), 255, np.uint8)
    looked_at[:, 160:] = 0
    file = tmp_path / "mask.png"
    cv2.imwrite(str(file), looked_at)
    snapshot(bag, bundle, tmp_path / "plain", "--frames", "1")
    snapshot(bag, bundle, tmp_path / "masked", "--frames", "1", "--static-mask", str(file))
    plain, masked = (
        cv2.imread(str(tmp_path / name / "frame_0001.png")) for name in ("plain", "masked")
    )
    for number, (before, after) in enumerate(zip(panels(plain), panels(masked), strict=True)):
        differs = (before != after).any(axis=2)
        right = differs[:, differs.shape[1] // 2 + 4 :]
        assert right.mean() > 0.9 if number else not differs.any(), number


@pytest.mark.parametrize("size", [(1080, 1920), (180, 320), (300, 100)])
def test_a_picture_fits_a_screen_whatever_the_camera(bundle, size) -> None:
    detector = Detector(load_bundle(bundle), provider="cpu")
    image = street_frame(*size)
    made = compute_outputs(
        detector.detect(image),
        image,
        RequestedOutputs(True, True, True, True),
        rule=ObstacleRule(None, minimum_area=1),
        provider="cpu",
    )
    shown = snapshot_picture(image, made, caption="a caption longer than the picture is " * 9)
    assert 1288 <= shown.shape[1] <= 1928
    assert shown.dtype == np.uint8
    assert (shown[-16:] < 150).any(), "the caption"
    assert (shown[-16:, -4:] > 200).all(), "all of it"


@pytest.mark.parametrize(("end", "status"), [(KeyboardInterrupt(), 130), (BagError("cut"), 1)])
def test_what_was_found_before_the_end_is_drawn(
    bag, bundle, tmp_path, monkeypatch, end, status
) -> None:
    read = BagFrames.read

    def interrupted(frames):
        yield from itertools.islice(read(frames), 4)
        raise end

    monkeypatch.setattr(BagFrames, "read", interrupted)
    arguments = [str(bag), "--bundle", str(bundle), "--out", str(tmp_path), "--provider", "cpu"]
    assert main([*arguments, "--worst", "2"]) == status
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "frame_0001.png",
        "frame_0003.png",
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--frames", "2,6"), "--frames names 6, but /"),
        (("--image-topic", "/nothing"), "has no topic '/nothing'. It has"),
        (("--image-topic", "/camera/camera_info"), "but must be"),
        (("--false-positive-rate", "1e-8"), "is 1e-08; this bundle was calibrated for"),
        (("--bundle", "/nowhere"), "/nowhere"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(
    bag, bundle, tmp_path, capsys, options, sentence
) -> None:
    arguments = [str(bag), "--bundle", str(bundle), "--out", str(tmp_path), "--provider", "cpu"]
    assert main([*arguments, *options]) == 1
    said = capsys.readouterr().err
    last = said.strip().splitlines()[-1]
    assert last.startswith("snapshot: ")
    assert sentence in last
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "options", [("--every", "0"), ("--frames", "1,x"), ("--frames", "1,-1"), ("--worst", "1.5")]
)
def test_options_that_mean_nothing_are_refused(bag, bundle, tmp_path, capsys, options) -> None:
    with pytest.raises(SystemExit, match="2"):
        main([str(bag), "--bundle", str(bundle), "--out", str(tmp_path), *options])
    assert "is no" in capsys.readouterr().err
