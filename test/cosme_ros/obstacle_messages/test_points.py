# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""By sensor_msgs' definitions, read back field by field as a listener does."""

import struct

import numpy as np
from helpers.message_classes import message_class, serialised_and_back
from helpers.small_bag import header

from cosme_ros.geometry.obstacle_position import ObstaclePosition
from cosme_ros.obstacle_messages.points import fill_points
from cosme_ros.postprocessing.obstacles import Obstacle

HEADER = header(1_700_000_000_123_456_789)


def cloud(positions, peaks, ids):
    message = message_class("sensor_msgs/msg/PointCloud2")()
    fill_points(
        message,
        message_class("sensor_msgs/msg/PointField"),
        HEADER,
        [Obstacle(0, 0, 1, 1, 1, peak) for peak in peaks],
        positions,
        ids,
        point_height=0.2,
    )
    message.data = np.frombuffer(message.data, np.uint8)  # as rosbags wants it
    return serialised_and_back(message)


def position(line, sigma=0.5):
    return ObstaclePosition(
        x=0.0,
        y=0.0,
        range=1.0,
        bearing=0.0,
        width=1.0,
        height=1.0,
        range_sigma=sigma,
        bearing_sigma=0.0,
        width_sigma=0.0,
        depth=1.0,
        foot_line=np.array(line),
    )


def values(message):
    """Of each point by name, by the fields' own offsets; 7 is FLOAT32 and 6 UINT32."""
    order = ">" if message.is_bigendian else "<"
    data = bytes(message.data)
    return [
        {
            field.name: struct.unpack_from(
                order + {7: "f", 6: "I"}[field.datatype], data, start + field.offset
            )[0]
            for field in message.fields
        }
        for start in range(0, len(data), message.point_step)
    ]


def test_each_point_of_a_foot_line_is_one_of_the_cloud() -> None:
    message = cloud(
        [position([(4.0, 1.0), (4.0, 0.5)]), None, position([(9.0, -2.0)], sigma=1.5)],
        [3.0, 2.5, 1.25],
        [4, 5, 6],
    )
    assert message.header == HEADER
    assert (message.height, message.width) == (1, 3)
    assert message.row_step == 3 * message.point_step == len(message.data)
    assert message.is_dense
    assert [f.name for f in message.fields] == ["x", "y", "z", "score", "id", "range_sigma"]
    assert all(field.count == 1 for field in message.fields)
    found = values(message)
    assert [(p["x"], p["y"]) for p in found] == [(4.0, 1.0), (4.0, 0.5), (9.0, -2.0)]
    assert {p["z"] for p in found} == {struct.unpack("f", struct.pack("f", 0.2))[0]}
    assert [(p["score"], p["id"], p["range_sigma"]) for p in found] == [
        (3.0, 4, 0.5),
        (3.0, 4, 0.5),
        (1.25, 6, 1.5),
    ]


def test_no_obstacle_on_the_road_is_a_cloud_without_points() -> None:
    for message in (cloud([], [], []), cloud([None], [2.0], [0])):
        assert (message.height, message.width, message.row_step) == (1, 0, 0)
        assert len(message.data) == 0 and len(message.fields) == 6
