# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The detector's side of marks: services and mask topics, which only call `adaptation`.

An action takes as long as some frames, most of it the self-test. It runs in a thread of its own,
and the executor goes on to serve images meanwhile; the service answers when it is done.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from cosme_ros import topics
from cosme_ros.adaptation.adaptation import Adaptation, Answer
from cosme_ros.adaptation.driven_over import DrivenOver, mark_driven_over
from cosme_ros.adaptation.recent_frames import RecentFrame
from cosme_ros.adaptation.vehicle_path import pose_of_odometry
from cosme_ros.foreign_text import printable
from cosme_ros.geometry.obstacle_position import GroundGeometry
from cosme_ros.messages.images import DecodeError, decode_plane
from cosme_ros.node.log import LogThrottle, write_log
from cosme_ros.parameters import ParameterError, Settings

NOTHING_TO_MARK = Answer(
    False,
    "nothing can be marked: the parameter 'marks' is empty, or the node is not configured; name a "
    "file with it",
)
_MASK_DEPTH = 10
_ODOMETRY_DEPTH = 10
_LOG_PERIOD = 5.0  # seconds between two log lines about odometry that cannot be used
_ODOMETRY_REFUSED = "odometry refused"
_WITHOUT_POSE = "no pose at a frame's stamp"


class Marking:
    """Offers the services from the first configure on, and takes masks while the node is active.

    Services stay when the node is cleaned up: an answer under way would find none, which rclpy
    takes for an error of the executor.

    Args:
        node: whose services they are.
        adaptation: returns what is marked; None where nothing can be.
        guard: returns whether the guard may refuse.
    """

    def __init__(
        self,
        node: LifecycleNode,
        adaptation: Callable[[], Adaptation | None],
        guard: Callable[[], bool],
    ) -> None:
        self._node = node
        self._adaptation = adaptation
        self._guard = guard
        self._services: dict[str, Any] = {}
        self._inputs: list[Any] = []
        self._settings: Settings | None = None
        self._drivable: tuple[int, ...] = ()
        self._odometry_type: Any = None
        self._driven_over: DrivenOver | None = None
        self._throttle = LogThrottle(_LOG_PERIOD)

    def advertise(self, cameras: Sequence[str]) -> None:
        """Offer the services that are not there yet."""
        for camera in cameras:
            self._offer(
                topics.of_camera(topics.MARK_NORMAL, camera), partial(self._mark_alarms, camera)
            )
        self._offer(topics.UNDO_MARK, lambda marks: marks.undo())
        self._offer(topics.SAVE_MEMORY, lambda marks: marks.save())
        self._offer(topics.FORGET_MARKS, lambda marks: marks.forget())

    def subscribe(self, cameras: Sequence[str]) -> None:
        """Take masks, and odometry where it is needed."""
        for camera in cameras:
            self._inputs.append(
                self._node.create_subscription(
                    Image,
                    topics.of_camera(topics.INPUT_NORMAL_MASK, camera),
                    partial(self._on_mask, camera),
                    QoSProfile(depth=_MASK_DEPTH),
                    qos_overriding_options=QoSOverridingOptions.with_default_policies(),
                )
            )
        self._driven_over = None
        if self._settings is not None and self._odometry_type is not None:
            self._driven_over = driven_over = DrivenOver(
                width=self._settings.driven_over_width, period=self._settings.driven_over_period
            )
            vehicle_frame = self._settings.vehicle_frame
            self._inputs.append(
                self._node.create_subscription(
                    self._odometry_type,
                    topics.INPUT_ODOMETRY,
                    partial(self._on_odometry, driven_over, vehicle_frame, self._drivable),
                    QoSProfile(depth=_ODOMETRY_DEPTH, reliability=ReliabilityPolicy.BEST_EFFORT),
                    qos_overriding_options=QoSOverridingOptions.with_default_policies(),
                )
            )

    def configure(self, settings: Settings, drivable: tuple[int, ...]) -> None:
        """Prepare to mark what is driven over, where the settings ask for it.

        Raises:
            ParameterError: the bundle knows no drivable class, or nav_msgs is not installed.
        """
        self._settings, self._drivable, self._odometry_type = settings, drivable, None
        if not settings.driven_over:
            return
        if not drivable:
            raise ParameterError(
                "parameter 'driven_over' is true, but the bundle knows no drivable class, by which "
                "road is told from what stands on it; false is right"
            )
        try:
            from nav_msgs.msg import Odometry
        except ImportError as error:
            raise ParameterError(
                "parameter 'driven_over' is true, but the package nav_msgs is not installed "
                f"({error}); false is right without it"
            ) from error
        self._odometry_type = Odometry

    def add_frame(self, frame: RecentFrame, ground: GroundGeometry | None) -> None:
        """Keep a frame that may be driven over. For the threads that work on frames.

        Args:
            frame: with its result.
            ground: by which its pixels are placed; None where they cannot be.
        """
        driven_over = self._driven_over
        if driven_over is not None and ground is not None:
            driven_over.add_frame(frame, ground)

    def unsubscribe(self) -> None:
        """Take no more masks and no more odometry."""
        for subscription in self._inputs:
            self._node.destroy_subscription(subscription)
        self._inputs = []

    def _offer(self, name: str, action: Callable[[Adaptation], Answer]) -> None:
        if name in self._services:
            return

        async def serve(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            answer = await self._start(name, action)
            response.success, response.message = answer.success, answer.message
            return response

        self._services[name] = self._node.create_service(Trigger, name, serve)

    def _mark_alarms(self, camera: str, marks: Adaptation) -> Answer:
        return marks.mark_alarms(camera, guard=self._guard())

    def _on_mask(self, camera: str, message: Image) -> None:
        try:
            mask = decode_plane(message, {"mono8": np.uint8})
        except DecodeError as error:
            self._node.get_logger().warning(f"mask refused: {error}")
            return
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        topic = topics.of_camera(topics.INPUT_NORMAL_MASK, camera)
        self._start(
            topic, lambda marks: marks.mark_pixels(camera, stamp, mask, guard=self._guard())
        )

    def _on_odometry(
        self, driven_over: DrivenOver, vehicle_frame: str, drivable: tuple[int, ...], message: Any
    ) -> None:
        try:
            pose = pose_of_odometry(message, vehicle_frame)
        except ValueError as error:
            self._warn(_ODOMETRY_REFUSED, f"{_ODOMETRY_REFUSED}: {printable(error)}")
            return
        without_pose = driven_over.without_pose
        driven = driven_over.add_pose(pose)
        if driven_over.without_pose > without_pose:
            self._warn(
                _WITHOUT_POSE,
                f"{self._node.resolve_topic_name(topics.INPUT_ODOMETRY)} has no pose at the stamp "
                "of a frame; stamps of one clock, and odometry from before the frame on, are right",
            )
        if driven is None:
            return

        def action(marks: Adaptation) -> Answer | None:
            answer = None
            try:
                answer = mark_driven_over(driven, drivable, marks)
            finally:
                driven_over.release(tried=answer is not None)
            return answer

        self._start(topics.INPUT_ODOMETRY, action)

    def _warn(self, kind: str, sentence: str) -> None:
        if self._throttle.admit(kind) is not None:
            self._node.get_logger().warning(sentence)

    def _start(self, name: str, action: Callable[[Adaptation], Answer | None]) -> Any:
        """Start an action in a thread of its own; an answer, for which one can wait, is logged."""
        executor = self._node.executor
        answered: Any = Future(executor=executor)
        marks = self._adaptation()

        def act() -> None:
            try:
                answer = NOTHING_TO_MARK if marks is None else action(marks)
            except Exception as error:
                answer = Answer(False, f"{type(error).__name__}: {error}")
            if answer is not None and self._node.context.ok():
                severity = logging.INFO if answer.success else logging.WARNING
                topic = self._node.resolve_topic_name(name)
                write_log(self._node.get_logger(), severity, f"{topic}: {answer.message}")
            answered.set_result(answer)
            if executor is not None:
                executor.wake()

        # A daemon: what hangs in it must not keep the process from ending.
        threading.Thread(target=act, name="adaptation", daemon=True).start()
        return answered
