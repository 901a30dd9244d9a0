# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""From the options of a command to the detector, the rule and the drive that they describe."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tqdm import tqdm

from cosme_ros.adaptation.adaptation import apply_marks
from cosme_ros.bags.labelled_frames import BagFrame, LabelSettings
from cosme_ros.bags.reading import BagError
from cosme_ros.bundle.loading import Bundle, BundleError, load_bundle
from cosme_ros.cli.options import orientation_of
from cosme_ros.inference.detector import Detection, Detector, ScoreFault
from cosme_ros.inference.providers import ProviderError
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, obstacle_rule
from cosme_ros.postprocessing.static_mask import load_static_mask
from cosme_ros.sources.interface import SourceError
from cosme_ros.sources.labelled import LabelledFrames, open_labelled_frames
from cosme_ros.streaming.camera_stream import CameraStream

FAILURES = (BagError, BundleError, OSError, ProviderError, ScoreFault, SourceError, ValueError)
"""What running a bundle on a drive raises when something given is wrong."""


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


def open_detector(options: argparse.Namespace) -> tuple[Detector, ObstacleRule]:
    """Return detector and rule as `--bundle` and the options of OBSTACLE_PARAMETERS ask for.

    Raises:
        ValueError: the static mask or the file of marks is none, or the bundle cannot do what the
            options ask for. And as `detector_of`.
    """
    bundle = load_bundle(options.bundle)
    rule = obstacle_rule(
        bundle,
        region=options.region,
        minimum_area=options.minimum_area,
        outline=options.outline,
        static_mask=load_static_mask(options.static_mask),
    )
    detector = detector_of(options, bundle)
    apply_marks(detector, options.marks)
    return detector, rule


def open_drive(path: Path, options: argparse.Namespace, *, quiet: bool = False) -> LabelledFrames:
    """Open the frames of a drive without labels, by `--image-topic` and `--frame-rate`.

    Warnings go to standard error, unless `quiet`.

    Raises:
        BagError: a bag that cannot be read, or has no images.
        SourceError: the drive is neither bag, folder of images nor video file.
    """

    def report(_kind: str, sentence: str) -> None:
        if not quiet:
            tqdm.write(sentence, file=sys.stderr)

    return open_labelled_frames(
        path.expanduser(),
        image_topic=options.image_topic,
        labels=LabelSettings(topic=""),
        report=report,
        frame_rate=options.frame_rate,
    )


def drive_frames(
    path: Path, options: argparse.Namespace, *, desc: str | None = None
) -> Iterator[BagFrame]:
    """Yield the frames of a drive, as `open_drive` opens it, with a progress bar."""
    with open_drive(path, options) as drive:
        yield from tqdm(drive.read(), total=drive.count or None, unit=" frames", desc=desc)


def detections(
    frames: Iterable[BagFrame], detector: Detector, options: argparse.Namespace
) -> Iterator[tuple[BagFrame, Detection]]:
    """Yield those of the frames, in order, that have a valid score, each with its detection."""
    stream = CameraStream(detector, temporal=options.temporal)
    for frame in frames:
        try:
            detection = stream.detect(frame.image, frame.stamp)
        except ScoreFault as error:
            tqdm.write(f"frame {frame.index} is left out: {error}", file=sys.stderr)
            continue
        yield frame, detection
