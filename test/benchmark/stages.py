# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Part c: where the time of one frame goes, stage by stage."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from bare_sessions import BareSessions
from networks import Choices, open_detector
from record import Record
from rounds import time_side_by_side
from workloads import Workload

from cosme_ros.inference.detector import Detection
from cosme_ros.messages.images import decode_compressed, decode_image, fill_image
from cosme_ros.parameters import SMALLEST_AREA
from cosme_ros.postprocessing.obstacles import find_obstacles

ROUNDS_OF_SMALL = 5
"""Times as many rounds as the networks get: stages around them are short, and jitter more."""

ORDER = (
    "decode, bgr8",
    "decode, JPEG",
    "copy in",
    "teacher",
    "student",
    "memory",
    "copy out",
    "upsample the score",
    "obstacles",
    "fill messages",
    "Detector",
)
"""As a frame meets them, one of the two decoders only; what `Detector` is of them comes last."""

_JPEG_QUALITY = 90


def measure_stages(workload: Workload, choices: Choices, record: Record) -> None:
    """Time each stage alone and all of them in `Detector`; put under stages/<workload's name>.

    The stages of one frame, in their order; graphs run in bare sessions of the provider that
    `Detector` takes. What ROS adds is measured with the node, in part d.
    """
    detector = open_detector(workload, choices)
    bare = BareSessions(workload.bundle, detector.provider, choices.threads)
    image = workload.images[0]
    height, width = image.shape[:2]
    inputs = bare.inputs_of(image)
    teacher, student, memory = (bare.by_graph[graph] for graph in ("teacher", "student", "memory"))
    features = teacher.run(inputs["teacher"])
    scores = memory.run(inputs["memory"])
    maps = {name: memory.fetch(value) for name, value in scores.items()}
    maps["class_id"] = teacher.fetch(features["class_id"])

    def detection() -> Detection:
        return Detection(maps, threshold=detector.threshold, height=height, width=width)

    score = detection().score
    mask, _ = find_obstacles(score, region=None, minimum_area=SMALLEST_AREA)
    header = SimpleNamespace()
    raw, jpeg = SimpleNamespace(), SimpleNamespace(format="jpeg")
    fill_image(raw, image, "bgr8", header)
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    jpeg.data = coded.tobytes()

    def messages() -> None:
        fill_image(SimpleNamespace(), score, "32FC1", header)
        fill_image(SimpleNamespace(), mask, "mono8", header)

    small: dict[str, Callable[[], Any]] = {
        "decode, bgr8": lambda: decode_image(raw),
        "decode, JPEG": lambda: decode_compressed(jpeg),
        "copy in": lambda: teacher.place(image[None]),
        "copy out": lambda: [memory.fetch(value) for value in scores.values()],
        "upsample the score": lambda: detection().score,
        "obstacles": lambda: find_obstacles(score, region=None, minimum_area=SMALLEST_AREA),
        "fill messages": messages,
    }
    large: dict[str, Callable[[], Any]] = {
        "teacher": lambda: teacher.run(inputs["teacher"]),
        "student": lambda: student.run(inputs["student"]),
        "memory": lambda: memory.run(inputs["memory"]),
        "Detector": lambda: detector.detect(image).score,
    }
    place = ("stages", workload.name)
    record.put(*place, "provider", value=detector.provider)
    record.put(*place, "alarmed_share", value=float(np.mean(mask > 0)))
    times: dict[str, Any] = {}
    for calls, factor, label in ((small, ROUNDS_OF_SMALL, "around"), (large, 1, "networks")):
        result = time_side_by_side(
            calls,
            rounds=factor * choices.rounds,
            label=f"stages of {workload.name}, {label}",
            longest=choices.longest,
        )
        times |= result.milliseconds()
        in_order = {name: times[name] for name in ORDER if name in times}
        record.put(*place, "milliseconds", value=in_order)
