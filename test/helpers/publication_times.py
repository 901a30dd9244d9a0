# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""When a detector published, told by the messages themselves: DDS may deliver them later."""

from bisect import bisect
from collections.abc import Sequence
from typing import Any

from lifecycle_msgs.msg import TransitionEvent
from rclpy.qos import QoSProfile

from cosme_ros import topics
from helpers.detector_process import OUTPUTS, Camera


class PublicationTimes:
    """When the detector published its outputs, and when its state changed, by its own clock.

    A busy machine delivers late, and each topic for itself. The time at which a message was
    published comes with it (`source_timestamp`).

    Args:
        cameras: one camera or several of one detector.
        outputs: names as in `Camera.listen`.
    """

    def __init__(self, cameras: Sequence[Camera], *outputs: str) -> None:
        self._cameras = cameras
        self._published: list[int] = []
        self._changes: list[tuple[int, str]] = []
        for camera in cameras:
            for output in outputs:
                topic, message_type = OUTPUTS[output]
                camera.node.create_subscription(
                    message_type, camera.topic(topic), self._on_output, QoSProfile(depth=50)
                )
        self._cameras[0].node.create_subscription(
            TransitionEvent,
            f"/{topics.DETECTOR_NODE}/transition_event",
            self._on_change,
            QoSProfile(depth=50),
        )

    def begin(self) -> None:
        """Deactivate and activate until a change has come: both sides now know each other."""
        while not self._changes:
            assert self._cameras[0].transition("deactivate")
            assert self._cameras[0].transition("activate")
            self._cameras[0].spin_for(0.1)

    def wait_for(self, state: str) -> None:
        """Spin the first camera until the detector has changed to `state`."""
        self._cameras[0].spin_until(lambda: self._changes[-1][1] == state, f"the change to {state}")

    def wait_for_output_in(self, state: str) -> None:
        """Spin the cameras until an output that was published in `state` has been delivered here.

        That a camera has its answer does not suffice: each subscription is served for itself.
        """

        def delivered() -> int:
            for camera in self._cameras:
                camera.spin_once()
            return self.outputs_in(state)

        self._cameras[0].spin_until(delivered, f"an output of the detector while {state}")

    def outputs_in(self, state: str) -> int:
        """Return how many outputs were published in `state`, of those that have been delivered."""
        places = [bisect(self._changes, (time,)) for time in self._published]
        return sum(place > 0 and self._changes[place - 1][1] == state for place in places)

    def _on_output(self, _: Any, info: Any) -> None:
        self._published.append(info["source_timestamp"])

    def _on_change(self, event: TransitionEvent, info: Any) -> None:
        self._changes.append((info["source_timestamp"], event.goal_state.label))
