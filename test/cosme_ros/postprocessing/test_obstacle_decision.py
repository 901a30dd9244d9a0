# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Where a frame has obstacles: the same for whoever asks."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.calibration.frame_threshold import frame_alarm_threshold
from cosme_ros.inference.detector import Detection
from cosme_ros.parameters import SMALLEST_AREA
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


def test_the_smallest_obstacle_grows_with_the_cameras_image(bundle):
    height, width = bundle.input_size
    rule = obstacle_rule(bundle, region="everything", minimum_area=0)
    assert rule.minimum_area_of(height, width) == SMALLEST_AREA
    assert rule.minimum_area_of(3 * height, 3 * width) == 9 * SMALLEST_AREA
    assert rule.minimum_area_of(1, 1) == 1
    assert replace(rule, minimum_area=7).minimum_area_of(3 * height, 3 * width) == 7
    with pytest.raises(ValueError, match="0 needs the input_size of the bundle"):
        ObstacleRule(None, 0)


@pytest.mark.parametrize("times", [1, 2])
def test_obstacles_by_the_images_size(times):
    size = (HEIGHT * times, WIDTH * times)
    score = np.zeros(size, np.float32)
    edge = 10 * times
    score[20 : 20 + edge, 30 : 30 + edge] = 2.0  # as large as the smallest obstacle
    score[60 : 60 + edge, 100 : 100 + edge - 1] = 2.0
    maps = dict.fromkeys(("mulmem", "auxcon", "score"), score[None, None])
    maps["class_id"] = np.zeros((1, *size), np.uint8)
    detection = Detection(maps, threshold=1.0, height=size[0], width=size[1])
    rule = ObstacleRule(None, 0, input_size=(HEIGHT, WIDTH))
    (found,) = decide_obstacles(detection, np.zeros((*size, 3), np.uint8), rule).obstacles
    assert (found.x, found.y, found.area) == (30, 20, edge * edge)


def test_the_rule_of_a_bundle_names_its_drivable_classes(bundle):
    size = bundle.input_size
    rule = obstacle_rule(bundle, region="drivable", minimum_area=5)
    assert rule == ObstacleRule((ROAD,), 5, input_size=size)
    rule = obstacle_rule(bundle, region="everything", minimum_area=5)
    assert rule == ObstacleRule(None, 5, input_size=size)
    with pytest.raises(ValueError, match="region is 'moon'"):
        obstacle_rule(bundle, region="moon", minimum_area=5)
    with pytest.raises(ValueError, match="outline is 'box'; one of score, image is right"):
        obstacle_rule(bundle, region="everything", minimum_area=5, outline="box")
