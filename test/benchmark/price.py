# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What anomaly detection costs beside segmentation: `Detector` over the teacher's graph alone."""

from collections.abc import Callable, Sequence

from bare_sessions import BareSessions
from networks import Choices, open_detector
from ratios import TEACHER
from record import Record
from rounds import time_side_by_side
from workloads import Workload


def measure_price(workloads: Sequence[Workload], choices: Choices, record: Record) -> None:
    """Time `Detector` and the teacher's session of each workload; put under price/<name>.

    All of them run in the same rounds.
    """
    calls: dict[str, Callable[[], object]] = {}
    for workload in workloads:
        detector = open_detector(workload, choices)
        bare = BareSessions(workload.bundle, detector.provider, choices.threads)
        image = workload.images[0]
        frame = {"image": bare.by_graph["teacher"].place(image[None])}
        teacher = bare.by_graph["teacher"]
        calls[workload.name] = lambda d=detector, x=image: d.detect(x).score
        calls[f"{workload.name}, {TEACHER}"] = lambda s=teacher, x=frame: s.run(x)
        record.put("price", workload.name, "provider", value=detector.provider)
    result = time_side_by_side(calls, rounds=choices.rounds, label="price", longest=choices.longest)
    milliseconds = result.milliseconds()
    for workload in workloads:
        names = {"detector": workload.name, "teacher": f"{workload.name}, {TEACHER}"}
        timed = {key: milliseconds[name] for key, name in names.items()}
        record.put("price", workload.name, "milliseconds", value=timed)
