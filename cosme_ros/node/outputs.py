# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The output topics of the detector: a row each.

A new topic needs its name in `topics.py` and a row here. Where it needs no more than a map of the
detection, its row takes it from `FrameOutputs.detection`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

from geometry_msgs.msg import Point
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from cosme_ros import topics
from cosme_ros.messages.camera_model import ImagePlane
from cosme_ros.messages.images import fill_image
from cosme_ros.obstacle_messages.detections import fill_detections, fill_detections_3d
from cosme_ros.obstacle_messages.markers import fill_markers
from cosme_ros.obstacle_messages.points import fill_points
from cosme_ros.streaming.frame_outputs import FrameOutputs, RequestedOutputs

try:  # not in every installation of ROS
    from vision_msgs.msg import (
        Detection2D,
        Detection2DArray,
        Detection3D,
        Detection3DArray,
        ObjectHypothesisWithPose,
    )
except ImportError:
    Detection2DArray = None

PlaneOf = Callable[[int, int], ImagePlane]
"""From a width and height in pixels to where the camera's pixels lie."""


# RViz and `ros2 bag record` request reliable by default, and would silently receive nothing from a
# best-effort publisher. With a depth of 1, a slow subscriber cannot make messages queue here.
OUTPUT_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)


@dataclass(frozen=True)
class Output:
    """One output topic of a camera. It is made and published only while somebody listens."""

    topic: str
    message_type: Any
    request: str | None
    """The field of RequestedOutputs that it needs; None needs no more than the detection."""
    message: Callable[[FrameOutputs, Any, PlaneOf], Any | None]
    """From a frame's outputs, header and camera to the message; None where there is none."""


def _image(name: str, encoding: str, made: FrameOutputs, header: Any, _: PlaneOf) -> Image | None:
    pixels = getattr(made, name)
    if pixels is None:
        return None
    message = Image()
    fill_image(message, pixels, encoding, header)
    return message


def _markers(made: FrameOutputs, header: Any, plane_of: PlaneOf) -> MarkerArray | None:
    if made.obstacles is None or made.outlines is None:
        return None
    message = MarkerArray()
    height, width = made.size
    fill_markers(
        message,
        Marker,
        Point,
        header,
        made.obstacles,
        made.outlines,
        plane_of(width, height),
        height=height,
        width=width,
        ids=made.track_ids,
        notes=made.notes,
        positions=made.positions,
    )
    return message


def _detections(made: FrameOutputs, header: Any, _: PlaneOf) -> Any | None:
    if made.obstacles is None:
        return None
    message = Detection2DArray()
    fill_detections(
        message,
        Detection2D,
        ObjectHypothesisWithPose,
        header,
        made.obstacles,
        ids=made.track_ids,
    )
    return message


def obstacle_ids(made: FrameOutputs) -> tuple[int, ...]:
    """Return the id of each obstacle of a frame: its track's, or its place among them."""
    if made.track_ids is not None:
        return made.track_ids
    return tuple(range(len(made.obstacles or ())))


def _points(made: FrameOutputs, header: Any, _: PlaneOf) -> PointCloud2 | None:
    if made.obstacles is None or made.positions is None or made.ground is None:
        return None
    message = PointCloud2()
    fill_points(
        message,
        PointField,
        Header(stamp=header.stamp, frame_id=made.ground.frame_id),
        made.obstacles,
        made.positions,
        obstacle_ids(made),
        point_height=made.ground.point_height,
    )
    return message


def _detections_3d(made: FrameOutputs, header: Any, _: PlaneOf) -> Any | None:
    if made.obstacles is None or made.positions is None or made.ground is None:
        return None
    message = Detection3DArray()
    fill_detections_3d(
        message,
        Detection3D,
        ObjectHypothesisWithPose,
        Header(stamp=header.stamp, frame_id=made.ground.frame_id),
        made.obstacles,
        made.positions,
        obstacle_ids(made),
    )
    return message


OUTPUTS: tuple[Output, ...] = (
    Output(topics.OUTPUT_SCORE, Image, "score", partial(_image, "score", "32FC1")),
    Output(topics.OUTPUT_MASK, Image, "mask", partial(_image, "mask", "mono8")),
    Output(topics.OUTPUT_OVERLAY, Image, "overlay", partial(_image, "overlay", "bgr8")),
    Output(topics.OUTPUT_MARKERS, MarkerArray, "obstacles", _markers),
    Output(topics.OUTPUT_POINTS, PointCloud2, "obstacles", _points),
    *(
        ()
        if Detection2DArray is None
        else (
            Output(topics.OUTPUT_DETECTIONS, Detection2DArray, "obstacles", _detections),
            Output(topics.OUTPUT_DETECTIONS_3D, Detection3DArray, "obstacles", _detections_3d),
        )
    ),
)


def requested_outputs(subscribed: Iterable[Output]) -> RequestedOutputs:
    """Return what has to be made for these outputs."""
    needed = {output.request for output in subscribed}
    return RequestedOutputs(**{row.name: row.name in needed for row in fields(RequestedOutputs)})
