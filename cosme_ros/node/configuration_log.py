# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Logs what the detector was configured with, and what of it does not fit together."""

import logging
from typing import Any

from cosme_ros.calibration.guarantee import (
    guarantee_status,
    static_mask_sentence,
    temporal_sentence,
)
from cosme_ros.node.log import write_log
from cosme_ros.streaming.frame_pipeline import FramePipeline


def log_configuration(pipeline: FramePipeline, logger: Any) -> None:
    """Log bundle, provider and alarm line, and a warning for each thing that does not fit."""
    settings, bundle, detector = pipeline.settings, pipeline.bundle, pipeline.detector
    calibration = bundle.manifest["calibration"]
    logger.info(
        f"ready: bundle {bundle.name} (bundle_digest {bundle.digest}), provider "
        f"{detector.provider}, alarm at a raw score of {detector.threshold:.4g} "
        f"(false_positive_rate {settings.false_positive_rate:g})"
        + ("; outputs are made beside the next frame" if pipeline.overlaps else "")
    )
    if pipeline.adaptation is not None:
        logger.info(f"{len(pipeline.adaptation.marks)} marks hold (marks {settings.marks})")
    if not bundle.protects_itself:
        logger.warning(
            f"bundle {bundle.name} was exported by an older version, and its manifest.json "
            "does not hold the hash of its content: a changed calibration would not be "
            "noticed; set the parameter bundle_digest, or export the bundle anew"
        )
    mask = pipeline.static_mask
    mask_sha256 = "" if mask is None else mask.sha256
    if mask is not None:
        logger.info(
            f"{mask.hidden_share:.1%} of the image is not looked at (static_mask {mask.path})"
        )
        mask.compare(*bundle.input_size, "the bundle's input is")
    for warning in (
        temporal_sentence(
            calibration,
            temporal=settings.temporal,
            false_positive_rate=settings.false_positive_rate,
        ),
        static_mask_sentence(bundle.manifest["fitted_on"], static_mask_sha256=mask_sha256),
    ):
        if warning is not None:
            logger.warning(warning)
    guarantee = guarantee_status(calibration, settings, static_mask_sha256=mask_sha256)
    if guarantee is not None:
        sentence, holds = guarantee
        write_log(logger, logging.INFO if holds else logging.WARNING, sentence)
