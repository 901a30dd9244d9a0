# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""One frame's way: decode, detect, outputs. What the node calls, without ROS."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cosme_ros import topics
from cosme_ros.adaptation.adaptation import Adaptation, open_adaptation
from cosme_ros.adaptation.journal import author
from cosme_ros.adaptation.marks_file import MarksError
from cosme_ros.adaptation.recent_frames import RecentFrame
from cosme_ros.bundle.loading import Bundle, load_bundle
from cosme_ros.geometry.obstacle_position import GroundGeometry
from cosme_ros.health.measures import frame_measures
from cosme_ros.health.reference import health_reference
from cosme_ros.health.state import FrameHealth, HealthTracker
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.inference.runtime_options import parse_runtime_options
from cosme_ros.messages.images import BgrImage, decode_compressed, decode_image
from cosme_ros.missing_packages import MissingPackageError
from cosme_ros.parameters import ParameterError, Settings, check_together
from cosme_ros.postprocessing.obstacle_decision import ObstacleRule, obstacle_rule
from cosme_ros.postprocessing.static_mask import StaticMask, load_static_mask, visible_values
from cosme_ros.streaming.camera_stream import CameraStream
from cosme_ros.streaming.diagnostics import Configured
from cosme_ros.streaming.frame_explainer import FrameExplainer
from cosme_ros.streaming.frame_outputs import FrameOutputs, RequestedOutputs, compute_outputs
from cosme_ros.streaming.score_drift import ScoreSpread, drift_reference, score_spread
from cosme_ros.tracking.obstacle_tracker import ObstacleTracker


@dataclass(frozen=True)
class _Choices:
    """Settings and what follows from them, replaced as one piece."""

    settings: Settings
    rule: ObstacleRule


@dataclass(frozen=True)
class DetectedFrame:
    """A frame that the networks are done with, and by what its outputs are made."""

    image: BgrImage
    detection: Detection
    spread: ScoreSpread
    choices: _Choices
    camera: str
    stamp: int
    """Nanoseconds."""

    def as_recent(self) -> RecentFrame:
        """Return it as what a mark may be about."""
        return RecentFrame(self.camera, self.stamp, self.image, self.detection, self.choices.rule)


class FramePipeline:
    """Decodes frames of one camera or several, detects, and makes outputs.

    `detect` is for one thread, `outputs` for that one or a second, `change` for any. Raises
    ParameterError where the bundle cannot do what the settings ask for.
    """

    def __init__(
        self,
        bundle: Bundle,
        detector: Detector,
        settings: Settings,
        adaptation: Adaptation | None = None,
    ) -> None:
        self.bundle = bundle
        self.detector = detector
        self.adaptation = adaptation
        """What was marked as normal; None where nothing can be marked."""
        self._adapted = 0
        self.static_mask = _static_mask(settings)
        """None where all of the image is looked at."""
        self._choices = _choices(settings, bundle, self.static_mask)
        self._drift = drift_reference(bundle.calibration)
        self._health_reference = health_reference(bundle.manifest["calibration"])
        compressed = settings.image_transport == "compressed"
        self._decode = decode_compressed if compressed else decode_image
        self._streams: dict[str, CameraStream] = {}
        self._trackers = _trackers(settings)
        self._health: dict[str, HealthTracker] = {}
        self._explainer = FrameExplainer(detector)
        self._newest: dict[str, tuple[DetectedFrame, FrameHealth]] = {}

    @property
    def settings(self) -> Settings:
        """Return the settings of the next frame; the rate is never 0, for the bundle's own."""
        return self._choices.settings

    @property
    def overlaps(self) -> bool:
        """Return whether a frame's outputs are made in parallel to the next frame's networks."""
        choice = self.settings.overlap
        return choice == "always" or (choice == "auto" and self.detector.device != "cpu")

    def configured(self) -> Configured:
        """Return the configuration that /diagnostics shows."""
        settings, mask = self.settings, self.static_mask
        needed = f"{settings.alarm_min_seen} of {settings.alarm_window}"
        return Configured(
            bundle=f"{self.bundle.name} ({self.bundle.path})",
            provider=self.detector.provider,
            false_positive_rate=settings.false_positive_rate,
            threshold=self.detector.threshold,
            drift=self._drift,
            not_looked_at=0.0 if mask is None else mask.hidden_share,
            marks=0 if self.adaptation is None else len(self.adaptation.marks),
            stall_warning=settings.stall_warning,
            stall_error=settings.stall_error,
            alarm_rule=needed if settings.alarm_min_seen > 1 else "",
        )

    def change(self, settings: Settings) -> None:
        """Let the next frame be worked on by other settings. Raises ParameterError."""
        choices = _choices(settings, self.bundle, self.static_mask)
        rate = choices.settings.false_positive_rate
        self.detector.threshold = self.bundle.calibration.threshold(rate)
        self._choices = choices

    def begin(self) -> None:
        """Begin anew: whatever was seen before an interruption is no history of what comes now."""
        self._streams = {
            camera: CameraStream(self.detector, temporal=self.settings.temporal)
            for camera in topics.cameras(self.settings.cameras)
        }
        for tracker in self._trackers.values():
            tracker.reset()
        self._health = {camera: HealthTracker(self._health_reference) for camera in self._streams}
        self._newest = {}

    def detect(self, camera: str, message: Any) -> DetectedFrame:
        """Decode a camera's next frame and run the networks on it.

        Args:
            camera: its name.
            message: sensor_msgs/Image, or CompressedImage, by the settings.

        Raises:
            DecodeError: it cannot be decoded.
            ScoreFault: it has no valid score.
        """
        choices = self._choices
        image = self._decode(message, max_pixels=choices.settings.max_image_pixels)
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        adaptation = self.adaptation
        if adaptation is not None and self._adapted != adaptation.changes:
            # A history of scores from other banks would keep what was marked alive.
            self._adapted = adaptation.changes
            for stream in self._streams.values():
                stream.reset()
        detection = self._streams[camera].detect(image, stamp)
        visible = visible_values(detection.raw_score_grid, self.static_mask)
        spread = score_spread(visible, self._drift)
        frame = DetectedFrame(image, detection, spread, choices, camera, stamp)
        if adaptation is not None:
            adaptation.remember(frame.as_recent())
        return frame

    def outputs(
        self,
        frame: DetectedFrame,
        requested: RequestedOutputs,
        *,
        frame_rate: float,
        ground: GroundGeometry | None = None,
    ) -> FrameOutputs:
        """Make what was asked for of a camera's next frame, and judge the camera's health.

        Args:
            frame: as `detect` returned it; once, in order.
            requested: what is made.
            frame_rate: frames a second, shown in the overlay.
            ground: by which obstacles get a place on the road; None leaves that out.
        """
        measures = frame_measures(
            frame.image,
            frame.detection.grids,
            input_size=self.bundle.input_size,
            static_mask=self.static_mask,
        )
        health = self._health[frame.camera].update(measures, frame.stamp)
        self._newest[frame.camera] = (frame, health)
        return compute_outputs(
            frame.detection,
            frame.image,
            requested,
            rule=frame.choices.rule,
            provider=self.detector.provider,
            frame_rate=frame_rate,
            score_on_grid=frame.choices.settings.score_resolution == "network",
            tracker=self._trackers.get(frame.camera),
            stamp=frame.stamp,
            health=health,
            out_of_domain=frame.choices.settings.out_of_domain,
            notes=self._explainer.notes,
            ground=ground,
        )

    def explain(self) -> dict[str, Any]:
        """Explain the obstacles of the cameras' newest frames; runs the networks again.

        May be called from any thread.

        Returns:
            By camera what JSON has of it: see `frame_explainer`. A camera without a frame is not
            in it.
        """
        newest = dict(self._newest)
        return {
            camera: self._explainer.explain(
                frame.detection, frame.image, frame.choices.rule, health, frame.stamp
            )
            for camera, (frame, health) in newest.items()
        }


