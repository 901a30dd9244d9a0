# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The node `/bag_player`: plays a camera's topics of a bag, or any source of images.

Unlike `ros2 bag play` it needs no ROS installed by apt, waits until its listeners are there, so
that none misses the first frame, and can stamp each frame with the moment at which it is played,
so that latency can be measured from stamp to output. Video packets of a bag, a folder of images, a
video file and a camera are played as sensor_msgs/Image.
"""

import itertools
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic
from typing import Any

from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from cosme_ros.bags import reading
from cosme_ros.bags.reading import BagError, BagMessage, with_stamp
from cosme_ros.node.parameter_declaration import declare_constants
from cosme_ros.node.process import run_until_done, take_arguments
from cosme_ros.parameters import PLAYER_PARAMETERS, ParameterError
from cosme_ros.sources.as_messages import ImageMessages, is_recording_of_ros, open_messages
from cosme_ros.sources.interface import SourceError
from cosme_ros.visualization.text import counted

NODE = "bag_player"
ROS_TYPES = {
    reading.IMAGE: Image,
    reading.COMPRESSED_IMAGE: CompressedImage,
    reading.CAMERA_INFO: CameraInfo,
}

# Reliable, because a recorder must not miss a frame; a best-effort subscriber hears it as well.
QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
REMINDER_PERIOD = 5.0  # seconds between two lines that say what is being waited for
ACKNOWLEDGE_TIMEOUT = 5.0  # seconds at most that the last messages get to arrive
COMPRESSED = "/compressed"  # ends the name of a topic of CompressedImage
REMEMBERED_FRAMES = 64  # whose new stamps are kept for the messages that belong to them


class PlayerError(Exception):
    """The source cannot be played as asked; the message states what would be right."""


class BagPlayer(Node):
    """Plays in `play`; the parameters are read once, when the node is made."""

    def __init__(self) -> None:
        super().__init__(NODE)
        declare_constants(self, PLAYER_PARAMETERS)
        if not self._value("bag"):
            raise PlayerError(
                "parameter 'bag' is empty, but must be what to play (bag:=/path/to/bag)"
            )
        self._image_topic = self._value("image_topic")
        self._label_topic = self._value("label_topic")
        others = [self._label_topic, self._value("camera_info_topic")]
        if not is_recording_of_ros(self._value("bag")):
            self._image_topic = self._image_topic.removesuffix(COMPRESSED)
            self._label_topic, others = "", []
        self._bag = open_messages(
            self._value("bag"),
            self._image_topic,
            frame_rate=self._value("frame_rate"),
            report=self.get_logger().warning,
        )
        self._live = isinstance(self._bag, ImageMessages) and self._bag.live
        self._topics = [self._image_topic, *filter(None, others)]
        self._player_publishers = {
            topic: self.create_publisher(ROS_TYPES[self._type_of(topic)], topic, QOS)
            for topic in self._topics
        }
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)

    def play(self) -> None:
        """Wait for the listeners, play to the end (or for ever), see the last message arrive."""
        self._wait_for_subscriptions()
        rounds = self._value("rounds")
        self.get_logger().info(self._announcement(rounds))
        began, frames, left_out = monotonic(), 0, 0
        for _ in range(rounds) if rounds else itertools.count():
            for message in self._in_time():
                if message.error is not None:
                    left_out += 1
                    continue
                self._player_publishers[message.topic].publish(message.cdr)
                frames += message.topic == self._image_topic
        took = monotonic() - began
        for publisher in self._player_publishers.values():
            publisher.wait_for_all_acked(Duration(seconds=ACKNOWLEDGE_TIMEOUT))
        # A best-effort listener acknowledges nothing: leave it the time to take the last one.
        self._rest(0.5)
        self.get_logger().info(f"played {counted(frames, 'frame')} in {took:.1f} s")
        if left_out:
            self.get_logger().warning(f"{counted(left_out, 'video packet')} gave no picture")

    def _announcement(self, rounds: int) -> str:
        if self._live:
            return f"playing {self._bag.path} as it comes, on {self._image_topic}"
        count = self._bag.count(self._image_topic)
        frames = counted(count, "frame") if count else "the frames"
        times = counted(rounds, "time") if rounds else "for ever"
        speed = f"at {self._value('rate'):g} x its speed, {times}"
        return f"playing {frames} of {self._bag.path} {speed}"

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _type_of(self, topic: str) -> str:
        wanted = {
            self._image_topic: (reading.IMAGE, reading.COMPRESSED_IMAGE),
            self._label_topic: (reading.IMAGE,),
        }
        return self._bag.type_of(topic, among=wanted.get(topic, (reading.CAMERA_INFO,)))

    def _wait_for_subscriptions(self) -> None:
        wanted = {self._image_topic: self._value("image_subscribers")}
        if self._label_topic:
            wanted[self._label_topic] = self._value("label_subscribers")
        timeout = self._value("wait_timeout")
        began, reminded = monotonic(), monotonic() - REMINDER_PERIOD
        while missing := self._missing(wanted):
            waited = monotonic() - began
            if timeout and waited > timeout:
                raise PlayerError(
                    f"after {waited:.0f} s there is still no listener enough: {missing}. Is the "
                    "detector active, with its input remapped to this topic, its image_transport "
                    "as the bag's, and ROS_DOMAIN_ID the same?"
                )
            if monotonic() - reminded >= REMINDER_PERIOD:
                self.get_logger().info(f"waiting for subscriptions: {missing}")
                reminded = monotonic()
            self._rest(0.1)
        # The listener's side of a match may be a moment later than ours.
        self._rest(0.3)

    def _missing(self, wanted: dict[str, int]) -> str:
        have = {topic: self._player_publishers[topic].get_subscription_count() for topic in wanted}
        return ", ".join(
            f"{topic} has {have[topic]} of {count}"
            for topic, count in wanted.items()
            if have[topic] < count
        )

    def _in_time(self) -> Iterator[BagMessage]:
        """Yield the messages of the bag, each when it is due and with its new stamp."""
        rate, restamp = self._value("rate"), self._value("restamp")
        stamps: OrderedDict[int, int] = OrderedDict()
        first_time, began, last_due = None, monotonic(), 0.0
        for message in self._bag.messages(self._topics):
            if first_time is None:
                first_time = message.bag_time
            last_due = began + (message.bag_time - first_time) * 1e-9 / rate
            # What comes late from a camera is not made later.
            self._rest(0.001 if self._live else last_due - monotonic())
            if not restamp:
                yield message
                continue
            if message.stamp not in stamps:
                stamps[message.stamp] = self.get_clock().now().nanoseconds
                if len(stamps) > REMEMBERED_FRAMES:
                    stamps.popitem(last=False)
            stamp = stamps[message.stamp]
            yield replace(message, stamp=stamp, cdr=with_stamp(message.cdr, stamp))
        count = self._bag.count(self._image_topic)
        if count > 1 and not self._live:
            # The next round's first frame is due one period after this round's last.
            self._rest(last_due + (last_due - began) / (count - 1) - monotonic())

    def _rest(self, seconds: float) -> None:
        """Serve parameters and the like for that long; raises when the process is to end."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)
        if not self.context.ok():
            raise ExternalShutdownException


def main() -> int:
    """Run the node to its end; returns the process's exit status."""
    take_arguments(
        "bag_player_node",
        "Plays a camera's topics of a bag, or any source of images, for a detector to look at.",
        PLAYER_PARAMETERS,
        example="bag:=PATH",
    )
    errors = (BagError, PlayerError, ParameterError, SourceError)
    return run_until_done(NODE, lambda: BagPlayer().play(), errors)
