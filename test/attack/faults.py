# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A graph that hangs on a real frame, and clocks that stand still."""

from __future__ import annotations

import signal
import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from helpers.detector_process import Camera
from helpers.faulty_bundle import MAGIC, write_hanging_bundle
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from attack.context import Context, Result
from attack.running import running
from cosme_ros.node.supervisor import HANGING
from cosme_ros.streaming.diagnostics import PENDING_KEY

STREET = street_frame(90, 160)
POISON = np.full((90, 160, 3), MAGIC, np.uint8)
STALL_ERROR = 1.0
PERIOD = 0.2
LIMITS = {
    "stall_warning": STALL_ERROR / 2,
    "stall_error": STALL_ERROR,
    "diagnostics_period": PERIOD,
}
SLACK = 1.0  # seconds, for a machine that is busy
LONGEST_END = 5.0
CLOCKLESS_SECONDS = 3.0


def hangs(context: Context) -> Result:
    """Let a frame hang, wait for the error, and end the process by a signal."""
    random, result = context.random(), Result()
    bundle = write_hanging_bundle(context.folder / "bundle")
    over, trials, latest_error, slowest_end = context.deadline(), 0, 0.0, 0.0
    while not over() or not trials:
        with running(context, end=signal.SIGKILL, bundle=bundle, **LIMITS) as (detector, camera):
            camera.listen("score")
            camera.ask(lambda c=camera: c.image(STREET), "score")
            latest_error = max(latest_error, _seconds_until_error(camera))
            number = signal.SIGINT if random.random() < 0.5 else signal.SIGTERM
            began = time.monotonic()
            status = detector.stop(number)
            slowest_end = max(slowest_end, time.monotonic() - began)
            result.check(status == HANGING, f"a hanging node ended with {status}")
        trials += 1
    result.figures |= {"hangs": trials, "pending at the error (s)": round(latest_error, 2)}
    result.figures["slowest end (s)"] = round(slowest_end, 2)
    result.check(slowest_end <= LONGEST_END, f"a hanging node took {slowest_end:.1f} s to end")
    result.check(
        latest_error <= STALL_ERROR + PERIOD + SLACK,
        f"a hang was an error after {latest_error:.1f} s only",
    )
    return result


def clocks(context: Context) -> Result:
    """Use simulated time while nobody publishes it: diagnostics and outputs go on."""
    result = Result()
    bundle = write_tiny_bundle(context.folder / "bundle")
    with running(context, bundle=bundle, use_sim_time=True, diagnostics_period=PERIOD) as (
        _,
        camera,
    ):
        camera.listen("score")
        camera.ask(lambda: camera.image(STREET), "score")
        came, end = 0, time.monotonic() + CLOCKLESS_SECONDS
        while time.monotonic() < end:
            camera.status = None
            camera.spin_for(PERIOD)
            came += camera.status is not None
        result.figures |= {"diagnostics": came, "in (s)": CLOCKLESS_SECONDS}
        result.check(came >= CLOCKLESS_SECONDS / PERIOD / 2, f"{came} diagnostics without /clock")
    return result


def _seconds_until_error(camera: Camera) -> float:
    """Send frames that hang; return for how long they are pending at the first error."""

    def in_error() -> bool:
        if camera.status is not None and camera.status.level == DiagnosticStatus.ERROR:
            return True
        camera.send(camera.image(POISON))
        return False

    camera.spin_until(in_error, "an error of a node that hangs")
    return float(camera.value(PENDING_KEY) or 0.0)
