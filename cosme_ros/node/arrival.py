# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The time at which a message arrived, in every ROS 2 from Humble on."""

from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock
from rclpy.subscription import Subscription


def gives_message_info() -> bool:
    """Return whether rclpy passes the message's information to a callback of two parameters.

    Humble's calls every callback with the message alone. rclpy has distinguished the two kinds of
    callbacks since Iron, and has had a name for them since then.
    """
    return hasattr(Subscription, "CallbackType")


def with_time_of_arrival(callback: Callable[[Any, int], None], clock: Clock) -> Callable[..., None]:
    """Return a subscription's callback that calls `callback` with the message and its arrival.

    The arrival is in nanoseconds since 1970: when the middleware received the message. On Humble,
    where rclpy does not give it, it is the time of the call by `clock`, which is later by the time
    that the message waited for its executor.
    """
    if gives_message_info():

        def with_info(message: Any, info: Any) -> None:
            callback(message, info["received_timestamp"])

        return with_info

    def without_info(message: Any) -> None:
        callback(message, clock.now().nanoseconds)

    return without_info
