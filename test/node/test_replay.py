# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Player and recorder as users run them: processes of their own, heard over real DDS only."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import rclpy
from helpers.small_bag import label, stamp_of_frame, write_small_bag
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from cosme_ros.bags.reading import Bag, stamp_of, with_stamp
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.dds_profile import profile_variable
from cosme_ros.inference.detector import Detector
from cosme_ros.replay.recording import MASK, OVERLAY, SCORE, Recording
from cosme_ros.replay.runner import Replay, ros_environment
from cosme_ros.replay.streaming_accuracy import timeline
from cosme_ros.topics import CAMERA_IMAGE, CAMERA_INFO, CAMERA_LABELS

PATIENCE = 30.0
FRAMES = 8


@pytest.fixture(scope="module")
def bag(tmp_path_factory) -> Path:
    return write_small_bag(tmp_path_factory.mktemp("bags") / "bag", frames=FRAMES)


class Player:
    """`python -m cosme_ros bag_player_node` with parameters."""

    def __init__(self, folder: Path, domain: int, **parameters: object) -> None:
        self._log = folder / "player.log"
        arguments = [
            part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")
        ]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "cosme_ros", "bag_player_node", "--ros-args", *arguments],
                env={**ros_environment(), "ROS_DOMAIN_ID": str(domain)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def wait(self) -> int:
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()

    def wait_until_it_says(self, words: str) -> None:
        end = time.monotonic() + PATIENCE
        while words not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, f"it never said {words!r}, but:\n{self.said}"
            time.sleep(0.05)


class Listener:
    """Keeps the bytes of what is played, by topic."""

    def __init__(self, domain: int) -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain)
        self._node = rclpy.create_node("test_listener", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self.heard: dict[str, list[bytes]] = {}

    def subscribe(self) -> None:
        qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
        for topic, kind in (
            (CAMERA_IMAGE, CompressedImage),
            (CAMERA_LABELS, Image),
            (CAMERA_INFO, CameraInfo),
        ):
            heard = self.heard.setdefault(topic, [])
            self._node.create_subscription(kind, topic, heard.append, qos, raw=True)

    def spin_until_end_of(self, player: Player) -> None:
        end = time.monotonic() + PATIENCE
        while player.process.poll() is None:
            assert time.monotonic() < end, player.said
            self._executor.spin_once(timeout_sec=0.05)
        for _ in range(100):
            self._executor.spin_once(timeout_sec=0)

    def close(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)


@pytest.fixture
def domain() -> int:
    return random.SystemRandom().randint(1, 100)


@pytest.fixture
def listener(domain: int) -> Iterator[Listener]:
    listener = Listener(domain)
    yield listener
    listener.close()


def bag_bytes(bag: Path, topic: str) -> list[bytes]:
    with Bag(bag) as opened:
        return [message.cdr for message in opened.messages([topic])]


def is_the_same(heard: bytes, kept: bytes) -> bool:
    """DDS fills messages up with zeros to a multiple of four bytes."""
    padding = heard[len(kept) :]
    return heard.startswith(kept) and len(padding) < 4 and not any(padding)


def test_waits_for_its_listener_and_then_plays_every_byte(
    bag: Path, domain: int, listener: Listener, tmp_path: Path
) -> None:
    player = Player(tmp_path, domain, bag=bag, restamp="false", label_subscribers=1, rate=4.0)
    player.wait_until_it_says(f"waiting for subscriptions: {CAMERA_IMAGE} has 0 of 1")
    listener.subscribe()
    listener.spin_until_end_of(player)
    assert player.wait() == 0, player.said
    for topic in (CAMERA_IMAGE, CAMERA_LABELS, CAMERA_INFO):
        for heard, kept in zip(listener.heard[topic], bag_bytes(bag, topic), strict=True):
            assert is_the_same(heard, kept)


def test_every_round_is_stamped_anew_and_alike_for_all_topics(
    bag: Path, domain: int, listener: Listener, tmp_path: Path
) -> None:
    before = time.time_ns()
    player = Player(tmp_path, domain, bag=bag, rounds=2, label_subscribers=1, rate=8.0)
    listener.subscribe()
    listener.spin_until_end_of(player)
    assert player.wait() == 0, player.said
    stamps = {topic: [stamp_of(cdr) for cdr in heard] for topic, heard in listener.heard.items()}
    assert len(set(stamps[CAMERA_IMAGE])) == 2 * FRAMES
    assert stamps[CAMERA_IMAGE] == stamps[CAMERA_LABELS] == stamps[CAMERA_INFO]
    assert stamps[CAMERA_IMAGE] == sorted(stamps[CAMERA_IMAGE])
    assert before < stamps[CAMERA_IMAGE][0] and stamps[CAMERA_IMAGE][-1] < time.time_ns()
    # Nothing but the stamp differs from the bag.
    kept = bag_bytes(bag, CAMERA_IMAGE)
    for heard, original in zip(listener.heard[CAMERA_IMAGE], kept + kept, strict=True):
        assert is_the_same(with_stamp(heard, stamp_of(original)), original)


def test_plays_at_the_rate_asked_for(
    bag: Path, domain: int, listener: Listener, tmp_path: Path
) -> None:
    """Never early; how late a frame may come is the machine's business."""
    player = Player(tmp_path, domain, bag=bag, rate=0.5, label_subscribers=1)
    listener.subscribe()
    listener.spin_until_end_of(player)
    assert player.wait() == 0, player.said
    stamps = [stamp_of(cdr) for cdr in listener.heard[CAMERA_IMAGE]]
    assert len(stamps) == FRAMES
    due = (stamp_of_frame(FRAMES - 1) - stamp_of_frame(0)) / 0.5
    assert stamps[-1] - stamps[0] > due - 0.05e9


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({}, "parameter 'bag' is empty"),
        ({"bag": "/no/such/bag"}, "bag /no/such/bag does not exist"),
        ({"bag": "BAG", "image_topic": "/front"}, f"no topic '/front'. It has: {CAMERA_INFO}"),
        ({"bag": "BAG", "rate": "0.0"}, "parameter 'rate' is 0.0, but must be 1e-06 or more"),
        ({"bag": "BAG", "wait_timeout": "0.5"}, f"no listener enough: {CAMERA_IMAGE} has 0 of 1"),
    ],
)
def test_says_what_is_wrong(
    bag: Path, domain: int, tmp_path: Path, parameters: dict[str, str], complaint: str
) -> None:
    given = {name: str(bag) if value == "BAG" else value for name, value in parameters.items()}
    player = Player(tmp_path, domain, **given)
    assert player.wait() == 1
    assert complaint in player.said
    assert "Traceback" not in player.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_well_when_asked_to(bag: Path, domain: int, tmp_path: Path, number: int) -> None:
    player = Player(tmp_path, domain, bag=bag, image_subscribers=0, rounds=0)
    player.wait_until_it_says("for ever")
    player.process.send_signal(number)
    assert player.wait() == 0
    assert "Traceback" not in player.said