def open_pipeline(settings: Settings) -> FramePipeline:
    """Load, verify and warm up what the settings name.

    Raises:
        ParameterError: the bundle cannot do what the settings ask for.
        BundleError: it cannot be used.
        ProviderError: the provider does not run it.
    """
    bundle = load_bundle(settings.bundle, expected_digest=settings.bundle_digest, keep_graphs=True)
    _choices(settings, bundle, _static_mask(settings))  # before the networks are loaded
    _trackers(settings)
    detector = Detector(
        bundle,
        provider=settings.provider,
        false_positive_rate=settings.false_positive_rate,
        threads=settings.threads,
        affinity=settings.thread_affinity,
        runtime_options=parse_runtime_options(settings.runtime_options),
        device_index=settings.device,
        orientation=settings.orientation,
    )
    adaptation = _adaptation(settings, detector)
    detector.warm_up(*settings.orientation.size(*bundle.input_size))
    return FramePipeline(bundle, detector, settings, adaptation)


def _adaptation(settings: Settings, detector: Detector) -> Adaptation | None:
    if not settings.marks:
        return None
    try:
        return open_adaptation(
            detector,
            Path(settings.marks),
            who=author(topics.DETECTOR_NODE),
            limit=settings.marks_limit,
        )
    except MarksError as error:
        raise ParameterError(f"parameter 'marks': {error}") from error


def _static_mask(settings: Settings) -> StaticMask | None:
    try:
        return load_static_mask(settings.static_mask)
    except ValueError as error:
        raise ParameterError(f"parameter {error}") from error


def _trackers(settings: Settings) -> dict[str, ObstacleTracker]:
    """Return a tracker for each camera; none where obstacles are not followed."""
    if not settings.tracking:
        return {}
    try:
        return {
            camera: ObstacleTracker(min_seen=settings.alarm_min_seen, window=settings.alarm_window)
            for camera in topics.cameras(settings.cameras)
        }
    except MissingPackageError as error:
        raise ParameterError(f"parameter 'tracking' is true, and: {error}") from error


def _choices(settings: Settings, bundle: Bundle, static_mask: StaticMask | None) -> _Choices:
    check_together(settings)
    rate = bundle.rate(settings.false_positive_rate)
    settings = replace(settings, false_positive_rate=rate)
    try:
        bundle.calibration.threshold(settings.false_positive_rate)
        rule = obstacle_rule(
            bundle,
            region=settings.region,
            minimum_area=settings.minimum_area,
            outline=settings.outline,
            static_mask=static_mask,
        )
    except ValueError as error:
        raise ParameterError(f"parameter {error}") from error
    return _Choices(settings, rule)
