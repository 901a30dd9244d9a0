# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The lifecycle node `/cosme_detector`: camera images in, anomaly scores and obstacle masks out.

A frame's way is one way: its camera's subscription, the wait for its turn, codec, detector; then,
in a second thread where that pays, obstacles and its camera's publishers. The executor's one thread
serves subscriptions, services and diagnostics; it never waits for the worker but in transitions.
"""

import gc
import logging
import platform
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from cosme_ros import topics
from cosme_ros.bundle.loading import Bundle, BundleError, load_bundle
from cosme_ros.calibration.guarantee import guarantee_status, temporal_sentence
from cosme_ros.inference.detector import Detection, Detector
from cosme_ros.inference.providers import ProviderError
from cosme_ros.inference.runtime_options import parse_runtime_options
from cosme_ros.messages.images import BgrImage, decode_compressed, decode_image
from cosme_ros.node.camera_channel import CameraChannel
from cosme_ros.node.process import ros_process, take_arguments
from cosme_ros.parameters import (
    PARAMETERS,
    PARAMETERS_BY_NAME,
    Changeable,
    Parameter,
    ParameterError,
    Settings,
    check_settings,
)
from cosme_ros.streaming.camera_stream import CameraStream
from cosme_ros.streaming.diagnostics import DRIFT_RATE, INPUT_TIMEOUT, Configured, Report, report
from cosme_ros.streaming.frame_outputs import compute_outputs
from cosme_ros.streaming.frame_queue import QueuedFrame
from cosme_ros.streaming.frame_statistics import Processed
from cosme_ros.streaming.frame_worker import FrameWorker

# What keeps a node from being configured, and is the user's to put right.
CONFIGURATION_ERRORS = (ParameterError, BundleError, ProviderError)
PLAUSIBLE_AGE = 60.0  # seconds; a stamp further off is not of this node's clock


@dataclass(frozen=True)
class _Loaded:
    """What configure made, used by the worker as one consistent piece."""

    settings: Settings
    bundle: Bundle
    detector: Detector
    drift_rate: float
    drift_threshold: float

    def known(self) -> Configured:
        return Configured(
            bundle=f"{self.bundle.name} ({self.bundle.path})",
            provider=self.detector.provider,
            false_positive_rate=self.settings.false_positive_rate,
            threshold=self.detector.threshold,
            drift_rate=self.drift_rate,
        )

    def overlaps(self) -> bool:
        """Whether a frame's outputs are made beside the next frame's networks."""
        choice = self.settings.overlap
        return choice == "always" or (choice == "auto" and self.detector.device != "cpu")


@dataclass(frozen=True)
class _Detected:
    """A frame that the networks are done with, and by what its outputs are to be made."""

    loaded: _Loaded
    image: BgrImage
    detection: Detection


class _LogBridge(logging.Handler):
    """Lets what the ROS-free part logs (which provider, and why) appear as this node's words."""

    def __init__(self, logger: Any) -> None:
        super().__init__(logging.INFO)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        # One line of code a severity: rclpy forbids changing it.
        if record.levelno >= logging.ERROR:
            self._logger.error(record.getMessage())
        elif record.levelno >= logging.WARNING:
            self._logger.warning(record.getMessage())
        else:
            self._logger.info(record.getMessage())


