"""The lifecycle node `/cosme_detector`: camera images in, anomaly score and obstacle mask out.

A frame's way is one way: subscription, slot, worker thread, codec, detector, obstacles,
publishers. The executor's one thread serves subscription, services and diagnostics; it never waits
for the worker but in transitions.
"""

import logging
import platform
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from geometry_msgs.msg import Point
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
)
from rclpy.qos_overriding_options import QoSOverridingOptions

# Its home is rclpy.qos_event in Humble and rclpy.event_handler since Iron; this works in both.
from rclpy.subscription import SubscriptionEventCallbacks
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from visualization_msgs.msg import Marker, MarkerArray

from cosme_ros import names
from cosme_ros.bundle import Bundle, BundleError, load_bundle
from cosme_ros.detector import Detector, ScoreFault
from cosme_ros.diagnostic_report import (
    DRIFT_RATE,
    INPUT_TIMEOUT,
    SCORE_FAULT,
    Configured,
    Report,
    report,
)
from cosme_ros.execution import ProviderError
from cosme_ros.frame_outputs import FrameOutputs, Wanted, make_outputs
from cosme_ros.frame_statistics import FrameStatistics, Processed
from cosme_ros.image_codec import (
    BgrImage,
    DecodeError,
    decode_compressed,
    decode_image,
    fill_image,
)
from cosme_ros.image_plane import ImagePlane, image_plane, uncalibrated_plane
from cosme_ros.latest_slot import LatestSlot
from cosme_ros.log_throttle import LogThrottle
from cosme_ros.obstacle_detections import fill_detections
from cosme_ros.obstacle_markers import fill_markers
from cosme_ros.parameters import (
    PARAMETERS,
    PARAMETERS_BY_NAME,
    Changeable,
    Parameter,
    ParameterError,
    Settings,
    check_settings,
)
from cosme_ros.promise_check import promise_sentence
from cosme_ros.ros_process import ros_process
from cosme_ros.runtime_options import parse_runtime_options

try:  # not in every installation of ROS
    from vision_msgs.msg import Detection2D, Detection2DArray, ObjectHypothesisWithPose
except ImportError:
    Detection2DArray = None

OUTPUT_TYPES = {
    names.OUTPUT_SCORE: Image,
    names.OUTPUT_MASK: Image,
    names.OUTPUT_OVERLAY: Image,
    names.OUTPUT_MARKERS: MarkerArray,
    **({} if Detection2DArray is None else {names.OUTPUT_DETECTIONS: Detection2DArray}),
}
# What keeps a node from being configured, and is the user's to put right.
CONFIGURATION_ERRORS = (ParameterError, BundleError, ProviderError)
COMPLAINT_PERIOD = 5.0  # seconds between two log lines about the same kind of broken frame
PLAUSIBLE_AGE = 60.0  # seconds; a stamp further off is not of this node's clock
UNEXPECTED = "unexpected error"


def input_qos() -> QoSProfile:
    """The newest frame is the only one of interest, and best effort hears every publisher."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.VOLATILE,
    )


def output_qos() -> QoSProfile:
    """Reliable, so that every subscriber hears it: RViz and `ros2 bag record` ask for reliable by
    default, and would silently get nothing from a best-effort publisher. With a depth of 1 a slow
    listener still cannot make anything queue here."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.VOLATILE,
    )


