# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""What there is to learn of a GPU, the most important first, in as many minutes as there are.

    PYTHONPATH=. python test/benchmark/gpu_bundles.py --out /tmp/bundles
    PYTHONPATH=. python test/benchmark/gpu.py --bundles /tmp/bundles --minutes 8 --out gpu_output

OUT/gpu.json is rewritten after every step, and a step that fails leaves its reason there. With
`--provider cpu` all of it runs without a GPU, which shows that the script works.
"""

import argparse
import itertools
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from bare_sessions import BareSessions
from copy_rate import copy_rates
from device import torch_device
from gpu_bundles import is_ready, load_workload
from gpu_faults import measure_faults
from gpu_kernels import kernel_times
from matrix_rate import matrix_rates
from record import Record
from rounds import time_side_by_side
from torch_cosme import TorchCosme, TorchTeacher, on_host
from workloads import Workload, write_converted

from cosme_ros import topics
from cosme_ros.bags.reading import read_frames
from cosme_ros.bundle.loading import GRAPHS, Bundle, load_bundle
from cosme_ros.evaluation.evaluator import Evaluator
from cosme_ros.evaluation.settings import EvaluationSettings
from cosme_ros.inference.detector import Detector
from cosme_ros.inference.runtime_options import parse_runtime_options
from cosme_ros.reporting.environment import describe_environment
from training.export.float16 import halve

EXACT = "use_tf32=0"
PLAIN = "prefer_nhwc=0,fuse_conv_bias=0"
CHANNELS_LAST = "prefer_nhwc=1,fuse_conv_bias=0"
FUSED = "prefer_nhwc=1,fuse_conv_bias=1"
RECORDED = f"{FUSED},enable_cuda_graph=1"
VARIANTS = (PLAIN, CHANNELS_LAST, "prefer_nhwc=0,fuse_conv_bias=1", FUSED, RECORDED)
BARE = (PLAIN, FUSED)
_DEMO_RATE = 0.001


@dataclass(frozen=True)
class _Options:
    provider: str
    device: str
    bundles: Path
    bundle: Path
    bag: Path
    out: Path
    rounds: int
    frames: int


class Steps:
    """What is measured, a method each; `record` gets what they find."""

    def __init__(self, options: _Options, record: Record) -> None:
        self._options = options
        self._record = record
        self._workloads: dict[str, Workload] = {}

    def assignment(self) -> None:
        """Which provider runs each node of the demo's graphs, in both precisions."""
        for title, bundle in self._demo_bundles().items():
            for graph in GRAPHS:
                counts = assigned_nodes(bundle.graph_path(graph), self._options.provider)
                self._record.put("assignment", title, graph, value=counts)

    def scores(self) -> None:
        """How far the demo's scores are from those of the CPU in single precision."""
        frames = [frame.image for frame in read_frames(self._options.bag, topics.CAMERA_IMAGE)]
        frames = frames[:: max(1, len(frames) // self._options.frames)]
        demo = self._demo_bundles()
        reference = Detector(demo["float32"], provider="cpu", false_positive_rate=_DEMO_RATE)
        wanted = [reference.detect(image).score_grid for image in frames]
        for title, options in (("float32", EXACT), ("float32", ""), ("float16", "")):
            found = self._detector(demo[title], options if self._on_gpu else "", _DEMO_RATE)
            grids = [found.detect(image).score_grid for image in frames]
            again = [found.detect(image).score_grid for image in frames]
            differences = [np.abs(a - b) for a, b in zip(grids, wanted, strict=True)]
            lines = [np.mean((a >= 1) != (b >= 1)) for a, b in zip(grids, wanted, strict=True)]
            self._record.put(
                "scores",
                f"{title}, {options or 'as it comes'}",
                value={
                    "frames": len(frames),
                    "largest": float(np.max(differences)),
                    "mean": float(np.mean(differences)),
                    "largest_score": float(np.max(wanted)),
                    "other_side_of_the_line": float(np.mean(lines)),
                    "same_bits_again": all(map(np.array_equal, grids, again)),
                },
            )

    def sizes(self) -> None:
        """Frames of other sizes, which take memory and return it, and other banks."""
        detector = self._detector(self._demo_bundles()["float32"], "", _DEMO_RATE)
        random = np.random.default_rng(0)
        for height, width in ((360, 640), (720, 1280), (2160, 3840), (360, 640), (1080, 1920)):
            image = random.integers(0, 256, (height, width, 3), np.uint8)
            finite = bool(np.isfinite(detector.detect(image).score).all())
            self._record.put("sizes", f"{height}x{width}", value={"finite": finite})
        image = random.integers(0, 256, (360, 640, 3), np.uint8)
        before = detector.detect(image).raw_score_grid
        banks = dict(detector.bundle.banks)
        detector.set_banks({name: bank[: len(bank) // 2] for name, bank in banks.items()})
        changed = detector.detect(image).raw_score_grid
        detector.set_banks(banks)
        back = detector.detect(image).raw_score_grid
        self._record.put(
            "sizes",
            "banks",
            value={
                "halved_banks_change_it": not np.array_equal(before, changed),
                "same_bits_with_the_old_ones": bool(np.array_equal(before, back)),
            },
        )

    def limits(self) -> None:
        """Matrix rate and copy rate."""
        rates = matrix_rates(self._options.device, self._options.provider, quick=not self._on_gpu)
        self._record.put("limits", "matrix_rates", value=rates)
        copies = copy_rates(self._options.device, quick=not self._on_gpu)
        self._record.put("limits", "copy_gb_per_s", value=copies)

    def average_precision(self) -> None:
        """AP on the demo bag in both precisions."""
        for title, bundle in self._demo_bundles().items():
            settings = EvaluationSettings(provider=self._options.provider, pictures=0)
            result = Evaluator(bundle.path, settings, jobs=1).evaluate([self._options.bag])
            pixels = result.total.pixels
            self._record.put(
                "average_precision",
                title,
                value={
                    "ap": pixels.average_precision,
                    "auroc": pixels.auroc,
                    "fpr95": pixels.fpr95,
                },
            )

    def networks(self, name: str) -> None:
        """Sessions and `Detector` in half precision, with ONNX Runtime's options, side by side."""
        workload = self._workload(name)
        images = itertools.cycle(workload.images)
        calls: dict[str, Callable[[], object]] = {}
        for text in VARIANTS if self._on_gpu else ("",):
            title = text or "as it comes"
            try:
                self._add(calls, workload, text, title, images)
            except Exception as error:  # one that does not open must not stop the others
                self._record.put("networks", name, "failed", title, value=str(error)[:300])
        single = self._detector(workload.single, "", workload.false_positive_rate)
        calls["Detector, float32"] = lambda: single.detect(next(images)).score
        self._record.put("networks", name, "multiply_adds", value=dict(workload.multiply_adds))

        def put(result: Any) -> None:
            self._record.put("networks", name, "milliseconds", value=result.milliseconds())

        put(time_side_by_side(calls, rounds=self._options.rounds, label=name, longest=60, said=put))

    def _add(
        self, calls: dict[str, Any], workload: Workload, text: str, title: str, images: Any
    ) -> None:
        detector = self._detector(workload.bundle, text, workload.false_positive_rate)
        calls[f"Detector, {title}"] = lambda: detector.detect(next(images)).score
        calls[f"Detector, network grid, {title}"] = lambda: (
            detector.detect(next(images)).raw_score_grid
        )
        if self._on_gpu and text not in BARE:
            return
        bare = BareSessions(workload.bundle, self._options.provider, 0, parse_runtime_options(text))
        inputs = bare.inputs_of(workload.images[0])
        for graph in GRAPHS:
            calls[f"session {graph}, {title}"] = (
                lambda session=bare.by_graph[graph], given=inputs[graph]: session.run(given)
            )
        calls[f"3 sessions in a row, {title}"] = lambda: [
            bare.by_graph[graph].run(inputs[graph]) for graph in GRAPHS
        ]

    def kernels(self, name: str) -> None:
        """Which kernels the time of the half networks goes to."""
        workload = self._workload(name)
        for text in BARE if self._on_gpu else ("",):
            bare = BareSessions(
                workload.bundle, self._options.provider, 0, parse_runtime_options(text)
            )
            inputs = bare.inputs_of(workload.images[0])
            for graph in GRAPHS:
                found = kernel_times(
                    lambda bare=bare, graph=graph, inputs=inputs: bare.by_graph[graph].run(
                        inputs[graph]
                    )
                )
                self._record.put("kernels", name, text, graph, value=found)

    def errors(self, name: str) -> None:
        """Scores of the random networks against the CPU in single precision."""
        workload = self._workload(name)
        image = workload.images[0]
        exact = self._detector(workload.single, "", workload.false_positive_rate, provider="cpu")
        wanted = exact.detect(image).raw_score_grid
        for title, bundle, text in (
            ("float32, use_tf32=0", workload.single, EXACT),
            ("float32", workload.single, ""),
            (f"float16, {PLAIN}", workload.bundle, PLAIN),
            (f"float16, {FUSED}", workload.bundle, FUSED),
            (f"float16, {RECORDED}", workload.bundle, RECORDED),
        ):
            detector = self._detector(
                bundle, text if self._on_gpu else "", workload.false_positive_rate
            )
            for _ in range(4):  # a recorded graph is replayed from the third on
                got = detector.detect(image).raw_score_grid
            difference = np.abs(got - wanted) / wanted.max()
            value = {"mean": float(difference.mean()), "largest": float(difference.max())}
            self._record.put("errors", name, title, value=value)

    def overlap(self, name: str) -> None:
        """Teacher and student at the same time, and a frame's outputs beside the next frame."""
        workload = self._workload(name)
        bare = BareSessions(
            workload.bundle,
            self._options.provider,
            0,
            parse_runtime_options(FUSED if self._on_gpu else ""),
        )
        inputs = bare.inputs_of(workload.images[0])
        beside = ThreadPoolExecutor(1)
        teacher, student = bare.by_graph["teacher"], bare.by_graph["student"]

        def in_turn() -> None:
            teacher.run(inputs["teacher"])
            student.run(inputs["student"])

        def at_once() -> None:
            other = beside.submit(student.run, inputs["student"])
            teacher.run(inputs["teacher"])
            other.result()

        result = time_side_by_side(
            {"one after the other": in_turn, "at once": at_once},
            rounds=3 * self._options.rounds,
            label="overlap",
        )
        self._record.put("overlap", name, value=result.milliseconds())

    def faults(self) -> None:
        """Out of memory, a lost device, a second process on the card."""
        measure_faults(self._options.bundle, self._options.provider, self._record)

    def pytorch(self, name: str) -> None:
        """PyTorch, eager and compiled, in half precision; the teacher alone."""
        workload = self._workload(name)
        device = self._options.device
        images = itertools.cycle(workload.images)
        kind = torch.float16 if device == "cuda" else torch.bfloat16
        cosme = TorchCosme(workload.method, kind).to(device).to(memory_format=torch.channels_last)
        single = TorchCosme(workload.method).to(device)
        modules = {
            "float16 eager": cosme,
            "float16 eager, teacher alone": TorchTeacher(cosme),
            "float32 eager": single,
        }
        if self._on_gpu:
            modules["float16 compiled"] = torch.compile(cosme, dynamic=False)
        calls: dict[str, Callable[[], object]] = {
            title: lambda module=module: on_host(module, next(images), device)
            for title, module in modules.items()
        }
        result = time_side_by_side(calls, rounds=self._options.rounds, label=f"PyTorch {name}")
        self._record.put("pytorch", name, value=result.milliseconds())

    @property
    def _on_gpu(self) -> bool:
        return self._options.provider != "cpu"

    def _detector(
        self, bundle: Bundle, text: str, rate: float, provider: str | None = None
    ) -> Detector:
        return Detector(
            bundle,
            provider=provider or self._options.provider,
            false_positive_rate=rate,
            runtime_options=parse_runtime_options(text),
        )

    def _demo_bundles(self) -> dict[str, Bundle]:
        half = self._options.out / "demo_half"
        if not (half / "manifest.json").is_file():
            write_converted(self._options.bundle, half, halve)
        return {"float32": load_bundle(self._options.bundle), "float16": load_bundle(half)}

    def _workload(self, name: str) -> Workload:
        if name not in self._workloads:
            folder = self._options.bundles / name
            if not is_ready(folder):
                raise FileNotFoundError(f"{folder} is not ready")
            self._workloads = {name: load_workload(folder)}  # one at a time, for their memory
        return self._workloads[name]


def assigned_nodes(graph: Path, provider: str) -> dict[str, dict[str, int]]:
    """Return the numbers of nodes by execution provider and operator."""
    import onnxruntime as ort

    names = {"cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}
    options = ort.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    session = ort.InferenceSession(
        str(graph), options, providers=names.get(provider, ["CPUExecutionProvider"])
    )
    counts: dict[str, Counter[str]] = {}
    for part in session.get_provider_graph_assignment_info():
        for node in part.get_nodes():
            counts.setdefault(part.ep_name, Counter())[node.op_type] += 1
    return {name: dict(operators) for name, operators in counts.items()}


def main() -> int:
    """Run the steps in their order until the time is over."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundles", type=Path, required=True, help="what gpu_bundles.py made")
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"))
    parser.add_argument("--bag", type=Path, default=Path("demo/bag"))
    parser.add_argument("--provider", default="cuda")
    parser.add_argument("--torch-device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--minutes", type=float, default=8.0, help="no step begins after them")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--frames", type=int, default=40, help="of the bag, for the scores")
    parser.add_argument(
        "--image-sizes",
        nargs="+",
        default=["1024x2048", "512x1024"],
        metavar="HxW",
        help="of the bundles, which may still be made while others are measured; the first one is "
        "looked at most closely",
    )
    parser.add_argument("--steps", nargs="+", help="as they are printed; all of them by default")
    parser.add_argument("--out", type=Path, default=Path("bench_output_gpu"))
    given = parser.parse_args()
    record = Record(given.out / "gpu.json")
    options = _Options(
        given.provider,
        torch_device(given.torch_device),
        given.bundles,
        given.bundle,
        given.bag,
        given.out,
        given.rounds,
        given.frames,
    )
    record.put("machine", value=describe_environment() | _facts())
    steps = Steps(options, record)
    began = perf_counter()
    status = 0
    for title, call in _plan(steps, given.image_sizes).items():
        if given.steps and title not in given.steps:
            continue
        minutes = (perf_counter() - began) / 60
        if minutes > given.minutes:
            record.put("left_out", title, value=f"{given.minutes:g} minutes were over")
            continue
        print(f"== {title} (after {minutes:.1f} min)", flush=True)
        start = perf_counter()
        try:
            call()
        except KeyboardInterrupt:
            print("stopped; what was measured is kept", file=sys.stderr)
            return 130
        except Exception as error:  # the other steps are still to be measured
            traceback.print_exc()
            record.put("failed", title, value=f"{type(error).__name__}: {error}"[:2000])
            status = 1
        record.put("seconds", title, value=perf_counter() - start)
    print(record.path)
    return status


def _plan(steps: Steps, sizes: Sequence[str]) -> dict[str, Callable[[], None]]:
    plan: dict[str, Callable[[], None]] = {
        "assignment": steps.assignment,
        "scores": steps.scores,
        "sizes": steps.sizes,
        "limits": steps.limits,
    }
    names = [f"{method}_{size}" for size in sizes for method in ("paper", "default")]
    for name in names[:2]:
        plan[f"networks {name}"] = lambda name=name: steps.networks(name)
        plan[f"kernels {name}"] = lambda name=name: steps.kernels(name)
        plan[f"overlap {name}"] = lambda name=name: steps.overlap(name)
        plan[f"errors {name}"] = lambda name=name: steps.errors(name)
    plan["average precision"] = steps.average_precision
    plan["faults"] = steps.faults
    for name in names[2:]:
        plan[f"networks {name}"] = lambda name=name: steps.networks(name)
        plan[f"errors {name}"] = lambda name=name: steps.errors(name)
    for name in names[:2]:
        plan[f"pytorch {name}"] = lambda name=name: steps.pytorch(name)
    return plan


def _facts() -> dict[str, Any]:
    facts: dict[str, Any] = {"torch": torch.__version__}
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        facts |= {
            "gpu": properties.name,
            "memory_gib": properties.total_memory / 2**30,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return facts


if __name__ == "__main__":
    sys.exit(main())
