# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Part e: what more prototypes, more pixels and more cameras cost."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from bare_sessions import BareSessions
from networks import Choices, open_detector
from record import Record
from rounds import time_side_by_side
from tqdm import tqdm
from workloads import Workload

from cosme_ros.bundle.loading import GRAPHS

PROTOTYPES = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384)
CAMERAS = (1, 2, 4)
REPOSITORY = Path(__file__).parents[2]


def measure_prototypes(workload: Workload, choices: Choices, record: Record) -> None:
    """Time the memory graph with banks of K rows beside the teacher; put under growth/prototypes.

    Beside the time it says how far the peak of a process's memory grows in the graph's first run,
    and how much of that a whole matrix of positions x K would be.
    """
    provider = open_detector(workload, choices).provider
    bare = BareSessions(workload.bundle, provider, choices.threads)
    inputs = bare.inputs_of(workload.images[0])
    teacher, memory = bare.by_graph["teacher"], bare.by_graph["memory"]
    tensors = {K: _with_banks(workload, K) for K in PROTOTYPES}
    placed = {
        K: {**inputs["memory"], **{name: memory.place(bank) for name, bank in banks.items()}}
        for K, banks in tensors.items()
    }
    calls: dict[str, Callable[[], object]] = {"teacher": lambda: teacher.run(inputs["teacher"])}
    for count, given in placed.items():
        calls[f"K {count}"] = lambda given=given: memory.run(given)
    place = ("growth", "prototypes")
    record.put(*place, "of", value=f"{workload.name}, {provider}")
    result = time_side_by_side(
        calls,
        rounds=choices.rounds,
        label="cost against K",
        longest=choices.longest,
        said=lambda so_far: record.put(*place, "milliseconds", value=so_far.milliseconds()),
    )
    record.put(*place, "milliseconds", value=result.milliseconds())
    host = {name: memory.fetch(inputs["memory"][name]) for name in memory.inputs}
    peaks = {}
    for count in tqdm(PROTOTYPES, "memory against K", unit="K"):
        peaks[f"K {count}"] = {
            "peak_growth_mb": _peak_growth(workload, {**host, **tensors[count]}, choices) / 1e6,
            "positions_times_k_mb": 4 * _positions(workload) * count / 1e6,
        }
        record.put(*place, "process_memory", value=peaks)


def measure_resolutions(workloads: Iterable[Workload], choices: Choices, record: Record) -> None:
    """Time `Detector` at several sizes, each beside nothing; put under growth/resolution."""
    detectors = {}
    for workload in workloads:
        detector = open_detector(workload, choices)
        detectors[workload.name] = lambda d=detector, w=workload: d.detect(w.images[0]).score
        record.put(
            "growth",
            "resolution",
            workload.name,
            value={
                "pixels": int(np.prod(workload.bundle.input_size)),
                "multiply_adds": workload.multiply_adds["all"],
            },
        )
    result = time_side_by_side(
        detectors, rounds=choices.rounds, label="cost against resolution", longest=choices.longest
    )
    for name, milliseconds in result.milliseconds().items():
        record.put("growth", "resolution", name, "milliseconds", value=milliseconds)


def measure_cameras(workload: Workload, choices: Choices, record: Record) -> None:
    """Time one frame of each of n cameras; put under growth/cameras.

    `in turn` passes them through one `Detector`, `at once` through n of them in n threads, as n
    nodes on one machine would.
    """
    detectors = [open_detector(workload, choices) for _ in range(max(CAMERAS))]
    image = workload.images[0]
    calls: dict[str, Callable[[], object]] = {}
    with ThreadPoolExecutor(max(CAMERAS)) as threads:

        def at_once(count: int) -> None:
            jobs = [threads.submit(lambda d=d: d.detect(image).score) for d in detectors[:count]]
            for job in jobs:
                job.result()

        def in_turn(count: int) -> None:
            for _ in range(count):
                _ = detectors[0].detect(image).score

        for count in CAMERAS:
            calls[f"{count} in turn"] = lambda count=count: in_turn(count)
            calls[f"{count} at once"] = lambda count=count: at_once(count)
        result = time_side_by_side(
            calls, rounds=choices.rounds, label="cost against cameras", longest=choices.longest
        )
    value = {"of": workload.name, "milliseconds": result.milliseconds()}
    record.put("growth", "cameras", value=value)


def _with_banks(workload: Workload, count: int) -> dict[str, np.ndarray]:
    """Banks of `count` random rows of length 1: time does not depend on what they remember."""
    random = np.random.default_rng(count)
    banks = {}
    for name, bank in workload.bundle.banks.items():
        rows = random.standard_normal((count, bank.shape[1]), np.float32)
        banks[name] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return banks


def _positions(workload: Workload) -> int:
    """Of the layer whose grid is largest among those the memory compares."""
    outputs = workload.bundle.manifest["graphs"]["teacher"]["outputs"]
    grids = [outputs[layer]["shape"][2:] for layer in workload.bundle.manifest["method"]["layers"]]
    areas = [height * width for height, width in grids]
    pooled = workload.bundle.manifest["method"].get("pooled", False)
    return min(areas) if pooled else max(areas)


def _peak_growth(workload: Workload, tensors: dict[str, Any], choices: Choices) -> int:
    """Bytes; on the CPU provider, whatever runs the rest: it is the graph that is asked about."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tensors.npz"
        np.savez(file, **tensors)
        answer = subprocess.run(
            [
                sys.executable,
                str(Path(__file__).with_name("memory_process.py")),
                str(workload.bundle.graph_path(GRAPHS[2])),
                str(file),
                "cpu",
                str(choices.threads),
            ],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            check=True,
            capture_output=True,
            text=True,
        )
    return int(answer.stdout.split()[-1])
