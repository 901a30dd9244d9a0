# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The lifecycle node `/cosme_detector`: camera images in, anomaly scores and obstacle masks out.

The node only calls: `FramePipeline` decodes, detects and makes outputs, `FrameWorker` has the
threads for it, `CameraChannel` the topics. The executor's one thread serves subscriptions and
services, and waits for the worker in transitions alone. A thread of its own publishes diagnostics,
so that a long transition is not mute, and a process that hangs ends (`supervisor`).
"""

import gc
import json
import logging
import traceback
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

import rclpy
from rcl_interfaces.msg import SetParametersResult
from rclpy.exceptions import ParameterException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_srvs.srv import Trigger

from cosme_ros import topics
from cosme_ros.adaptation.adaptation import Adaptation
from cosme_ros.foreign_text import MOST_OF_A_SENTENCE, printable
from cosme_ros.node.camera_channel import CameraChannel
from cosme_ros.node.configuration_log import log_configuration
from cosme_ros.node.diagnostics_publisher import DiagnosticsPublisher
from cosme_ros.node.free_memory import FreeMemory
from cosme_ros.node.log import LogBridge
from cosme_ros.node.marking import Marking
from cosme_ros.node.parameter_declaration import check_changes, declare
from cosme_ros.node.process import ros_process, take_arguments
from cosme_ros.node.supervisor import HANG_TIMEOUT, Supervisor, end_hanging_process
from cosme_ros.node.transforms import CameraTransforms
from cosme_ros.node.transitions import (
    ACTIVATE,
    CLEAN_UP,
    CONFIGURE,
    DEACTIVATE,
    SHUT_DOWN,
    TransitionRunner,
)
from cosme_ros.parameters import PARAMETERS, ParameterError, check_settings
from cosme_ros.streaming.diagnostics import INPUT_TIMEOUT, Report, report
from cosme_ros.streaming.frame_pipeline import DetectedFrame, FramePipeline, open_pipeline
from cosme_ros.streaming.frame_queue import QueuedFrame
from cosme_ros.streaming.frame_statistics import Processed
from cosme_ros.streaming.frame_worker import FrameWorker
from cosme_ros.streaming.stall_watch import StallWatch

PLAUSIBLE_AGE = 60.0  # seconds; a stamp further off is not of this node's clock


class DetectorNode(LifecycleNode):
    """Loads and warms up in configure, works while active, publishes diagnostics in every state."""

    def __init__(self) -> None:
        super().__init__(topics.DETECTOR_NODE)
        declare(self, PARAMETERS)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._transitions = TransitionRunner(self)
        self._pipeline: FramePipeline | None = None
        self._cameras: dict[str, CameraChannel] = {}
        self._transforms: CameraTransforms | None = None
        self._marking = Marking(self, self._adaptation, self._is_guarded)
        self._worker: FrameWorker[Any, DetectedFrame] | None = None
        self._stall_watch = StallWatch()
        self._free_memory = FreeMemory()
        self.create_service(Trigger, topics.EXPLAIN, self._on_explain)
        self._diagnostics = DiagnosticsPublisher(self)

    # Lifecycle

    def start(self) -> None:
        """Configure and activate, as a lifecycle manager would.

        A node that cannot be configured stays, reports why on /diagnostics, and can be configured
        again through its lifecycle services once the cause is put right.
        """
        if self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def stop(self, timeout: float) -> bool:
        """End the worker and let go of everything, whatever the state. Publishes nothing.

        Args:
            timeout: seconds to wait for the frame under way.

        Returns:
            Whether it ended; False where it hangs.
        """
        ended = self._stop_working(timeout)
        self._pipeline = None
        return ended

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the bundle; a failure leaves the node unconfigured."""
        return self._transitions.run(CONFIGURE, self._configure, self._release, state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and start to process frames."""
        return self._transitions.run(ACTIVATE, self._activate, self._deactivate, state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop processing frames."""
        return self._transitions.run(DEACTIVATE, self._deactivate, None, state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release what configure created."""
        return self._transitions.run(CLEAN_UP, self._release, None, state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release what configure created, for good."""
        return self._transitions.run(SHUT_DOWN, self._release, None, state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything after a failed transition; the node can be configured again."""
        self._release(state)
        self._transitions.state = "unconfigured"
        return TransitionCallbackReturn.SUCCESS

    def _configure(self, _: LifecycleState) -> None:
        settings = check_settings(
            {row.name: self.get_parameter(row.name).value for row in PARAMETERS}
        )
        self.get_logger().info(f"loading {settings.bundle}, provider {settings.provider}")
        self._pipeline = pipeline = open_pipeline(settings)
        settings = pipeline.settings
        if settings.camera_pose == "tf":
            self._transforms = CameraTransforms(self)
        for camera in topics.cameras(settings.cameras):
            self._cameras[camera] = CameraChannel(self, camera, self._transforms)
            self._cameras[camera].advertise()
        self._marking.configure(settings, pipeline.bundle.drivable_class_ids)
        self._marking.advertise(topics.cameras(settings.cameras))
        # What is loaded now stays: going through it for garbage would stop a frame for 10 to 20 ms.
        gc.collect()
        gc.freeze()
        log_configuration(pipeline, self.get_logger())

    def _activate(self, state: LifecycleState) -> None:
        super().on_activate(state)
        pipeline = self._pipeline
        assert pipeline is not None
        pipeline.begin()
        for camera in self._cameras.values():
            camera.reset()
        self._worker = worker = FrameWorker(
            {name: camera.statistics for name, camera in self._cameras.items()},
            detect=lambda queued: pipeline.detect(queued.camera, queued.frame),
            finish=partial(self._finish, pipeline),
            failed=self._failed,
            deadline=pipeline.settings.deadline,
            overlap=pipeline.overlaps,
        )
        worker.start()
        compressed = pipeline.settings.image_transport == "compressed"
        for name, camera in self._cameras.items():
            camera.subscribe(partial(worker.offer, name), compressed=compressed)
        self._marking.subscribe(list(self._cameras))

    def _deactivate(self, state: LifecycleState) -> None:
        self._stop_working_or_end()
        super().on_deactivate(state)

    def _release(self, _: LifecycleState) -> None:
        gc.unfreeze()
        self._stop_working_or_end()
        adaptation = self._adaptation()
        if adaptation is not None and adaptation.unsaved and self.context.ok():
            self.get_logger().warning("marks that were not saved (~/save_memory) are lost")
        self._pipeline = None
        for camera in self._cameras.values():
            camera.release()
        self._cameras = {}
        if self._transforms is not None:
            self._transforms.close()
            self._transforms = None

    def _stop_working(self, timeout: float) -> bool:
        """Return whether nothing is published any more for a frame that came before."""
        self._marking.unsubscribe()
        for camera in self._cameras.values():
            camera.unsubscribe()
        if self._worker is not None:
            if not self._worker.close(timeout):
                return False
            self._worker = None
        return True

    def _stop_working_or_end(self) -> None:
        """Stop working; end the process where the frame under way hangs.

        No thread can be ended by force, and a transition that never answers blocks who asked for
        it. A process that died is started again by launch.
        """
        timeout = HANG_TIMEOUT if self._pipeline is None else self._pipeline.settings.stall_error
        if not self._stop_working(timeout) and self.context.ok():
            end_hanging_process(
                self.get_logger(), f"the frame under way does not end within {timeout:g} s"
            )

    # Frames

    def _finish(
        self, pipeline: FramePipeline, queued: QueuedFrame[Any], detected: DetectedFrame
    ) -> Processed | None:
        camera = self._cameras[queued.camera]
        settings, header = detected.choices.settings, queued.frame.header
        ground = camera.ground(settings, header, *detected.image.shape[:2])
        self._marking.add_frame(detected.as_recent(), ground)
        made = pipeline.outputs(
            detected,
            camera.requested(),
            frame_rate=camera.statistics.output_rate(),
            ground=ground,
        )
        assert self._worker is not None
        if self._worker.closing:
            return None
        camera.publish(made, header)
        return Processed(
            age_at_start=queued.began - queued.arrived,
            latency=monotonic() - queued.arrived,
            stamp_latency=self._age(header.stamp),
            spread=detected.spread,
            mask_withheld=made.mask_withheld,
            unconfirmed=made.unconfirmed,
            health=made.health,
            out_of_domain=made.out_of_domain,
        )

    def _failed(self, camera: str, error: Exception) -> str | None:
        # None while the process ends: publishers that are gone are no fault of the frame.
        return self._cameras[camera].log_skipped_frame(error) if self.context.ok() else None

    def _age(self, stamp: Any) -> float | None:
        """Return the seconds since `stamp`; None where it cannot be of this node's clock."""
        sent = stamp.sec * 10**9 + stamp.nanosec
        age = (self.get_clock().now().nanoseconds - sent) * 1e-9
        return age if 0.0 <= age < PLAUSIBLE_AGE else None

    def _on_explain(self, _: Trigger.Request, answer: Trigger.Response) -> Trigger.Response:
        """Answer why the newest frames' obstacles are some, in JSON; frames wait meanwhile."""
        pipeline = self._pipeline
        if pipeline is None or self._worker is None:
            answer.message = (
                f"the detector is {self._transitions.state}: there is no frame to explain"
            )
            return answer
        try:
            explained = pipeline.explain()
        except Exception as error:  # a service that raises ends the executor, and the node with it
            answer.message = printable(error, MOST_OF_A_SENTENCE)
            self.get_logger().error(f"cannot explain: {traceback.format_exc()}")
            return answer
        answer.success = bool(explained)
        answer.message = json.dumps(explained) if explained else "no frame has come yet"
        return answer

    # Marks

    def _adaptation(self) -> Adaptation | None:
        return None if self._pipeline is None else self._pipeline.adaptation

    def _is_guarded(self) -> bool:
        return self._pipeline is None or self._pipeline.settings.marks_guard

    # Parameters

    def _on_set_parameters(self, changes: list[Any]) -> SetParametersResult:
        """Refuse what the table or the bundle forbids; let the next frame use the rest."""
        pipeline = self._pipeline
        try:
            fixed_in = None if pipeline is None else self._transitions.state
            accepted = check_changes(changes, fixed_in)
            if accepted and pipeline is not None:
                pipeline.change(replace(pipeline.settings, **accepted))
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    # Diagnostics

    def watch(self) -> None:
        """End a process that gives no results any more; return the memory that broken frames left.

        For the supervisor's thread.
        """
        pipeline = self._pipeline
        if pipeline is None or self._worker is None:
            return
        cameras = [camera.statistics.progress() for camera in list(self._cameras.values())]
        reason = self._stall_watch.reason_to_end(cameras, pipeline.settings.exit_after)
        if reason is not None:
            end_hanging_process(self.get_logger(), reason)
        self._free_memory.see(sum(camera.failed for camera in cameras))

    def publish_diagnostics(self) -> None:
        """Publish how the node is. May be called from any thread."""
        self._diagnostics.publish(self._report)

    def _report(self, name: str) -> Report:
        """Return the report of a camera, also before there are any."""
        camera = self._cameras.get(name)
        snapshot = missing_input_reason = None
        pipeline = self._pipeline
        if camera is not None and self._worker is not None:
            snapshot = camera.statistics.snapshot()
            if snapshot.seconds_since_input > INPUT_TIMEOUT:
                missing_input_reason = camera.missing_input_reason()
        return report(
            state=self._transitions.state,
            refusal=self._transitions.refusal,
            configured=None if pipeline is None else pipeline.configured(),
            snapshot=snapshot,
            missing_input_reason=missing_input_reason,
            transition_age=self._transitions.age,
            positions=None if camera is None else camera.positions,
        )


def main(args: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM.

    Returns:
        Exit code of the process: 0, or 2 for parameters that cannot be declared. A node that hangs
        ends with `supervisor.HANGING`.
    """
    take_arguments(
        "detector_node",
        "Finds unknown obstacles in camera images: a lifecycle node that brings itself up.",
        PARAMETERS,
        example="bundle:=PATH -r ~/input/image:=/camera/image_raw",
    )
    with ros_process(args):
        try:
            node = DetectorNode()
        except ParameterException as error:
            rclpy.logging.get_logger(topics.DETECTOR_NODE).fatal(str(error))
            return 2
        executor = SingleThreadedExecutor()
        supervisor = Supervisor(
            node.context,
            node.get_parameter("diagnostics_period").value,
            publish=node.publish_diagnostics,
            watch=node.watch,
            wake=executor.wake,
            logger=node.get_logger(),
        )
        try:
            supervisor.start()
            _run(node, executor)
        finally:
            ended = node.stop(HANG_TIMEOUT)
            supervisor.silence()
            if not ended:
                end_hanging_process(None, "the frame under way does not end")
            node.destroy_node()
    return 0


def _run(node: DetectorNode, executor: SingleThreadedExecutor) -> None:
    python_log = logging.getLogger("cosme_ros")
    python_log.setLevel(logging.INFO)
    python_log.addHandler(LogBridge(node.get_logger()))
    executor.add_node(node)
    if node.get_parameter("autostart").value:
        node.start()
    executor.spin()
