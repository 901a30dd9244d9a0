# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From the options of a command to the detector and the rule that they describe."""

import argparse

from cosme_ros.bundle.loading import Bundle
from cosme_ros.cli.options import orientation_of
from cosme_ros.inference.detector import Detector
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, obstacle_rule
from cosme_ros.postprocessing.static_mask import load_static_mask


def detector_of(
    options: argparse.Namespace, bundle: Bundle, *, false_positive_rate: float | None = None
) -> Detector:
    """Return a detector as `--provider`, `--device`, `--threads` and the orientation ask for.

    Args:
        options: parsed; they have at least these options.
        bundle: what it runs.
        false_positive_rate: of the alarm line; None: that of the options.

    Raises:
        BundleError: a graph of the bundle is damaged.
        ProviderError: the provider does not run the graphs.
        ValueError: the rate is outside of the calibration table.
    """
    rate = options.false_positive_rate if false_positive_rate is None else false_positive_rate
    return Detector(
        bundle,
        provider=options.provider,
        false_positive_rate=rate,
        threads=options.threads,
        device_index=options.device,
        orientation=orientation_of(options),
    )


def rule_of(options: argparse.Namespace, bundle: Bundle) -> ObstacleRule:
    """Return the rule of the options `--region`, `--minimum-area`, `--outline`, `--static-mask`.

    Raises:
        ValueError: the static mask is none, or the bundle cannot do what the options ask for.
    """
    return obstacle_rule(
        bundle,
        region=options.region,
        minimum_area=options.minimum_area,
        outline=options.outline,
        static_mask=load_static_mask(options.static_mask),
    )
