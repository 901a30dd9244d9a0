# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The player as a detector's camera: whatever the source is, the node sees its images."""

import os
import subprocess
import sys
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from helpers.detector_process import PATIENCE
from helpers.small_bag import picture, stamp_of_frame
from helpers.video_bag import LOSSLESS_H264, VIDEO_TOPIC, write_video_bag

from cosme_ros import topics
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.messages.images import decode_plane

FRAMES, HEIGHT, WIDTH = 6, 90, 160
SLOW = 0.2  # of the speed of recording: the detector is to see every frame
IMAGES = [picture(index, HEIGHT, WIDTH) for index in range(FRAMES)]


@pytest.fixture(scope="module")
def camera(start, bundle):
    _, camera = start(bundle=bundle)
    camera.listen("score")
    # From here on both sides know each other: what is played is not lost at the beginning.
    camera.ask(lambda: camera.image(IMAGES[0]), "score")
    return camera


@pytest.fixture(scope="module")
def expected(bundle):
    detector = Detector(load_bundle(bundle), provider="cpu")
    return [detector.detect(image).score for image in IMAGES]


def folder(path):
    path.mkdir()
    for index, image in enumerate(IMAGES):
        cv2.imwrite(str(path / f"{stamp_of_frame(index)}.png"), image)
    return path


def video(path):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=10)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt, stream.options = "rgb24", {"crf": "0"}
        for index, image in enumerate(IMAGES):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "bgr24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def play(camera, source, topic="/played", **parameters):
    """Play into the detector's input; returns the scores that it published, and the log."""
    camera.answers["score"].clear()
    given = {"bag": source, "image_topic": topic, **parameters}
    arguments = [part for name, value in given.items() for part in ("-p", f"{name}:={value}")]
    arguments += ["-r", f"{topic}:={camera.topic(topics.INPUT_IMAGE)}"]
    player = subprocess.Popen(
        [sys.executable, "-m", "cosme_ros", "bag_player_node", "--ros-args", *arguments],
        env={**os.environ, "ROS_DOMAIN_ID": str(camera.node.context.get_domain_id())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        camera.spin_until(lambda: player.poll() is not None, "the end of the player")
        camera.spin_for(0.5)
    finally:
        player.kill()
        log = player.communicate(timeout=PATIENCE)[0]
        print(log)
    assert player.returncode == 0, log
    return camera.answers["score"], log


def score_of(message):
    return decode_plane(message, {"32FC1": np.float32})


@pytest.mark.parametrize("kind", ["folder", "video", "packets"])
def test_the_node_sees_the_images_of_any_source(camera, expected, tmp_path, kind):
    stamps = [stamp_of_frame(index) for index in range(FRAMES)]
    if kind == "folder":
        found, log = play(camera, folder(tmp_path / "drive"), rate=SLOW, restamp="false")
    elif kind == "video":
        stamps = [100_000_000 * index for index in range(FRAMES)]
        found, log = play(camera, video(tmp_path / "drive.mkv"), rate=SLOW, restamp="false")
    else:
        bag = write_video_bag(tmp_path / "bag", IMAGES, stamps, encoder=LOSSLESS_H264)
        only = {"label_topic": "''", "camera_info_topic": "''"}
        found, log = play(camera, bag, VIDEO_TOPIC, rate=SLOW, restamp="false", **only)
    assert f"played {FRAMES} frames" in log
    assert len(found) >= FRAMES - 2, log  # best effort may lose some
    for (seconds, nanoseconds), message in found.items():
        index = stamps.index(seconds * 10**9 + nanoseconds)
        assert np.array_equal(score_of(message), expected[index])


def test_a_live_source_is_played_as_it_comes(camera, expected, tmp_path):
    """A file by its address is read as a stream is: the newest image, stamped now."""
    found, log = play(camera, f"file://{video(tmp_path / 'drive.mkv')}")
    assert "as it comes" in log
    for message in found.values():
        assert any(np.array_equal(score_of(message), score) for score in expected)


def test_what_cannot_be_played_is_said(camera, tmp_path):
    (tmp_path / "notes.txt").write_text("no video")
    with pytest.raises(AssertionError, match="cannot be opened"):
        play(camera, tmp_path / "notes.txt")
