# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One camera's side of the detector node: its topics in and out, and their log messages."""

import logging
import traceback
from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions

# Its home is rclpy.qos_event in Humble and rclpy.event_handler since Iron; this works in both.
from rclpy.subscription import SubscriptionEventCallbacks
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from cosme_ros import topics
from cosme_ros.foreign_text import MOST_OF_A_SENTENCE, printable
from cosme_ros.geometry.ground_source import GroundSource, has_pose, pose_of_settings
from cosme_ros.geometry.obstacle_position import GroundGeometry
from cosme_ros.inference.detector import ScoreFault
from cosme_ros.messages.camera_model import ImagePlane, image_plane, uncalibrated_plane
from cosme_ros.messages.images import DecodeError
from cosme_ros.node.log import LogThrottle, write_log
from cosme_ros.node.outputs import OUTPUT_QOS, OUTPUTS, Output, requested_outputs
from cosme_ros.node.transforms import CameraTransforms
from cosme_ros.parameters import Settings
from cosme_ros.streaming.diagnostics import SCORE_FAULT, Positions
from cosme_ros.streaming.frame_outputs import FrameOutputs, RequestedOutputs
from cosme_ros.streaming.frame_statistics import UNEXPECTED, FrameStatistics

LOG_PERIOD = 5.0  # seconds between two log lines about the same kind of broken frame
_GUESSED = "guessed directions"
_NO_PLACE = "no place on the road"


