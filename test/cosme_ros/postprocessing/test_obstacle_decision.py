# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where a frame has obstacles: the same for whoever asks."""

import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.calibration.frame_threshold import frame_alarm_threshold
from cosme_ros.inference.detector import Detection
from cosme_ros.postprocessing.obstacle_decision import (
    UNKNOWN,
    ObstacleRule,
    decide_obstacles,
    obstacle_rule,
    search_area,
)

HEIGHT, WIDTH = 90, 160
ROAD = 0


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle")))


def detection_of(random, *, road):
    """Blobs of scores on both sides of the alarm line, and a road in the lower half, or none."""
    gain = 10.0 ** random.uniform(-1.5, 1.0)
    scores = (gain * random.gamma(0.3, 1.0, (16, 24))).astype(np.float32)
    class_id = np.full((16, 24), 1, np.uint8)
    if road:
        class_id[8:] = ROAD
    maps = dict.fromkeys(("mulmem", "auxcon", "score"), scores[None, None])
    return Detection(
        {**maps, "class_id": class_id[None]}, threshold=1.0, height=HEIGHT, width=WIDTH
    )


@pytest.mark.parametrize("ids", [None, (ROAD,)])
@pytest.mark.parametrize("minimum_area", [1, 30, 300])
@pytest.mark.parametrize("outline", ["score", "image"])
def test_a_frame_alarms_where_a_calibration_counts_it(ids, minimum_area, outline):
    random = np.random.default_rng(minimum_area)
    image = street_frame(HEIGHT, WIDTH)
    rule = ObstacleRule(ids, minimum_area, outline)
    alarms = []
    for _ in range(40):
        detection = detection_of(random, road=True)
        area = search_area(detection, rule)
        line = frame_alarm_threshold(
            detection.score, region=area.region, minimum_area=rule.minimum_area
        )
        alarms.append(bool(decide_obstacles(detection, image, rule).obstacles))
        assert alarms[-1] == (line >= 1.0)
    assert set(alarms) == {True, False}


def test_without_a_road_it_is_unknown_for_everybody():
    detection = detection_of(np.random.default_rng(0), road=False)
    rule = ObstacleRule((ROAD,), 1)
    assert search_area(detection, rule) is None
    decision = decide_obstacles(detection, street_frame(HEIGHT, WIDTH), rule)
    assert decision is UNKNOWN
    assert decision.mask is None, "an empty mask would say that the road is clear"
    everywhere = ObstacleRule(None, 1)
    assert search_area(detection, everywhere).region is None
    assert decide_obstacles(detection, street_frame(HEIGHT, WIDTH), everywhere).mask is not None


def test_the_rule_of_a_bundle_names_its_drivable_classes(bundle):
    assert obstacle_rule(bundle, region="drivable", minimum_area=5) == ObstacleRule((ROAD,), 5)
    assert obstacle_rule(bundle, region="everything", minimum_area=5) == ObstacleRule(None, 5)
    with pytest.raises(ValueError, match="region is 'moon'"):
        obstacle_rule(bundle, region="moon", minimum_area=5)
    with pytest.raises(ValueError, match="outline is 'box'; one of score, image is right"):
        obstacle_rule(bundle, region="everything", minimum_area=5, outline="box")
