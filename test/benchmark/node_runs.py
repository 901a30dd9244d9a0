# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Part d: the node end to end, from camera message to published score and mask.

In the manner of ros2_benchmark: messages are made beforehand, the highest rate that the node keeps
is searched for, and latency is measured at fixed rates. Detector, camera and listener share the
machine, as on a vehicle.
"""

import itertools
import random
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from time import perf_counter
from types import TracebackType
from typing import Any

import numpy as np
import psutil
from highest_rate import MOST_LOSS, highest_rate
from load_process import DetectorUnderLoad
from networks import Choices, open_detector
from record import Record
from spread import jitter, percentiles, spread
from tqdm import tqdm
from workloads import Workload

from cosme_ros.inference.detector import Detector
from cosme_ros.replay.subprocesses import ChildError

FIXED_RATES = (10.0, 30.0)
SHARES_OF_HIGHEST = (0.5, 0.8)
RESOLUTION = 0.03
RUNS = 3  # at each fixed rate, taking turns
DETECTOR = "Detector"
PUBLISHED = 30  # times that outputs are published without the networks


def why_not() -> str | None:
    """Why the node cannot be run here; None where it can."""
    if find_spec("rclpy") is None:
        return "there is no ROS here (rclpy cannot be imported)"
    return None


def measure_node(
    workload: Workload, choices: Choices, record: Record, *, seconds: float, fewest_frames: int
) -> None:
    """Highest rate, and latency at fixed rates; put under node.

    Each run lasts `seconds` at least, and has `fewest_frames` at least. A run of fewer than 100
    frames keeps a rate only if not one is lost. Between the runs at fixed rates there are some of
    `Detector` without a node, one frame after the other: how steady this machine is by itself.
    """
    detector, seconds_a_frame = _detector_and_time(workload, choices)
    provider = detector.provider
    record.put("node", "of", value=f"{workload.name}, {provider}")
    record.put("node", "most_loss", value=MOST_LOSS)
    with DetectorUnderLoad(_parameters(workload, choices, provider), _images(workload)) as load:
        record.put("node", "seconds_to_first_answer", value=load.seconds_to_first_answer)
        published = load.ask("publish", times=PUBLISHED)
        for stage in ("fill", "publish"):
            milliseconds = spread([1000 * value for value in published[stage]])
            record.put("node", "outputs_ms", stage, value=milliseconds)

        def play(rate: float) -> dict[str, Any]:
            frames = max(fewest_frames, round(rate * seconds))
            return load.ask("play", frames=frames, rate=rate)

        trail: list[dict[str, float]] = []
        with tqdm(desc="highest rate of the node", unit="run") as bar:

            def loss_at(rate: float) -> float:
                bar.set_postfix_str(f"{rate:.2f} Hz")
                run = play(rate)
                lost = 1 - run["answered"] / run["sent"]
                trail.append({"rate_hz": rate, "loss": lost, "sent": run["sent"]})
                record.put("node", "search", value=trail)
                bar.update()
                return lost

            highest = highest_rate(loss_at, 1 / seconds_a_frame, resolution=RESOLUTION)
        record.put("node", "highest_rate_hz", value=highest)
        rates = {f"{rate:g} Hz": (rate, None) for rate in FIXED_RATES}
        if highest is not None:
            rates |= {
                f"{share:.0%} of the highest": (share * highest, share)
                for share in SHARES_OF_HIGHEST
            }
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in rates}
        bare: list[dict[str, float]] = []
        for name in tqdm(_turns([*rates, DETECTOR]), "node at fixed rates", unit="run"):
            if name == DETECTOR:
                frames = max(fewest_frames, round(seconds / seconds_a_frame))
                bare.append(percentiles(_milliseconds(detector, workload, frames)))
                record.put("node", "detector_ms", value={"runs": bare, **_medians(bare)})
                continue
            rate, share = rates[name]
            with _Usage(load.pid) as usage:
                run = play(rate)
            runs[name].append({**_described(run), **usage.measured()})
            known = {"rate_hz": rate, "share_of_highest": share, "runs": runs[name]}
            record.put("node", "rates", name, value={**known, **together(runs[name])})


def measure_overhead(workload: Workload, choices: Choices, record: Record) -> None:
    """The node beside `Detector` in a process of its own, a frame each in turn; put under
    node/overhead."""
    provider = open_detector(workload, choices).provider
    times: dict[str, list[float]] = {"detector": [], "node": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        np.save(folder / "images.npy", _images(workload))
        process = stack.enter_context(
            subprocess.Popen(
                [
                    sys.executable,
                    str(Path(__file__).with_name("detector_process.py")),
                    str(workload.bundle.path),
                    provider,
                    str(choices.threads),
                    str(workload.false_positive_rate),
                    str(folder / "images.npy"),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        stack.callback(process.terminate)
        parameters = _parameters(workload, choices, provider)
        load = stack.enter_context(DetectorUnderLoad(parameters, _images(workload)))
        load.ask("ask", frames=1)  # else it is still at what was sent while it started

        def seconds_of_detector() -> float:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("next\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise ChildError("the process with the Detector ended; its words are above")
            return float(line)

        def seconds_of_node() -> float:
            (latency,) = load.ask("ask", frames=1)["latencies"]
            return float(latency)

        measures = [("detector", seconds_of_detector), ("node", seconds_of_node)]
        shuffle = random.Random(0).shuffle
        for _ in tqdm(range(choices.rounds), f"node and Detector, {workload.name}", unit="round"):
            shuffle(measures)
            for name, measure in measures:
                times[name].append(1000 * measure())
            value = {
                "of": f"{workload.name}, {provider}",
                "milliseconds": {name: spread(values) for name, values in times.items()},
            }
            record.put("node", "overhead", value=value)


def together(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Runs at one rate as one: frames added up, of everything else the median of the runs.

    What a run could not tell (None) is left to the others.
    """
    sent, answered = (sum(run[key] for run in runs) for key in ("sent", "answered"))
    found: dict[str, Any] = {"sent": sent, "answered": answered, "loss": 1 - answered / sent}
    for key in ("jitter_ms", "processor_cores", "memory_mb"):
        values = [run[key] for run in runs if run[key] is not None]
        found[key] = median(values) if values else None
    for key in ("latency_ms", "sent_late_ms", "age_at_start_ms", "arrival_gap_ms"):
        told = [run[key] for run in runs if run[key]]
        found[key] = _medians(told) if told else None
    found["starts_within_a_period"] = all(run["starts_within_a_period"] for run in runs)
    return found


