# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Diagnostics come whatever the clocks do."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from helpers.tiny_bundle import street_frame
from rosgraph_msgs.msg import Clock

STREET = street_frame(90, 160)


@pytest.fixture
def camera(start, bundle):
    _, camera = start(bundle=bundle, use_sim_time=True)
    camera.listen("score")
    return camera


def check_works(camera):
    """Frames are answered, silence is told, and the diagnostics are fresh ones."""
    camera.ask(lambda: camera.image(STREET), "score")
    processed = camera.next_status() and camera.count("frames processed")
    camera.ask(lambda: camera.image(STREET), "score")
    camera.spin_until(lambda: camera.count("frames processed") > processed, "a count that rises")
    camera.spin_until(lambda: camera.status.level == DiagnosticStatus.STALE, "silence")


def test_without_a_clock(camera):
    check_works(camera)
    assert camera.value("latency from stamp p50 (ms)") is None, "there is no time to compare with"


def test_with_a_clock_that_stops_and_goes_back(camera):
    publisher = camera.node.create_publisher(Clock, "/clock", 1)
    clock = Clock()

    def tick(seconds):
        clock.clock.sec = seconds
        publisher.publish(clock)
        camera.spin_for(0.02)

    for seconds in range(100, 120):
        tick(seconds)
    check_works(camera)  # /clock stands still
    for seconds in range(10, 30):
        tick(seconds)
    check_works(camera)  # it went back, and stands still
