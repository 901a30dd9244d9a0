# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Hostile messages over real DDS, a good frame after each: it has to be answered."""

from __future__ import annotations

import os
import time
from typing import Any

import cv2
import psutil
from helpers.detector_process import Camera, key_of
from helpers.tiny_bundle import street_frame, write_tiny_bundle
from rclpy.serialization import serialize_message

from attack.context import Context, Result
from attack.hostile_messages import hostile_compressed, hostile_image, malformed_cdr
from attack.running import running
from cosme_ros import topics
from cosme_ros.node.free_memory import PERIOD
from cosme_ros.streaming.frame_statistics import WINDOW

PATIENCE = 3.0  # seconds for the answer to a good frame
WARM_UP = 2000  # frames until the libraries have what they need
WARM_UP_SECONDS = 1.5 * WINDOW  # until the statistics, of some kilobytes a frame, are full
SETTLING = 150  # ordinary frames after the attack
MEMORY_GROWTH = 1.1
PEAK_MEGABYTES = 500
MALFORMED_SHARE = 0.1
STREET = street_frame(90, 160, box=(70, 60, 20, 15))


def fuzz_raw(context: Context) -> Result:
    """Attack a node that takes sensor_msgs/Image."""
    return _fuzz(context, "raw")


def fuzz_compressed(context: Context) -> Result:
    """Attack a node that takes sensor_msgs/CompressedImage."""
    return _fuzz(context, "compressed")


def _fuzz(context: Context, transport: str) -> Result:
    random, result = context.random(), Result()
    jpeg = cv2.imencode(".jpg", STREET)[1].tobytes()
    bundle = write_tiny_bundle(context.folder / "bundle")
    with running(context, bundle=bundle, image_transport=transport) as (detector, camera):
        camera.listen("score", reliable=False)

        def good() -> Any:
            return camera.image(STREET) if transport == "raw" else camera.jpeg(jpeg)

        def hostile() -> Any:
            message = (
                hostile_image(random, camera.header())
                if transport == "raw"
                else hostile_compressed(random, camera.header(), jpeg)
            )
            if random.random() < MALFORMED_SHARE:
                return malformed_cdr(random, serialize_message(message))
            return message

        camera.ask(good, "score")
        process = psutil.Process(detector.process.pid)
        answered = sent = lost = 0
        before = peak = 0.0
        over, began = context.deadline(), time.monotonic()
        while not over() and detector.process.poll() is None:
            if not before and sent >= WARM_UP and time.monotonic() - began >= WARM_UP_SECONDS:
                before = peak = process.memory_info().rss / 1e6
            camera.publisher.publish(hostile())
            frame = good()
            camera.publisher.publish(frame)
            sent += 1
            if _answered(camera, key_of(frame.header)):
                answered += 1
            else:
                lost += 1
            camera.answers["score"].clear()
            camera.order["score"].clear()
            if sent % 20 == 0:
                peak = max(peak, process.memory_info().rss / 1e6)
        result.figures |= {"hostile messages": sent, "good frames": sent, "answered": answered}
        result.check(detector.process.poll() is None, "the node ended")
        if detector.process.poll() is None:
            began, settled = time.monotonic(), 0
            while settled < SETTLING or (
                # The node returns memory now and then; see `free_memory`.
                before
                and process.memory_info().rss / 1e6 > MEMORY_GROWTH * before
                and time.monotonic() - began < PERIOD + 5.0
            ):
                frame = good()  # as a drive goes on after the attack
                camera.publisher.publish(frame)
                _answered(camera, key_of(frame.header))
                settled += 1
            result.figures["memory back in (s)"] = round(time.monotonic() - began, 1)
            camera.next_status()
            counts = {
                name: camera.count(key)
                for name, key in {
                    "received": topics.FRAMES_RECEIVED,
                    "processed": topics.FRAMES_PROCESSED,
                    "dropped": topics.FRAMES_DROPPED,
                    "failed": topics.FRAMES_FAILED,
                    "late": topics.FRAMES_LATE,
                    "waiting": topics.FRAMES_WAITING,
                    "under way": topics.FRAMES_UNDER_WAY,
                }.items()
            }
            result.figures |= counts
            missing = counts["received"] - sum(v for k, v in counts.items() if k != "received")
            result.check(missing == 0, f"{missing} received frames are in no other count")
            result.check(
                lost <= counts["dropped"] + counts["late"],
                f"{lost} good frames have no answer, {counts['dropped']} were dropped",
            )
            after = process.memory_info().rss / 1e6
            result.figures |= {
                "memory before (MB)": round(before),
                "memory after (MB)": round(after),
            }
            result.figures["memory peak (MB)"] = round(peak)
            if before:
                result.check(after <= MEMORY_GROWTH * before, "memory did not go back")
            result.check(peak <= PEAK_MEGABYTES, f"memory rose to {peak:.0f} MB")
        result.check("\x1b" not in detector.log, "an escape sequence reached the log")
        result.check("Traceback" not in detector.log, "a traceback is in the log")
    return result


def _answered(camera: Camera, key: tuple[int, int]) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if key in camera.answers["score"]:
            return True
        camera.spin_once()
        os.sched_yield()
    return False
