# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Obstacles that are followed, and alarms over several frames, over real DDS."""

from helpers.tiny_bundle import street_frame
from visualization_msgs.msg import Marker

from cosme_ros import topics

STREET = street_frame(180, 320, box=(140, 120, 40, 30))


def ids(message) -> list[int]:
    return [m.id for m in message.markers if m.action == Marker.ADD and m.type == Marker.LINE_STRIP]


def test_an_obstacle_keeps_its_id_and_is_published_once_enough_frames_have_shown_it(start, bundle):
    detector, camera = start(bundle=bundle, tracking=True, alarm_min_seen=3, alarm_window=4)
    camera.listen("markers", "mask")
    answers = []
    for _ in range(6):
        _, (markers, mask) = camera.ask(lambda: camera.image(STREET), "markers", "mask")
        answers.append((ids(markers), any(mask.data)))
    shown = [found for found, _ in answers]
    assert shown[-1] and set(map(tuple, shown)) <= {(), (shown[-1][0],)}, detector.log
    assert all(bool(found) == has_mask for found, has_mask in answers)
    camera.spin_until(
        lambda: (
            camera.count(topics.UNCONFIRMED_FRAMES) >= 2
            and camera.value(topics.UNCONFIRMED_OBSTACLES) == "0"
        ),
        "diagnostics that count the first frames, and none now",
    )
    assert camera.value(topics.ALARM_RULE) == "3 of 4"


def test_a_rule_that_cannot_be_is_refused_at_configure(start, bundle):
    _, camera = start(bundle=bundle, alarm_min_seen=2, alarm_window=2)
    camera.spin_until(lambda: camera.value(topics.REFUSAL), "the refusal")
    assert "'tracking' true is right with it" in camera.value(topics.REFUSAL)
