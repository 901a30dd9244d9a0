# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Bag, folder and video give the same frames; what is no source is refused with a sentence."""

import re
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from helpers.small_bag import picture, stamp_of_frame, write_small_bag
from helpers.video_bag import LOSSLESS_H265, write_video_bag

from cosme_ros.sources.interface import SourceError
from cosme_ros.sources.opening import open_source

FRAMES, HEIGHT, WIDTH, RATE = 6, 180, 320, 10


def write_folder(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    for index, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), picture(index, HEIGHT, WIDTH))
    return folder


def write_video(path: Path, *, rotation: int = 0) -> Path:
    """Lossless: FFV1 of BGR."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "bgr0"
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(index, HEIGHT, WIDTH), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_video_gives_its_frames_at_their_times(tmp_path: Path) -> None:
    with open_source(str(write_video(tmp_path / "drive.mkv"))) as source:
        assert not source.live
        frames = list(source.read())
    assert [frame.index for frame in frames] == list(range(FRAMES))
    assert [frame.stamp for frame in frames] == [i * 10**9 // RATE for i in range(FRAMES)]
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.image, picture(index, HEIGHT, WIDTH))


def test_a_folder_gives_its_images_in_natural_order(tmp_path: Path) -> None:
    # Natural order is that of the numbers: 9 before 10.
    names = ["7.png", "8.png", "9.png", "10.png", "11.png", "12.png"]
    folder = write_folder(tmp_path / "images", names)
    (folder / "notes.txt").write_text("no image")
    with open_source(str(folder), frame_rate=RATE) as source:
        assert source.count == FRAMES
        frames = list(source.read())
    assert [frame.stamp for frame in frames] == [i * 10**9 // RATE for i in range(FRAMES)]
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.image, picture(index, HEIGHT, WIDTH))


def test_a_name_that_is_a_stamp_is_the_stamp(tmp_path: Path) -> None:
    names = [f"{stamp_of_frame(index)}.png" for index in range(FRAMES)]
    with open_source(str(write_folder(tmp_path / "images", names))) as source:
        stamps = [frame.stamp for frame in source.read()]
    assert stamps == [stamp_of_frame(index) for index in range(FRAMES)]


def test_a_number_that_begins_with_0_counts_frames(tmp_path: Path) -> None:
    names = [f"{index:010d}.png" for index in range(FRAMES)]  # as KITTI's
    with open_source(str(write_folder(tmp_path / "images", names)), frame_rate=RATE) as source:
        stamps = [frame.stamp for frame in source.read()]
    assert stamps == [i * 10**9 // RATE for i in range(FRAMES)]


def test_a_cut_image_is_left_out_by_name(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "images", ["a.jpg", "b.jpg", "c.jpg"])
    whole = (folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(whole[: len(whole) // 2])
    reports: list[str] = []
    with open_source(str(folder), report=reports.append) as source:
        assert [frame.index for frame in source.read()] == [0, 2]
    (report,) = reports
    assert "b.jpg is left out" in report


def test_a_bag_is_a_source(tmp_path: Path) -> None:
    bag = write_small_bag(tmp_path / "bag", frames=FRAMES)
    for path in (bag, next(bag.glob("*.mcap"))):
        with open_source(str(path)) as source:
            assert [f.stamp for f in source.read()] == [stamp_of_frame(i) for i in range(FRAMES)]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path, r"there is no .*; a bag, a folder of images"),
        (lambda path: path.mkdir() or path, r"has no .*\.jpg.* file and no metadata.yaml"),
        (lambda path: path.write_bytes(b"no video") and path, r"cannot be opened"),
    ],
)
def test_what_is_no_source_is_refused(tmp_path: Path, make, sentence: str) -> None:
    with pytest.raises(SourceError, match=re.compile(sentence)):
        open_source(str(make(tmp_path / "what.mp4")))


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("/dev/video999", "No such file or directory; the cameras of this machine: "),
        ("http://127.0.0.1:9/front", "is the camera on, and is the address right"),
    ],
)
def test_a_camera_that_is_not_there_is_named(address: str, sentence: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(address)
    assert sentence in str(caught.value) and "Errno" not in str(caught.value)


def test_a_cut_video_gives_what_is_whole(tmp_path: Path) -> None:
    video = write_video(tmp_path / "drive.mkv")
    video.write_bytes(video.read_bytes()[:-20_000])
    with open_source(str(video)) as source:
        frames = list(source.read())
    assert 0 < len(frames) < FRAMES
    np.testing.assert_array_equal(frames[0].image, picture(0, HEIGHT, WIDTH))


def test_a_bag_of_video_packets_gives_its_images(tmp_path: Path) -> None:
    images = [picture(index, HEIGHT, WIDTH) for index in range(FRAMES)]
    stamps = [stamp_of_frame(index) for index in range(FRAMES)]
    bag = write_video_bag(tmp_path / "bag", images, stamps, encoder=LOSSLESS_H265)
    with open_source(str(bag)) as source:
        frames = list(source.read())
    assert [frame.stamp for frame in frames] == stamps
    for frame, image in zip(frames, images, strict=True):
        np.testing.assert_array_equal(frame.image, image)
