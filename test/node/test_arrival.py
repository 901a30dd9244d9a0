# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Both kinds of callbacks, by real subscriptions: Humble's rclpy knows only the second."""

import time

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import String

from cosme_ros.node import arrival as arrival_module
from cosme_ros.node.arrival import with_time_of_arrival


@pytest.mark.parametrize("is_humble", [False, True])
def test_a_message_comes_with_its_arrival(is_humble, monkeypatch):
    if is_humble:
        monkeypatch.setattr(arrival_module, "gives_message_info", lambda: False)
    context = Context()
    rclpy.init(context=context, domain_id=63)
    node = rclpy.create_node("test_arrival", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    heard = []
    try:
        callback = with_time_of_arrival(lambda *told: heard.append(told), node.get_clock())
        node.create_subscription(String, "arrival", callback, 10)
        publisher = node.create_publisher(String, "arrival", 10)
        began = time.time_ns()
        while not heard and time.time_ns() - began < 30e9:
            publisher.publish(String(data="here"))
            executor.spin_once(timeout_sec=0.1)
        ended = time.time_ns()
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.shutdown(context=context)
    message, arrival = heard[0]
    assert message.data == "here"
    assert began <= arrival <= ended