# Only the newest frame is of use. Best effort is compatible with every publisher.
INPUT_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class CameraChannel:
    """Advertises a camera's outputs, listens to its inputs, and publishes what is made of a frame.

    `camera` is its name, `topics.ONLY_CAMERA` where it needs none. `transforms` are asked for its
    pose, where the settings require it. `statistics` counts its frames
    since it was last listened to. The node's one executor thread opens and closes; `ground`,
    `publish`, `requested` and `log_skipped_frame` are for the threads that work on frames.
    """

    def __init__(
        self, node: LifecycleNode, camera: str, transforms: CameraTransforms | None = None
    ) -> None:
        self.camera = camera
        self.statistics = FrameStatistics()
        self.positions: Positions | None = None
        """Of the last frame; None where nobody listens to what needs the obstacles' places."""
        self._node = node
        self._transforms = transforms
        self._ground_source = GroundSource()
        self._outputs: dict[str, Any] = {}
        self._input: Any = None
        self._input_type = ""
        self._camera_info_input: Any = None
        self._camera_info: Any = None
        self._guess_reason: str | None = None
        self._incompatible: str | None = None
        self._throttle = LogThrottle(LOG_PERIOD)

    # Configured, and active

    def advertise(self) -> None:
        """Create the publishers of all outputs."""
        # One by one, so that an override that cannot be leaves those before it to be released.
        for output in OUTPUTS:
            self._outputs[output.topic] = self._node.create_lifecycle_publisher(
                output.message_type,
                topics.of_camera(output.topic, self.camera),
                OUTPUT_QOS,
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )

    def release(self) -> None:
        """Destroy the publishers."""
        for publisher in self._outputs.values():
            self._node.destroy_lifecycle_publisher(publisher)
        self._outputs = {}

    def reset(self) -> None:
        """Forget what came while the node was last active."""
        self.statistics = FrameStatistics()
        self._camera_info = self._guess_reason = self._incompatible = self.positions = None

    def subscribe(self, on_image: Callable[[Any], None], *, compressed: bool) -> None:
        """Create the subscriptions.

        Args:
            on_image: called with each image message.
            compressed: subscribe to CompressedImage instead of Image.
        """
        message_type = CompressedImage if compressed else Image
        self._input_type = f"sensor_msgs/msg/{message_type.__name__}"
        self._input = self._node.create_subscription(
            message_type,
            topics.of_camera(topics.INPUT_IMAGE, self.camera),
            on_image,
            INPUT_QOS,
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible_qos),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self._camera_info_input = self._node.create_subscription(
            CameraInfo,
            topics.of_camera(topics.INPUT_CAMERA_INFO, self.camera),
            self._on_camera_info,
            INPUT_QOS,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self._node.get_logger().info(f"listening to {self._input.topic_name}")

    def unsubscribe(self) -> None:
        """Destroy the subscriptions."""
        for subscription in (self._input, self._camera_info_input):
            if subscription is not None:
                self._node.destroy_subscription(subscription)
        self._input = self._camera_info_input = None

    # Frames

    def requested(self) -> RequestedOutputs:
        """Return what somebody listens to at this moment."""
        return requested_outputs(output for output in OUTPUTS if self._has_subscriber(output))

    def ground(
        self, settings: Settings, header: Any, height: int, width: int
    ) -> GroundGeometry | None:
        """Return what places the obstacles of a frame of height x width pixels on the road.

        None where nobody listens to it and driven_over is off, and where it is not possible: that
        is logged, and is a warning on /diagnostics.
        """
        places = (topics.OUTPUT_POINTS, topics.OUTPUT_DETECTIONS_3D)
        is_asked = any(self._has_subscriber(output) for output in OUTPUTS if output.topic in places)
        is_asked = is_asked or settings.driven_over
        if not (is_asked or (has_pose(settings) and self.requested().obstacles)):
            self.positions = None
            return None
        try:
            found = self._ground(settings, header, height, width)
        except ValueError as error:
            self.positions = Positions(gap=printable(error))
            if self._throttle.admit(_NO_PLACE) is not None:
                self._node.get_logger().warning(
                    f"obstacles get no place on the road: {self.positions.gap}"
                )
            return None
        self.positions = Positions(gap=None)
        return found

    def publish(self, made: FrameOutputs, header: Any) -> None:
        """Publish all that was made of the frame with this header."""
        for output in OUTPUTS:
            if self._has_subscriber(output):
                message = output.message(made, header, self._plane)
                if message is not None:
                    self._outputs[output.topic].publish(message)

    def log_skipped_frame(self, error: Exception) -> str:
        """Log, now and then, why a frame is skipped; the reason under which it is counted."""
        if isinstance(error, DecodeError):
            reason, sentence = error.reason, str(error)
        elif isinstance(error, ScoreFault):
            reason, sentence = SCORE_FAULT, printable(error, MOST_OF_A_SENTENCE)
        else:
            reason, sentence = UNEXPECTED, "".join(traceback.format_exception(error))
        suppressed = self._throttle.admit(reason)
        if suppressed is None:
            return reason
        more = f" ({suppressed} more since the last such line)" if suppressed else ""
        line = f"frame of {self._input_topic()} skipped, {reason}: {sentence}{more}"
        severity = logging.ERROR if reason in (SCORE_FAULT, UNEXPECTED) else logging.WARNING
        write_log(self._node.get_logger(), severity, line)
        return reason

    def _has_subscriber(self, output: Output) -> bool:
        publisher = self._outputs.get(output.topic)
        return publisher is not None and publisher.get_subscription_count() > 0

    def _ground(self, settings: Settings, header: Any, height: int, width: int) -> GroundGeometry:
        if self._transforms is not None:
            pose = self._transforms.pose(settings.vehicle_frame, header.frame_id)
        elif has_pose(settings):
            pose = pose_of_settings(settings)
        else:
            raise ValueError("parameter 'camera_height' is 0.0; set it to the height of the camera")
        if self._camera_info is None:
            raise ValueError(f"nothing came on {self._topic(topics.INPUT_CAMERA_INFO)}")
        return self._ground_source.geometry(settings, pose, self._camera_info, height, width)

    def _plane(self, width: int, height: int) -> ImagePlane:
        """Return the image plane by the newest camera_info; without one, a guess that is logged."""
        info = self._camera_info
        try:
            if info is None:
                raise ValueError(f"nothing came on {self._topic(topics.INPUT_CAMERA_INFO)}")
            return image_plane(info, width, height)
        except ValueError as error:
            reason = printable(error)
            if self._guess_reason != reason and self._throttle.admit(_GUESSED) is not None:
                self._guess_reason = reason
                self._node.get_logger().warning(
                    f"markers show guessed directions (a field of view of 53 degrees): {reason}"
                )
        return uncalibrated_plane(width, height)

    def _on_camera_info(self, message: Any) -> None:
        self._camera_info = message

    # Diagnostics

    def missing_input_reason(self) -> str:
        """Return why no image may be coming, as far as this node can see."""
        topic = self._input_topic()
        if self._incompatible is not None:
            return f"{self._incompatible} on {topic}"
        publishers = self._node.get_publishers_info_by_topic(topic)
        if not publishers:
            return f"nobody publishes {topic}"
        offered = {publisher.topic_type for publisher in publishers}
        if self._input_type not in offered:
            return (
                f"{topic} carries {', '.join(sorted(offered))}, but {self._input_type} is listened "
                "for: see the parameter image_transport"
            )
        return (
            f"{topic} has a publisher but nothing arrives; images of megabytes need its Fast DDS "
            "profile enlarged, as config/fastdds_large_images.xml does"
        )

    def _on_incompatible_qos(self, event: Any) -> None:
        policy = QoSPolicyKind(event.last_policy_kind).name.lower()
        self._incompatible = f"a publisher's {policy} is less than this subscription asks for"
        self._node.get_logger().warning(f"{self._incompatible} on {self._input_topic()}")

    def _input_topic(self) -> str:
        return self._topic(topics.INPUT_IMAGE)

    def _topic(self, name: str) -> str:
        return str(self._node.resolve_topic_name(topics.of_camera(name, self.camera)))