@dataclass(frozen=True)
class _Frame:
    """A message that arrived. `arrived` is seconds of the monotonic clock."""

    message: Any
    arrived: float


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
        super().__init__(names.DETECTOR_NODE)
        for row in PARAMETERS:
            self.declare_parameter(row.name, row.default, _descriptor(row))
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._state = "unconfigured"
        self._refusal: str | None = None
        self._loaded: _Loaded | None = None
        self._outputs: dict[str, Any] = {}
        self._input: Any = None
        self._camera_info_input: Any = None
        self._camera_info: Any = None
        self._guess_reason: str | None = None
        self._slot: LatestSlot[_Frame] | None = None
        self._worker: threading.Thread | None = None
        self._stopping = threading.Event()
        self._statistics = FrameStatistics()
        self._throttle = LogThrottle(COMPLAINT_PERIOD)
        self._incompatible: str | None = None
        # Not lifecycle publishers: diagnostics speak in every state.
        self._diagnostics = self.create_publisher(DiagnosticArray, names.DIAGNOSTICS, 10)
        self.create_timer(self.get_parameter("diagnostics_period").value, self._say_how_it_is)

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
        bundle = load_bundle(settings.bundle)
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
        # One by one, so that an override that cannot be leaves those before it to be released.
        for name, message_type in OUTPUT_TYPES.items():
            self._outputs[name] = self.create_lifecycle_publisher(
                message_type,
                name,
                output_qos(),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )
        self.get_logger().info(
            f"ready: bundle {bundle.name}, provider {detector.provider}, alarm at a raw score of "
            f"{detector.threshold:.4g} (false_positive_rate {settings.false_positive_rate:g})"
        )
        promised = promise_sentence(bundle.manifest["calibration"], settings)
        if promised is not None:
            sentence, holds = promised
            if holds:
                self.get_logger().info(sentence)
            else:
                self.get_logger().warning(sentence)

    def _activate(self, state: LifecycleState) -> None:
        super().on_activate(state)
        assert self._loaded is not None
        compressed = self._loaded.settings.image_transport == "compressed"
        self._statistics = FrameStatistics()
        self._incompatible = None
        self._camera_info = self._guess_reason = None
        self._stopping.clear()
        self._slot = LatestSlot()
        self._worker = threading.Thread(
            target=self._work,
            args=(self._slot, decode_compressed if compressed else decode_image),
            name="detector",
        )
        self._worker.start()
        self._input = self.create_subscription(
            CompressedImage if compressed else Image,
            names.INPUT_IMAGE,
            self._on_image,
            input_qos(),
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible_qos),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self._camera_info_input = self.create_subscription(
            CameraInfo,
            names.INPUT_CAMERA_INFO,
            self._on_camera_info,
            input_qos(),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self.get_logger().info(f"listening to {self._input.topic_name}")

    def _deactivate(self, state: LifecycleState) -> None:
        self._stop_working()
        super().on_deactivate(state)

    def _release(self, _: LifecycleState) -> None:
        self.stop()
        for publisher in self._outputs.values():
            self.destroy_lifecycle_publisher(publisher)
        self._outputs = {}

    def _stop_working(self) -> None:
        """Afterwards nothing is published for a frame that came before."""
        if self._input is not None:
            self.destroy_subscription(self._input)
            self._input = None
        if self._camera_info_input is not None:
            self.destroy_subscription(self._camera_info_input)
            self._camera_info_input = None
        if self._slot is not None:
            self._stopping.set()
            if self._slot.close() is not None:
                self._statistics.drop()
            self._slot = None
        if self._worker is not None:
            self._worker.join()
            self._worker = None

    # Frames

    def _on_image(self, message: Any) -> None:
        if self._slot is None:
            return
        self._statistics.receive()
        if self._slot.put(_Frame(message, monotonic())) is not None:
            self._statistics.drop()

    def _on_camera_info(self, message: Any) -> None:
        self._camera_info = message

    def _work(self, slot: LatestSlot[_Frame], decode: Callable[[Any], BgrImage]) -> None:
        while (frame := slot.take()) is not None:
            try:
                self._process(frame, decode)
            except DecodeError as error:
                self._skip(error.reason, str(error))
            except ScoreFault as error:
                self._skip(SCORE_FAULT, str(error))
            except Exception:
                if not self.context.ok():  # the process is ending, and publishers with it
                    self._statistics.drop()
                    return
                self._skip(UNEXPECTED, traceback.format_exc())

    def _process(self, frame: _Frame, decode: Callable[[Any], BgrImage]) -> None:
        started = monotonic()
        loaded = self._loaded
        assert loaded is not None
        settings = loaded.settings
        heard = {name: pub.get_subscription_count() > 0 for name, pub in self._outputs.items()}
        made = make_outputs(
            loaded.detector,
            decode(frame.message),
            Wanted(
                score=heard[names.OUTPUT_SCORE],
                mask=heard[names.OUTPUT_MASK],
                overlay=heard[names.OUTPUT_OVERLAY],
                obstacles=heard[names.OUTPUT_MARKERS] or heard.get(names.OUTPUT_DETECTIONS, False),
            ),
            drivable_class_ids=(
                loaded.bundle.drivable_class_ids if settings.region == "drivable" else None
            ),
            minimum_area=settings.minimum_area,
            drift_threshold=loaded.drift_threshold,
            frame_rate=self._statistics.output_rate(),
        )
        if self._stopping.is_set():
            self._statistics.drop()
            return
        for name, picture, encoding in (
            (names.OUTPUT_SCORE, made.score, "32FC1"),
            (names.OUTPUT_MASK, made.mask, "mono8"),
            (names.OUTPUT_OVERLAY, made.overlay, "bgr8"),
        ):
            if picture is not None:
                message = Image()
                fill_image(message, picture, encoding, frame.message.header)
                self._outputs[name].publish(message)
        self._publish_obstacles(made, frame.message.header, heard)
        done = monotonic()
        self._statistics.process(
            Processed(
                age_at_start=started - frame.arrived,
                latency=done - frame.arrived,
                stamp_latency=self._age(frame.message.header.stamp),
                drift_share=made.drift_share,
                mask_withheld=made.mask_withheld,
            )
        )

    def _publish_obstacles(self, made: FrameOutputs, header: Any, heard: dict[str, bool]) -> None:
        if made.obstacles is None or made.outlines is None:
            return
        if heard[names.OUTPUT_MARKERS]:
            markers = MarkerArray()
            height, width = made.size
            fill_markers(
                markers,
                Marker,
                Point,
                header,
                made.obstacles,
                made.outlines,
                self._plane(width, height),
                height=height,
                width=width,
            )
            self._outputs[names.OUTPUT_MARKERS].publish(markers)
        if heard.get(names.OUTPUT_DETECTIONS, False):
            detections = Detection2DArray()
            fill_detections(
                detections, Detection2D, ObjectHypothesisWithPose, header, made.obstacles
            )
            self._outputs[names.OUTPUT_DETECTIONS].publish(detections)

    def _plane(self, width: int, height: int) -> ImagePlane:
        """By the newest camera_info; a guess, which says so, where there is none to go by."""
        info = self._camera_info
        topic = self.resolve_topic_name(names.INPUT_CAMERA_INFO)
        try:
            if info is None:
                raise ValueError(f"nothing came on {topic}")
            return image_plane(info, width, height)
        except ValueError as error:
            if self._guess_reason != str(error):
                self._guess_reason = str(error)
                self.get_logger().warning(
                    f"markers show guessed directions (a field of view of 53 degrees): {error}"
                )
        return uncalibrated_plane(width, height)

    def _age(self, stamp: Any) -> float | None:
        """Seconds since `stamp`; None where it cannot be of this node's clock."""
        sent = stamp.sec * 10**9 + stamp.nanosec
        age = (self.get_clock().now().nanoseconds - sent) * 1e-9
        return age if 0.0 <= age < PLAUSIBLE_AGE else None

    def _skip(self, reason: str, sentence: str) -> None:
        self._statistics.fail(reason)
        kept_back = self._throttle.admit(reason)
        if kept_back is None:
            return
        more = f" ({kept_back} more since the last such line)" if kept_back else ""
        line = f"frame of {self._input_topic()} skipped, {reason}: {sentence}{more}"
        # One line of code a severity: rclpy forbids changing it.
        if reason in (SCORE_FAULT, UNEXPECTED):
            self.get_logger().error(line)
        else:
            self.get_logger().warning(line)

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

    def _say_how_it_is(self) -> None:
        status = self._report()
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status = [
            DiagnosticStatus(
                level=bytes([status.level]),
                name=f"{self.get_fully_qualified_name()}: detection",
                message=status.message,
                hardware_id=platform.node(),
                values=[KeyValue(key=key, value=value) for key, value in status.values.items()],
            )
        ]
        self._diagnostics.publish(message)

    def _report(self) -> Report:
        snapshot = None if self._input is None else self._statistics.snapshot()
        silent = snapshot is not None and snapshot.seconds_since_input > INPUT_TIMEOUT
        return report(
            state=self._state,
            refusal=self._refusal,
            configured=None if self._loaded is None else self._loaded.known(),
            snapshot=snapshot,
            silence=self._silence() if silent else None,
        )

    def _silence(self) -> str:
        """Why no image may be coming, as far as this node can see."""
        topic = self._input_topic()
        if self._incompatible is not None:
            return f"{self._incompatible} on {topic}"
        publishers = self.get_publishers_info_by_topic(topic)
        if not publishers:
            return f"nobody publishes {topic}"
        wanted = "sensor_msgs/msg/" + self._input.msg_type.__name__
        offered = {publisher.topic_type for publisher in publishers}
        if wanted not in offered:
            return (
                f"{topic} carries {', '.join(sorted(offered))}, but {wanted} is listened for: "
                "see the parameter image_transport"
            )
        return (
            f"{topic} has a publisher but nothing arrives; images of megabytes need its Fast DDS "
            "profile enlarged, as config/fastdds_large_images.xml does"
        )

    def _on_incompatible_qos(self, event: Any) -> None:
        policy = QoSPolicyKind(event.last_policy_kind).name.lower()
        self._incompatible = f"a publisher's {policy} is less than this subscription asks for"
        self.get_logger().warning(f"{self._incompatible} on {self._input_topic()}")

    def _input_topic(self) -> str:
        return self.resolve_topic_name(names.INPUT_IMAGE)


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


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM. Returns the process's exit code: 0, or 2 for
    parameters that cannot even be declared."""
    with ros_process(args):
        try:
            node = DetectorNode()
        except ParameterException as error:
            rclpy.logging.get_logger(names.DETECTOR_NODE).fatal(str(error))
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


if __name__ == "__main__":
    sys.exit(main())
