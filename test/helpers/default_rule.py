# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What is an obstacle by the node's defaults."""

from cosme_ros.bundle.loading import Bundle
from cosme_ros.parameters import Settings
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, obstacle_rule


def default_rule(bundle: Bundle, *, region: str = Settings.region) -> ObstacleRule:
    return obstacle_rule(
        bundle, region=region, minimum_area=Settings.minimum_area, outline=Settings.outline
    )
