# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Transitions over and over, ends at random moments, and hours of ordinary work."""

from __future__ import annotations

import signal
import time

import numpy as np
import psutil
from helpers.detector_process import Camera, DetectorProcess
from helpers.tiny_bundle import street_frame, write_tiny_bundle

from attack.context import Context, Result
from attack.running import running
from cosme_ros import topics

STREET = street_frame(90, 160, box=(70, 60, 20, 15))
FRAME_EVERY = 10  # loops
FRAMES_A_SECOND = 20
SLOPE_LIMIT = 1.0  # megabytes an hour
SETTLING_SECONDS = 600.0
LATEST_SIGNAL = 3.0  # seconds after the start


def lifecycle_loops(context: Context) -> Result:
    """Configure, activate, deactivate and clean up until the time is over."""
    result = Result()
    bundle = write_tiny_bundle(context.folder / "bundle")
    with running(context, bundle=bundle) as (detector, camera):
        camera.listen("score")
        camera.ask(lambda: camera.image(STREET), "score")
        process = psutil.Process(detector.process.pid)
        before, loops = 0.0, 0
        over = context.deadline()
        while not over():
            for transition in ("deactivate", "cleanup", "configure", "activate"):
                result.check(camera.transition(transition), f"{transition} was refused")
            loops += 1
            if loops % FRAME_EVERY == 0:
                camera.ask(lambda: camera.image(STREET), "score")
            if loops == FRAME_EVERY:
                before = process.memory_info().rss / 1e6
        after = process.memory_info().rss / 1e6
        result.figures |= {"loops": loops, "threads": process.num_threads()}
        result.figures |= {"memory before (MB)": round(before), "memory after (MB)": round(after)}
        result.check(not before or after <= 1.1 * before, "memory grew by more than a tenth")
    return result


def signals(context: Context) -> Result:
    """End the node at random moments of its start and work."""
    random, result = context.random(), Result()
    bundle = write_tiny_bundle(context.folder / "bundle")
    over, ends, slowest = context.deadline(), 0, 0.0
    while not over():
        detector = DetectorProcess(context.folder, context.domain, bundle=bundle)
        delay = float(random.uniform(0, LATEST_SIGNAL))
        time.sleep(delay)
        number = signal.SIGINT if random.random() < 0.5 else signal.SIGTERM
        began = time.monotonic()
        status = detector.stop(number)
        slowest = max(slowest, time.monotonic() - began)
        ends += 1
        how = f"{number.name} {delay:.2f} s after the start"
        # A Python that has not yet reached our code ends by the signal itself.
        result.check(status in (0, -number, 128 + number), f"{how}: exit status {status}")
        result.check("Traceback" not in detector.log, f"{how}: a traceback")
    result.figures |= {"ends": ends, "slowest end (s)": round(slowest, 2)}
    return result


def _processed(camera: Camera) -> int:
    camera.spin_for(1.0)  # what is on its way
    camera.next_status()
    return camera.count(topics.FRAMES_PROCESSED)


def soak(context: Context) -> Result:
    """Send ordinary frames, and measure what memory does."""
    result = Result()
    bundle = write_tiny_bundle(context.folder / "bundle")
    with running(context, bundle=bundle) as (detector, camera):
        camera.listen("score")
        camera.listen("mask", "overlay", reliable=False)
        camera.ask(lambda: camera.image(STREET), "score")
        processed_before = _processed(camera)
        camera.order["score"].clear()
        process = psutil.Process(detector.process.pid)
        began, samples, sent, answered = time.monotonic(), [], 0, 0
        over = context.deadline()
        while not over():
            camera.send(camera.image(STREET))
            sent += 1
            camera.spin_for(1 / FRAMES_A_SECOND)
            answered += len(camera.order["score"])
            for output in camera.answers:
                camera.answers[output].clear()
                camera.order[output].clear()
            if sent % FRAMES_A_SECOND == 0:
                memory = process.memory_full_info()
                # A busy system drops what is mapped from files, and swaps the rest.
                own = memory.rss - memory.shared + memory.swap
                samples.append((time.monotonic() - began, own / 1e6))
        processed = _processed(camera) - processed_before
        answered += len(camera.order["score"])
        seconds, megabytes = np.array(samples).T
        settled = seconds >= min(SETTLING_SECONDS, seconds[-1] / 2)
        slope = float(np.polyfit(seconds[settled], megabytes[settled], 1)[0]) * 3600
        result.figures |= {"frames": sent, "answered": answered}
        result.figures |= {"memory (MB)": round(megabytes[-1]), "slope (MB/h)": round(slope, 2)}
        # On a busy machine frames get lost on the way, or are dropped: the node counts those.
        result.check(answered >= sent / 10, f"{sent - answered} of {sent} frames have no answer")
        # An answer to a frame of the start may be late; none may be missing.
        result.check(answered >= processed, f"{processed} frames were processed")
        result.check(camera.count(topics.FRAMES_FAILED) == 0, "frames failed")
        if seconds[-1] >= 1.5 * SETTLING_SECONDS:  # a shorter slope is noise
            result.check(slope < SLOPE_LIMIT, f"memory grows by {slope:.1f} MB an hour")
    return result
