# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from cosme_ros.node.log import LogThrottle


def test_each_kind_is_let_through_once_a_period_with_what_was_kept_back():
    now = [0.0]
    throttle = LogThrottle(5.0, lambda: now[0])
    assert throttle.admit("wrong step") == 0
    assert throttle.admit("truncated data") == 0, "one kind must not hide another"
    for now[0] in (0.1, 2.0, 4.9):
        assert throttle.admit("wrong step") is None
    now[0] = 5.0
    assert throttle.admit("wrong step") == 3
    now[0] = 10.0
    assert throttle.admit("wrong step") == 0
