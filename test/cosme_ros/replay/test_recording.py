# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Recordings made by hand: late outputs, dropped frames, missing labels."""

from pathlib import Path

import numpy as np
from helpers.small_bag import TYPES, compressed_message, image_message, picture, stamp_of_frame
from rosbags.rosbag2 import StoragePlugin, Writer

from cosme_ros.bags.reading import COMPRESSED_IMAGE, IMAGE
from cosme_ros.replay.recording import MASK, SCORE, STATUS, Recording
from cosme_ros.replay.streaming_accuracy import timeline
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_LABELS, DIAGNOSTICS

SIZE = (24, 32)
PERIOD = 100_000_000  # nanoseconds


def score_of(index: int) -> np.ndarray:
    return np.full(SIZE, index, np.float32)


def write(
    folder: Path,
    *,
    frames: int,
    lateness: dict[int, float],
    unlabelled: tuple[int, ...] = (),
    strangers: tuple[int, ...] = (),
) -> Recording:
    """`lateness`: frame to periods until its score is there; the mask comes a millisecond later."""
    messages = []
    for index in range(frames):
        stamp = stamp_of_frame(index)
        if index not in strangers:
            message = compressed_message(stamp, picture(index, *SIZE))
            messages.append((stamp + 1000, CAMERA_IMAGE, message))
        if index not in unlabelled:
            labels = np.full(SIZE, index % 2, np.uint8)
            messages.append((stamp + 2000, CAMERA_LABELS, image_message(stamp, labels, "mono8")))
        if index in lateness:
            arrival = stamp + round(lateness[index] * PERIOD)
            messages.append((arrival, SCORE, image_message(stamp, score_of(index), "32FC1")))
            mask = image_message(stamp, np.zeros(SIZE, np.uint8), "mono8")
            messages.append((arrival + 1_000_000, MASK, mask))
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {
            topic: writer.add_connection(topic, kind, typestore=TYPES)
            for topic, kind in (
                (CAMERA_IMAGE, COMPRESSED_IMAGE),
                (CAMERA_LABELS, IMAGE),
                (SCORE, IMAGE),
                (MASK, IMAGE),
            )
        }
        for arrival, topic, message in sorted(messages, key=lambda entry: entry[0]):
            data = TYPES.serialize_cdr(message, message.__msgtype__)
            writer.write(connections[topic], arrival, data)
    return Recording(folder, CAMERA_IMAGE, CAMERA_LABELS)


def test_outputs_however_late_meet_their_frames(tmp_path: Path) -> None:
    """A detector a hundred times too slow answers when ninety more pictures have come."""
    recording = write(tmp_path / "bag", frames=100, lateness={3: 90.5, 50: 49.5})
    first, second = recording.outputs()
    for output, index in ((first, 3), (second, 50)):
        assert output.stamp == stamp_of_frame(index)
        np.testing.assert_array_equal(output.score, score_of(index))
        assert output.label is not None and (output.label == index % 2).all()
        assert output.mask is not None
    np.testing.assert_allclose(timeline(recording.times).latencies(), [9.051, 4.951])
    unanswered = [frame.stamp for frame in recording.unanswered()]
    assert unanswered == [stamp_of_frame(n) for n in range(100) if n not in (3, 50)]


def test_times_are_arrivals(tmp_path: Path) -> None:
    first, second = write(tmp_path / "bag", frames=2, lateness={0: 0.5}).times
    stamp = stamp_of_frame(0)
    assert first.stamp == stamp and first.picture == stamp + 1000
    assert first.score == stamp + PERIOD // 2 and first.mask == first.score + 1_000_000
    assert second.score is None and second.mask is None


def test_frames_are_judged_by_the_scores_of_others(tmp_path: Path) -> None:
    """By scores that come before their labels, and by such as come after."""
    recording = write(
        tmp_path / "bag", frames=6, lateness={0: 0.5, 1: 0.5, 5: 0.5}, unlabelled=(3,)
    )
    judges = {
        stamp_of_frame(frame): None if judge is None else stamp_of_frame(judge)
        for frame, judge in {0: None, 1: 0, 2: 5, 3: 0, 4: 1, 5: 1}.items()
    }
    found = {
        (int(labels[0, 0]), None if score is None else float(score[0, 0]))
        for labels, score in recording.judged_by(judges)
    }
    # Parity of the frame, and whose score it was judged by; frame 3 has no labels.
    assert found == {(0, None), (1, 0.0), (0, 5.0), (0, 1.0), (1, 1.0)}


def test_a_score_without_its_picture_leaves_the_rest_to_be_judged(tmp_path: Path) -> None:
    recording = write(tmp_path / "bag", frames=3, lateness={0: 0.5, 1: 0.5}, strangers=(1,))
    stamps = [stamp_of_frame(0), stamp_of_frame(2)]
    assert [frame.stamp for frame in recording.times] == stamps
    assert [output.stamp for output in recording.outputs()] == stamps[:1]
    assert [frame.stamp for frame in recording.unanswered()] == stamps[1:]


def test_only_the_recorded_detectors_own_words_count(tmp_path: Path) -> None:
    """A detector in another namespace, or of another name, speaks on the same topic."""
    array = TYPES.types["diagnostic_msgs/msg/DiagnosticArray"]
    status = TYPES.types["diagnostic_msgs/msg/DiagnosticStatus"]
    pair = TYPES.types["diagnostic_msgs/msg/KeyValue"]
    keys = ("received", "processed", "dropped (a newer one came)", "failed")
    header = compressed_message(0, picture(0, *SIZE)).header

    def said(name: str, number: int) -> bytes:
        values = [pair(key=f"frames {key}", value=str(number)) for key in keys]
        entry = status(level=0, name=name, message="", hardware_id="", values=values)
        return TYPES.serialize_cdr(array(header=header, status=[entry]), array.__msgtype__)

    with Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(DIAGNOSTICS, array.__msgtype__, typestore=TYPES)
        for time, (name, number) in enumerate(
            [
                (STATUS, 7),
                (f"/front{STATUS}", 1),
                (STATUS.replace("cosme_detector", "cosme_detector_2"), 2),
                (f"{STATUS} of rear", 3),
            ]
        ):
            writer.write(connection, time, said(name, number))
    assert Recording(tmp_path / "bag", CAMERA_IMAGE).counts().received == 7