class DetectorNode(LifecycleNode):
    """Loads and warms up in configure, works while active, says all the time how it is."""

    def __init__(self) -> None:
        super().__init__(topics.DETECTOR_NODE)
        for row in PARAMETERS:
            self.declare_parameter(row.name, row.default, _descriptor(row))
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._state = "unconfigured"
        self._refusal: str | None = None
        self._loaded: _Loaded | None = None
        self._cameras: dict[str, CameraChannel] = {}
        self._streams: dict[str, CameraStream] = {}
        self._worker: FrameWorker[Any, _Detected] | None = None
        # Not lifecycle publishers: diagnostics speak in every state.
        self._diagnostics = self.create_publisher(DiagnosticArray, topics.DIAGNOSTICS, 10)
        self.create_timer(self.get_parameter("diagnostics_period").value, self._publish_diagnostics)

    # Lifecycle

    def start(self) -> None:
        """Configure and activate, as a lifecycle manager would.

        A node that cannot be configured stays, says why on /diagnostics, and can be configured
        again through its lifecycle services once the cause is put right.
        """
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def stop(self) -> None:
        """End the worker and let go of everything, whatever the state. Publishes nothing."""
        self._stop_working()
        self._loaded = None

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("configure", self._configure, self._release, state, "inactive")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("activate", self._activate, self._deactivate, state, "active")

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("deactivate", self._deactivate, None, state, "inactive")

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("clean up", self._release, None, state, "unconfigured")

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        return self._attempt("shut down", self._release, None, state, "finalized")

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        self._release(state)
        self._state = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def _attempt(
        self,
        verb: str,
        action: Callable[[LifecycleState], None],
        undo: Callable[[LifecycleState], None] | None,
        previous: LifecycleState,
        reached: str,
    ) -> TransitionCallbackReturn:
        """Run a transition and say why it failed: rclpy swallows whatever a transition raises."""
        try:
            action(previous)
        except CONFIGURATION_ERRORS as error:
            self._refusal = f"cannot {verb}: {error}"
            self.get_logger().error(self._refusal)
        except Exception as error:
            self._refusal = f"cannot {verb}: {type(error).__name__}: {error}"
            if self.context.ok():  # else the process is ending, and it is no fault
                self.get_logger().error(f"{self._refusal}\n{traceback.format_exc()}")
        else:
            self._refusal = None
            self._state = reached
            return TransitionCallbackReturn.SUCCESS
        finally:
            if not self.context.ok():  # rclpy would try to complete it, and call that an error
                raise SystemExit(0)
        if undo is None:
            return TransitionCallbackReturn.ERROR
        undo(previous)
        return TransitionCallbackReturn.FAILURE

    def _configure(self, _: LifecycleState) -> None:
        settings = check_settings(
            {row.name: self.get_parameter(row.name).value for row in PARAMETERS}
        )
        self.get_logger().info(f"loading {settings.bundle}, provider {settings.provider}")
        bundle = load_bundle(settings.bundle, expected_digest=settings.bundle_digest)
        _check_against_bundle(settings, bundle)
        detector = Detector(
            bundle,
            provider=settings.provider,
            false_positive_rate=settings.false_positive_rate,
            threads=settings.threads,
            affinity=settings.thread_affinity,
            runtime_options=parse_runtime_options(settings.runtime_options),
        )
        detector.warm_up(*bundle.input_size)
        lowest, highest = bundle.calibration.rates
        drift_rate = min(max(DRIFT_RATE, lowest), highest)
        self._loaded = _Loaded(
            settings, bundle, detector, drift_rate, bundle.calibration.threshold(drift_rate)
        )
        for camera in topics.cameras(settings.cameras):
            self._cameras[camera] = CameraChannel(self, camera)
            self._cameras[camera].advertise()
        self.get_logger().info(
            f"ready: bundle {bundle.name} (bundle_digest {bundle.digest}), provider "
            f"{detector.provider}, alarm at a raw score of {detector.threshold:.4g} "
            f"(false_positive_rate {settings.false_positive_rate:g})"
            + ("; outputs are made beside the next frame" if self._loaded.overlaps() else "")
        )
        # What is loaded now stays: going through it for garbage would stop a frame for 10 to 20 ms.
        gc.collect()
        gc.freeze()
        if not bundle.protects_itself:
            self.get_logger().warning(
                f"bundle {bundle.name} was exported by an older version, and its manifest.json "
                "does not hold the hash of its content: a changed calibration would not be "
                "noticed; set the parameter bundle_digest, or export the bundle anew"
            )
        unmeasured = temporal_sentence(
            bundle.manifest["calibration"],
            temporal=settings.temporal,
            false_positive_rate=settings.false_positive_rate,
        )
        if unmeasured is not None:
            self.get_logger().warning(unmeasured)
        promised = guarantee_status(bundle.manifest["calibration"], settings)
        if promised is not None:
            sentence, holds = promised
            if holds:
                self.get_logger().info(sentence)
            else:
                self.get_logger().warning(sentence)

    def _activate(self, state: LifecycleState) -> None:
        super().on_activate(state)
        loaded = self._loaded
        assert loaded is not None
        compressed = loaded.settings.image_transport == "compressed"
        for camera in self._cameras.values():
            camera.reset()
        # Whatever was seen before an interruption is no history of what comes now.
        self._streams = {
            name: CameraStream(loaded.detector, temporal=loaded.settings.temporal)
            for name in self._cameras
        }
        self._worker = worker = FrameWorker(
            {name: camera.statistics for name, camera in self._cameras.items()},
            detect=partial(self._detect, decode_compressed if compressed else decode_image),
            finish=self._finish,
            failed=self._failed,
            deadline=loaded.settings.deadline,
            overlap=loaded.overlaps(),
        )
        worker.start()
        for name, camera in self._cameras.items():
            camera.listen(partial(worker.offer, name), compressed=compressed)

    def _deactivate(self, state: LifecycleState) -> None:
        self._stop_working()
        super().on_deactivate(state)

    def _release(self, _: LifecycleState) -> None:
        gc.unfreeze()
        self.stop()
        for camera in self._cameras.values():
            camera.release()
        self._cameras = {}

    def _stop_working(self) -> None:
        """Afterwards nothing is published for a frame that came before."""
        for camera in self._cameras.values():
            camera.stop_listening()
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        self._streams = {}

    # Frames

    def _detect(self, decode: Callable[[Any], BgrImage], turn: QueuedFrame[Any]) -> _Detected:
        loaded = self._loaded
        assert loaded is not None
        image = decode(turn.frame)
        stamp = turn.frame.header.stamp
        # One thread detects, so that a camera's frames come here in order.
        detection = self._streams[turn.camera].detect(image, stamp.sec * 10**9 + stamp.nanosec)
        return _Detected(loaded, image, detection)

    def _finish(self, turn: QueuedFrame[Any], detected: _Detected) -> Processed | None:
        camera, loaded = self._cameras[turn.camera], detected.loaded
        made = compute_outputs(
            detected.detection,
            detected.image,
            camera.wanted(),
            provider=loaded.detector.provider,
            drivable_class_ids=(
                loaded.bundle.drivable_class_ids if loaded.settings.region == "drivable" else None
            ),
            minimum_area=loaded.settings.minimum_area,
            drift_threshold=loaded.drift_threshold,
            frame_rate=camera.statistics.output_rate(),
            score_on_grid=loaded.settings.score_resolution == "network",
            outline=loaded.settings.outline,
        )
        assert self._worker is not None
        if self._worker.closing:
            return None
        camera.publish(made, turn.frame.header)
        return Processed(
            age_at_start=turn.began - turn.arrived,
            latency=monotonic() - turn.arrived,
            stamp_latency=self._age(turn.frame.header.stamp),
            drift_share=made.drift_share,
            mask_withheld=made.mask_withheld,
        )

    def _failed(self, camera: str, error: Exception) -> str | None:
        """Whatever is wrong with a frame, it is skipped and counted. No fault is what fails because
        the process is ending, and publishers with it."""
        return self._cameras[camera].log_skipped_frame(error) if self.context.ok() else None

    def _age(self, stamp: Any) -> float | None:
        """Seconds since `stamp`; None where it cannot be of this node's clock."""
        sent = stamp.sec * 10**9 + stamp.nanosec
        age = (self.get_clock().now().nanoseconds - sent) * 1e-9
        return age if 0.0 <= age < PLAUSIBLE_AGE else None

    # Parameters

    def _on_set_parameters(self, changes: list[Any]) -> SetParametersResult:
        """Refuse what the table or the bundle forbids; let the next frame use the rest."""
        loaded = self._loaded
        accepted = {}
        try:
            for change in changes:
                row = PARAMETERS_BY_NAME.get(change.name)
                if row is None:  # rclpy's own, for example use_sim_time
                    continue
                row.check(change.value)
                if row.changeable is Changeable.UNCONFIGURED and loaded is not None:
                    raise ParameterError(
                        f"parameter '{row.name}' can be set only {row.changeable.value}; "
                        f"it is {self._state}"
                    )
                accepted[row.name] = change.value
            if accepted and loaded is not None:
                settings = replace(loaded.settings, **accepted)
                _check_against_bundle(settings, loaded.bundle)
                loaded.detector.threshold = loaded.bundle.calibration.threshold(
                    settings.false_positive_rate
                )
                self._loaded = replace(loaded, settings=settings)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    # Diagnostics

    def _publish_diagnostics(self) -> None:
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status = [self._status(camera) for camera in self._camera_names()]
        self._diagnostics.publish(message)

    def _status(self, camera: str) -> DiagnosticStatus:
        said = self._report(self._cameras.get(camera))
        return DiagnosticStatus(
            level=bytes([said.level]),
            name=topics.status(self.get_fully_qualified_name(), camera),
            message=said.message,
            hardware_id=platform.node(),
            values=[KeyValue(key=key, value=value) for key, value in said.values.items()],
        )

    def _report(self, camera: CameraChannel | None) -> Report:
        """Of one camera; None where there are none, because the node is not configured."""
        snapshot = missing_input_reason = None
        if camera is not None and self._worker is not None:
            snapshot = camera.statistics.snapshot()
            if snapshot.seconds_since_input > INPUT_TIMEOUT:
                missing_input_reason = camera.missing_input_reason()
        return report(
            state=self._state,
            refusal=self._refusal,
            configured=None if self._loaded is None else self._loaded.known(),
            snapshot=snapshot,
            missing_input_reason=missing_input_reason,
        )

    def _camera_names(self) -> tuple[str, ...]:
        """Of the cameras there are, or would be: no entry on /diagnostics goes silent because the
        node has been configured."""
        try:
            return topics.cameras(self.get_parameter("cameras").value)
        except ValueError:
            return (topics.ONLY_CAMERA,)


