# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The detector's side of marks: services and mask topics, which only call `adaptation`.

An action takes as long as some frames, most of it the self-test. It runs in a thread of its own,
and the executor goes on to serve images meanwhile; the service answers when it is done.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from cosme_ros import topics
from cosme_ros.adaptation.adaptation import Adaptation, Answer
from cosme_ros.messages.images import DecodeError, decode_plane

NOTHING_TO_MARK = Answer(
    False,
    "nothing can be marked: the parameter 'marks' is empty, or the node is not configured; name a "
    "file with it",
)
_MASK_DEPTH = 10


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

    def advertise(self, cameras: Sequence[str]) -> None:
        """Offer the services that are not there yet."""
        for camera in cameras:
            self._offer(
                topics.of_camera(topics.MARK_NORMAL, camera), partial(self._mark_alarms, camera)
            )
        self._offer(topics.UNDO_MARK, lambda marks: marks.undo())
        self._offer(topics.SAVE_MEMORY, lambda marks: marks.save())
        self._offer(topics.FORGET_MARKS, lambda marks: marks.forget())

    def listen(self, cameras: Sequence[str]) -> None:
        """Take masks."""
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

    def stop_listening(self) -> None:
        """Take no more masks."""
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

    def _start(self, name: str, action: Callable[[Adaptation], Answer]) -> Any:
        """Start an action in a thread of its own; its answer, for which one can wait, is logged."""
        executor = self._node.executor
        answered: Any = Future(executor=executor)
        marks = self._adaptation()

        def act() -> None:
            try:
                answer = NOTHING_TO_MARK if marks is None else action(marks)
            except Exception as error:
                answer = Answer(False, f"{type(error).__name__}: {error}")
            if self._node.context.ok():
                self._log(f"{self._node.resolve_topic_name(name)}: {answer.message}", answer)
            answered.set_result(answer)
            if executor is not None:
                executor.wake()

        # A daemon: what hangs in it must not keep the process from ending.
        threading.Thread(target=act, name="adaptation", daemon=True).start()
        return answered

    def _log(self, sentence: str, answer: Answer) -> None:
        if answer.success:
            self._node.get_logger().info(sentence)
        else:
            self._node.get_logger().warning(sentence)