@pytest.fixture(scope="module")
def recording(bundle: Path, bag: Path, tmp_path_factory) -> Recording:
    """The whole chain: player, detector and recorder."""
    said: list[str] = []
    replay = Replay(
        bundle=bundle,
        bag=bag,
        image_topic=CAMERA_IMAGE,
        label_topic=CAMERA_LABELS,
        provider="cpu",
        false_positive_rate=0.01,
        threads=1,
        rate=0.5,
        seconds_a_frame=0.0,
    )
    return replay.run(tmp_path_factory.mktemp("replay"), log=said.append)


def test_nothing_that_was_played_is_missing_from_the_recording(recording: Recording) -> None:
    assert len(recording.times) == FRAMES
    with Bag(recording.path) as opened:
        assert opened.count(CAMERA_LABELS) == FRAMES
    counts = recording.counts()
    assert 0 < counts.received <= FRAMES
    assert counts.received == counts.processed + counts.dropped
    assert counts.failed == 0


def test_outputs_are_joined_to_their_own_frame(
    recording: Recording, bundle: Path, bag: Path
) -> None:
    """The published score is Detector.detect's to the bit, for the picture of the same stamp."""
    detector = Detector(load_bundle(bundle), provider="cpu", false_positive_rate=0.01, threads=1)
    with Bag(recording.path) as opened:
        played = [message.stamp for message in opened.messages([CAMERA_IMAGE])]
    outputs = list(recording.outputs())
    assert len(outputs) == recording.counts().processed
    for output in outputs:
        index = played.index(output.stamp)
        assert output.label is not None
        np.testing.assert_array_equal(output.label, label(index, 180, 320))
        np.testing.assert_array_equal(output.score, detector.detect(output.image).score)
        assert output.mask is not None and output.overlay is not None
        assert set(np.unique(output.mask)) <= {0, 255}
        # An outline grows around what reaches the alarm line, and nowhere else.
        count, components = cv2.connectedComponents(output.mask, connectivity=8)
        for number in range(1, count):
            assert output.score[components == number].max() >= 1.0
        assert output.overlay.shape == (180, 320, 3)


def test_latency_is_arrival_less_stamp(recording: Recording) -> None:
    with Bag(recording.path) as opened:
        arrivals = {
            topic: {message.stamp: message.bag_time for message in opened.messages([topic])}
            for topic in (SCORE, MASK, OVERLAY)
        }
    latencies = timeline(recording.times).latencies()
    assert (latencies > 0).all() and (latencies < PATIENCE).all()
    expected = [
        (max(arrived, arrivals[MASK][stamp]) - stamp) * 1e-9
        for stamp, arrived in arrivals[SCORE].items()
    ]
    np.testing.assert_allclose(sorted(latencies), sorted(expected), atol=1e-9)


def test_the_environment_is_one_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ROS_WHEELS_BOOTSTRAP_COMPLETE", "1")
    monkeypatch.delenv(profile_variable(), raising=False)
    environment = ros_environment()
    assert environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] == "LOCALHOST"
    assert 1 <= int(environment["ROS_DOMAIN_ID"]) <= 101
    assert "_ROS_WHEELS_BOOTSTRAP_COMPLETE" not in environment
    assert Path(environment[profile_variable()]).is_file()
    monkeypatch.setenv(profile_variable(), "/mine.xml")
    assert ros_environment()[profile_variable()] == "/mine.xml"