def _medians(percentiles: Sequence[dict[str, float]]) -> dict[str, float]:
    return {p: median(one[p] for one in percentiles) for p in percentiles[0]}


def _turns(names: Iterable[str]) -> list[str]:
    """RUNS of each, in an order that is shuffled from turn to turn."""
    generator, order = random.Random(0), list(names)
    return [name for _ in range(RUNS) for name in generator.sample(order, len(order))]


class _Usage:
    """Processor time and memory of a process while the block runs."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._over = Event()
        self._watch = Thread(target=self._look)
        self._peak = 0

    def __enter__(self) -> "_Usage":
        self._began, self._used = perf_counter(), self._processor_seconds()
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._watch.join()
        self._share = (self._processor_seconds() - self._used) / (perf_counter() - self._began)

    def measured(self) -> dict[str, float]:
        """`processor_cores`: how many it kept busy on average; `memory_mb`: resident, at most."""
        return {"processor_cores": self._share, "memory_mb": self._peak / 1e6}

    def _processor_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _look(self) -> None:
        while not self._over.is_set():
            self._peak = max(self._peak, self._process.memory_info().rss)
            self._over.wait(0.1)


def _described(run: dict[str, Any]) -> dict[str, Any]:
    latencies = [1000 * value for value in run["latencies"]]
    age, gap = run["age_at_start_ms"], run["arrival_gap_ms"]
    return {
        "sent": run["sent"],
        "answered": run["answered"],
        "loss": 1 - run["answered"] / run["sent"],
        "latency_ms": percentiles(latencies) if latencies else None,
        "jitter_ms": jitter([1000 * value for value in run["arrivals"]]),
        "sent_late_ms": percentiles([1000 * value for value in run["sent_late"]]),
        "age_at_start_ms": age,
        "arrival_gap_ms": gap,
        "starts_within_a_period": bool(age and gap and age["p99"] < gap["p99"]),
    }


def _detector_and_time(workload: Workload, choices: Choices) -> tuple[Detector, float]:
    """The detector, and its seconds a frame without ROS."""
    detector = open_detector(workload, choices)
    _milliseconds(detector, workload, 1)  # the first run of a size is slow
    return detector, _milliseconds(detector, workload, 1)[0] / 1000


def _milliseconds(detector: Detector, workload: Workload, frames: int) -> list[float]:
    """Of each of so many frames, without ROS."""
    taken = []
    for image in itertools.islice(itertools.cycle(workload.images), frames):
        began = perf_counter()
        _ = detector.detect(image).score
        taken.append(1000 * (perf_counter() - began))
    return taken


def _parameters(workload: Workload, choices: Choices, provider: str) -> dict[str, Any]:
    return {
        "bundle": str(workload.bundle.path.resolve()),
        "provider": provider,
        "threads": choices.threads,
        "false_positive_rate": workload.false_positive_rate,
    }


def _images(workload: Workload) -> np.ndarray:
    return np.stack(workload.images)
