# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every frame of a video by its number, in order and in jumps."""

from pathlib import Path

import av
import numpy as np
import pytest

from training.datasets.opening import open_frames
from training.datasets.readers.video import VideoFrames
from training.errors import UsageError

COUNT = 40
ORDERS = {
    "in order": list(range(COUNT)),
    "backwards": list(range(COUNT - 1, -1, -1)),
    "spread": [0, 35, 3, 36, 38, 1],
}


@pytest.fixture(scope="module", params=["libx264", "ffv1"])
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bright column that moves on; H.264 with frames that refer to later ones."""
    path = tmp_path_factory.mktemp("video") / "drive.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(request.param, rate=10)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuv420p"
        if request.param == "libx264":
            stream.options = {"g": "12", "bf": "2", "crf": "1"}
        for index in range(COUNT):
            picture = np.zeros((48, 64, 3), np.uint8)
            picture[:, index] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("order", ORDERS)
def test_each_frame_is_that_of_its_number(video: Path, order: str) -> None:
    frames = open_frames(video)
    assert isinstance(frames, VideoFrames)
    assert len(frames) == COUNT
    for index in ORDERS[order]:
        frame = frames[index]
        assert frame.shape == (48, 64, 3)
        assert int(frame.sum(axis=(0, 2)).argmax()) == index


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "no.mp4"
    file.write_bytes(b"not a video")
    with pytest.raises(UsageError, match=r"no.mp4 cannot be read as a video"):
        open_frames(file)
