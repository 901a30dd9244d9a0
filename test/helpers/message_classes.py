# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""ROS messages as classes that can be made without arguments, from their .msg definitions.

rosbags knows the definitions without ROS and serialises by them, so that a test which fills such a
message and serialises it has every name and type of a field checked.
"""

from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

# ros-perception/vision_msgs 4 (Humble and later): its definitions, without their comments.
VISION_MSGS = {
    "Point2D": "float64 x\nfloat64 y",
    "Pose2D": "vision_msgs/Point2D position\nfloat64 theta",
    "BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y",
    "ObjectHypothesis": "string class_id\nfloat64 score",
    "ObjectHypothesisWithPose": (
        "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose"
    ),
    "Detection2D": (
        "std_msgs/Header header\nObjectHypothesisWithPose[] results\n"
        "vision_msgs/BoundingBox2D bbox\nstring id"
    ),
    "BoundingBox3D": "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size",
    "Detection3D": (
        "std_msgs/Header header\nObjectHypothesisWithPose[] results\n"
        "vision_msgs/BoundingBox3D bbox\nstring id"
    ),
    "Detection3DArray": "std_msgs/Header header\nvision_msgs/Detection3D[] detections",
    "Detection2DArray": "std_msgs/Header header\nvision_msgs/Detection2D[] detections",
}

TYPES = get_typestore(Stores.ROS2_HUMBLE)
for _name, _definition in VISION_MSGS.items():
    TYPES.register(get_types_from_msg(_definition, f"vision_msgs/msg/{_name}"))


def message_class(name: str) -> Any:
    """For example of 'visualization_msgs/msg/Marker': made with no or any keyword arguments.

    Fields not given are zero, empty, or such messages. It has the type's constants.
    """
    constants, fields = TYPES.fielddefs[name]

    def make(**values: Any) -> Any:
        unknown = set(values) - {field for field, _ in fields}
        assert not unknown, f"{name} has no {unknown}"
        return TYPES.types[name](
            **{field: values.get(field, _default(kind)) for field, kind in fields}
        )

    for constant, _, value in constants:
        setattr(make, constant, value)
    return make


def _default(kind: Any) -> Any:
    node, detail = kind
    if node == Nodetype.NAME:
        return message_class(detail)()
    if node == Nodetype.BASE:
        return "" if detail[0] == "string" else False if detail[0] == "bool" else 0
    if node == Nodetype.ARRAY:
        return np.zeros(detail[1], detail[0][1][0])
    (of, name), _ = detail
    return np.zeros(0, name[0]) if of == Nodetype.BASE and name[0] != "string" else []


def serialised_and_back(message: Any) -> Any:
    """Raises where a field is missing, unknown or of the wrong type."""
    cdr = TYPES.serialize_cdr(message, message.__msgtype__)
    return TYPES.deserialize_cdr(cdr, message.__msgtype__)