def _check_against_bundle(settings: Settings, bundle: Bundle) -> None:
    """Raise ParameterError for what this bundle cannot do."""
    try:
        bundle.calibration.threshold(settings.false_positive_rate)
    except ValueError as error:
        raise ParameterError(f"parameter {error}") from error
    if settings.region == "drivable" and not bundle.drivable_class_ids:
        raise ParameterError(
            f"parameter 'region' is 'drivable', but bundle {bundle.name} has no drivable class; "
            "'everything' is right for it"
        )


def _descriptor(row: Parameter) -> ParameterDescriptor:
    choices = f"One of: {', '.join(row.choices)}. " if row.choices else ""
    descriptor = ParameterDescriptor(
        description=row.description,
        additional_constraints=f"{choices}Can be set {row.changeable.value}.",
        read_only=row.changeable is Changeable.NEVER,
    )
    if row.minimum is not None and row.maximum is not None:
        if isinstance(row.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=row.minimum, to_value=row.maximum)
            ]
        else:
            descriptor.integer_range = [
                IntegerRange(from_value=int(row.minimum), to_value=int(row.maximum), step=1)
            ]
    return descriptor


def _description(row: Parameter) -> str:
    choices = f" One of: {', '.join(row.choices)}." if row.choices else ""
    return f"{row.description}{choices} Can be set {row.changeable.value}."


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM. Returns the process's exit code: 0, or 2 for
    parameters that cannot even be declared."""
    take_arguments(
        "detector_node",
        "Finds unknown obstacles in camera images: a lifecycle node that brings itself up.",
        [(row.name, row.default, _description(row)) for row in PARAMETERS],
        example="bundle:=PATH -r ~/input/image:=/camera/image_raw",
    )
    with ros_process(args):
        try:
            node = DetectorNode()
        except ParameterException as error:
            rclpy.logging.get_logger(topics.DETECTOR_NODE).fatal(str(error))
            return 2
        try:
            _run(node)
        finally:
            node.stop()
            node.destroy_node()
    return 0


def _run(node: DetectorNode) -> None:
    python_log = logging.getLogger("cosme_ros")
    python_log.setLevel(logging.INFO)
    python_log.addHandler(_LogBridge(node.get_logger()))
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    if node.get_parameter("autostart").value:
        node.start()
    executor.spin()
