# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Frames of a source that is quick in order only: the same pixels, each decoded once."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from training.datasets import normal_frames
from training.datasets.normal_frames import FitFrames

SIZE = (24, 32)


class Counted:
    """Frames of noise that count how often they are made, and in which order."""

    def __init__(self, *, worth_keeping: bool) -> None:
        self.worth_keeping = worth_keeping
        self.read: list[int] = []

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> np.ndarray:
        self.read.append(index)
        return np.random.default_rng(index).integers(0, 256, (48, 64, 3), np.uint8)


def frames_of(source: Counted) -> FitFrames:
    return FitFrames(source, np.array([1, 3, 5, 8]), SIZE)


def test_each_frame_is_decoded_once_and_in_order(tmp_path: Path) -> None:
    source = Counted(worth_keeping=True)
    frames = frames_of(source)
    wanted = [frames[index] for index in range(4)]
    source.read.clear()
    frames.decode_once(tmp_path)
    for index in (2, 0, 3, 1, 2):
        assert np.array_equal(frames[index], wanted[index])
        assert frames[index].flags.writeable
    assert source.read == [1, 3, 5, 8]
    assert not list(tmp_path.iterdir())  # the file has no name


def test_a_worker_decodes_for_itself(tmp_path: Path) -> None:
    frames = frames_of(Counted(worth_keeping=True))
    frames.decode_once(tmp_path)
    sent = pickle.dumps(frames)
    assert len(sent) < 2000
    assert np.array_equal(pickle.loads(sent)[2], frames[2])


@pytest.mark.parametrize("worth_keeping", [True, False])
def test_what_is_quick_or_too_large_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worth_keeping: bool
) -> None:
    if worth_keeping:
        monkeypatch.setattr(normal_frames, "MOST_DECODED_BYTES", 4 * 24 * 32 * 3 - 1)
    source = Counted(worth_keeping=worth_keeping)
    frames = frames_of(source)
    frames.decode_once(tmp_path)
    assert source.read == []
    assert np.array_equal(frames[1], frames[1]) and source.read == [3, 3]
