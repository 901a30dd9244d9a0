# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""How near to this machine's limit CosMe runs, measured.

One run measures everything side by side and writes OUT/bench.json and OUT/bench.md: what the device
can do at best (limits), CosMe as PyTorch, as ONNX Runtime sessions and through `Detector`
(networks), the default method and the paper's beside the teacher alone (price), where the time of a
frame goes (stages), the node from camera message to published outputs (node), and what more
prototypes, pixels and cameras cost (growth). Ctrl-C keeps what was measured.

    make bench
    PYTHONPATH=. python test/benchmark/run.py --quick
    PYTHONPATH=. python test/benchmark/run.py --only limits networks --provider cuda --full
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from copy_rate import copy_rates
from default_method import random_default
from device import HALF, name_of, torch_device
from growth import measure_cameras, measure_prototypes, measure_resolutions
from matrix_rate import best_product, matrix_rates
from networks import Choices, measure_networks, open_detector
from node_runs import measure_node, measure_overhead, why_not
from price import measure_price
from ratios import ratios
from record import Record
from report import report
from stages import measure_stages
from workloads import PaperMethod, Workload, demo_workload, export

from cosme_ros import topics
from cosme_ros.bags.reading import BagError
from cosme_ros.bundle.loading import BundleError
from cosme_ros.inference.provider_settings import PROVIDERS
from cosme_ros.inference.providers import ProviderError
from cosme_ros.inference.runtime_options import parse_runtime_options
from cosme_ros.parameters import Settings
from cosme_ros.replay.subprocesses import ChildError
from cosme_ros.reporting.environment import describe_environment
from training.errors import UsageError

PARTS = ("limits", "networks", "price", "stages", "node", "growth")
PAPER_SIZES = ((512, 1024),)
FULL_SIZES = ((512, 1024), (1024, 2048))
QUICK_SIZES = ((128, 256),)
SMALLER = 2  # the resolution that the cost against pixels begins with: sizes over this
JSON_FILE = "bench.json"
PAGE_FILE = "bench.md"
EXPECTED = (BagError, BundleError, ChildError, ProviderError, UsageError, ValueError)


class Benchmark:
    """One run: the workloads, made when first needed, and the parts that use them."""

    def __init__(self, options: argparse.Namespace, record: Record, folder: Path) -> None:
        self._options = options
        self._record = record
        self._folder = folder
        self._paper: PaperMethod | None = None
        self._workloads: dict[tuple[int, int] | None, Workload] = {}
        self._rates: list[dict[str, Any]] | None = None
        self._choices = Choices(
            provider=options.provider,
            device=torch_device(options.torch_device),
            threads=options.threads,
            rounds=options.rounds,
            longest=options.longest,
            compiled=not (options.no_compile or options.quick),
            runtime_options=tuple(options.runtime_options),
        )
        in_half = options.half and self._choices.device == "cuda"
        self._precision: str = options.precision or ("float16" if in_half else "float32")
        self._sizes: tuple[tuple[int, int], ...] = tuple(options.sizes)

    def limits(self) -> None:
        """Part a."""
        rates = self._matrix_rates()
        copies = copy_rates(self._choices.device, quick=self._options.quick)
        self._record.put("limits", "matrix_rates", value=rates)
        self._record.put("limits", "copy_gb_per_s", value=copies)
        for workload in self._all():
            multiply_adds = workload.multiply_adds["all"]
            entries = [
                {
                    "dtype": dtype,
                    "gmacs": multiply_adds / 1e9,
                    "floor_ms": multiply_adds / 1e6 / _best_rate(rates, dtype),
                }
                for dtype in dict.fromkeys(entry["dtype"] for entry in rates)
                # A number type that the device is slower in than in float32 saves nothing.
                if _best_rate(rates, dtype) >= _best_rate(rates, "float32")
            ]
            self._record.put("limits", "floors", workload.name, value=entries)

    def networks(self) -> None:
        """Part b."""
        rates = self._matrix_rates()
        device = self._choices.device
        product = best_product(rates, self._precision, device)
        half_rate = _best_rate(rates, name_of(HALF[device]))
        bfloat16 = best_product(rates, "bfloat16", device) if self._options.bfloat16 else None
        for workload in self._all():
            measure_networks(workload, self._choices, product, half_rate, self._record, bfloat16)

    def price(self) -> None:
        """The default method and the paper's beside their teacher, at the first of the sizes."""
        size = self._sizes[0]
        paper = self._workload(size)
        assert self._paper is not None
        name = f"default {size[0]}x{size[1]}"
        method = random_default(self._paper.teacher, size)
        folder = self._folder / name.replace(" ", "_")
        default = export(method, folder, name, half=self._options.half)
        measure_price([default, paper], self._choices, self._record)

    def stages(self) -> None:
        """Part c."""
        for workload in self._all():
            measure_stages(workload, self._choices, self._record)

    def node(self) -> None:
        """Part d."""
        measure_node(
            self._workload(None),
            self._choices,
            self._record,
            seconds=self._options.node_seconds,
            fewest_frames=self._options.node_frames,
        )
        measure_overhead(self._workload(self._options.node_size), self._choices, self._record)

    def growth(self) -> None:
        """Part e."""
        first = self._sizes[0]
        half = (first[0] // SMALLER, first[1] // SMALLER)
        measure_prototypes(self._workload(first), self._choices, self._record)
        sizes = [half, *self._sizes]
        workloads = [self._workload(size) for size in sizes]
        measure_resolutions(workloads, self._choices, self._record)
        many = replace(self._choices, rounds=2 * self._choices.rounds)
        measure_cameras(self._workload(None), many, self._record)

    def _all(self) -> list[Workload]:
        return [self._workload(size) for size in (None, *self._sizes)]

    def _workload(self, size: tuple[int, int] | None) -> Workload:
        """The paper's networks at `size`; None is the demo's bundle."""
        if size not in self._workloads:
            self._workloads[size] = self._demo() if size is None else self._paper_at(size)
        return self._workloads[size]

    def _demo(self) -> Workload:
        options = self._options
        return demo_workload(
            options.bundle, options.bag, options.image_topic, Settings.false_positive_rate
        )

    def _paper_at(self, size: tuple[int, int]) -> Workload:
        if self._paper is None:
            self._paper = PaperMethod(self._options.width)
        folder = self._folder / f"paper_{size[0]}x{size[1]}"
        options = self._options
        return self._paper.at(
            size, folder, half=options.half, int8=options.int8, bfloat16=options.bfloat16
        )

    def _matrix_rates(self) -> list[dict[str, Any]]:
        if self._rates is None:
            provider = open_detector(self._workload(None), self._choices).provider
            self._rates = matrix_rates(self._choices.device, provider, quick=self._options.quick)
        return self._rates


def main() -> int:
    options = _parser().parse_args()
    judged_by_default = options.sizes is None and not options.quick
    if options.sizes is None:
        quick_or_not = QUICK_SIZES if options.quick else PAPER_SIZES
        options.sizes = FULL_SIZES if options.full else quick_or_not
    if options.node_size is None:
        options.node_size = FULL_SIZES[-1] if judged_by_default else options.sizes[-1]
    for name, (normal, quick) in _QUICKER.items():
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else normal)
    if options.threads:
        torch.set_num_threads(options.threads)
    record = Record(options.out / JSON_FILE)
    page = options.out / PAGE_FILE
    began = perf_counter()
    record.put("complete", value=False)
    record.put("began", value=datetime.now(timezone.utc).isoformat(timespec="seconds"))
    shown = {name: str(v) if isinstance(v, Path) else v for name, v in vars(options).items()}
    record.put("options", value=shown)
    record.put("machine", value={**describe_environment(), **_torch_facts()})
    status = 0
    try:
        with tempfile.TemporaryDirectory(prefix="cosme_bench_") as folder:
            _measure(options.only, Benchmark(options, record, Path(folder)), record)
        record.put("complete", value=True)
    except KeyboardInterrupt:
        print("\nstopped; what was measured is kept", file=sys.stderr)
        status = 130
    except EXPECTED as error:
        print(f"\n{error}", file=sys.stderr)
        status = 1
    finally:
        record.put("minutes", value=(perf_counter() - began) / 60)
        rounds = {name: ratio.described() for name, ratio in ratios(record.tree).items()}
        record.put("ratios", value={name: round(r["median"], 4) for name, r in rounds.items()})
        record.put("ratio_rounds", value=rounds)
        page.write_text(report(record.tree), encoding="utf-8")
    print(page.read_text(encoding="utf-8"))
    print(f"{record.path}\n{page}")
    return status


def _measure(parts: list[str], benchmark: Benchmark, record: Record) -> None:
    for part in PARTS:
        if part not in parts:
            continue
        if part == "node" and (why := why_not()):
            record.put("left_out", part, value=why)
            continue
        measure: Callable[[], None] = getattr(benchmark, part)
        measure()


def _best_rate(rates: list[dict[str, Any]], dtype: str) -> float:
    """10^9 multiply-adds a second, whoever reached it."""
    return max(float(entry["gmacs"]["median"]) for entry in rates if entry["dtype"] == dtype)


def _torch_facts() -> dict[str, Any]:
    facts: dict[str, Any] = {
        "torch": torch.__version__,
        "torch_threads": torch.get_num_threads(),
        "ros": find_spec("rclpy") is not None,
        "instructions": _instructions(),
    }
    if torch.cuda.is_available():
        facts |= {
            "gpu": torch.cuda.get_device_name(),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "tf32": {
                "convolutions": torch.backends.cudnn.allow_tf32,
                "products": torch.backends.cuda.matmul.allow_tf32,
            },
        }
    return facts


def _instructions() -> list[str]:
    """Those of the processor that decide how fast networks can be, as Linux names them."""
    file = Path("/proc/cpuinfo")
    flags = set(file.read_text(encoding="utf-8").split()) if file.exists() else set()
    deciding = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
    return [name for name in deciding if name in flags]


# Options whose default `--quick` changes: (without it, with it).
_QUICKER = {"rounds": (7, 2), "width": (1.0, 0.25), "node_seconds": (12.0, 2.0)}
_QUICKER |= {"node_frames": (100, 10)}


def _size(text: str) -> tuple[int, int]:
    try:
        height, width = map(int, text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; 512x1024 is one") from None
    return height, width


def _runtime_options(text: str) -> str:
    try:
        parse_runtime_options(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--quick", action="store_true", help="small and rough: does it all work?")
    parser.add_argument("--full", action="store_true", help="1024x2048 too: minutes more on a CPU")
    parser.add_argument("--sizes", type=_size, nargs="+", help="of the paper's networks, HxW")
    parser.add_argument(
        "--node-size",
        type=_size,
        help="of the paper's network in the node and in Detector alone; the last of --sizes where "
        "they are given, else 1024x2048",
    )
    parser.add_argument("--provider", choices=("auto", *PROVIDERS), default="auto")
    parser.add_argument("--torch-device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--precision",
        help="of the matrix rate that Detector is held against: what its graphs compute in; "
        "float32 by default, and float16 with --half on a GPU",
    )
    parser.add_argument(
        "--half",
        action="store_true",
        help="the paper's networks as a bundle in half precision, for a GPU",
    )
    parser.add_argument(
        "--int8", action="store_true", help="the paper's networks in int8 too, for a CPU"
    )
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="the paper's networks in bfloat16 too, for a CPU that has it and onnxruntime-openvino",
    )
    parser.add_argument(
        "--runtime-options",
        type=_runtime_options,
        nargs="+",
        default=[],
        metavar="NAME=VALUE,...",
        help="time Detector with each of these beside the one without: options of ONNX Runtime, as "
        "the node's parameter runtime_options takes them; enable_cuda_graph=1 for one on a GPU",
    )
    parser.add_argument(
        "--no-compile", action="store_true", help="leave torch.compile out, as --quick does"
    )
    parser.add_argument("--threads", type=int, default=0, help="0: the libraries' own choice")
    parser.add_argument("--rounds", type=int, help="how often everything is timed")
    parser.add_argument(
        "--longest", type=float, default=60.0, help="seconds; what takes longer is timed once"
    )
    parser.add_argument("--width", type=float, help="factor on the paper's numbers of channels")
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"))
    parser.add_argument("--bag", type=Path, default=Path("demo/bag"))
    parser.add_argument("--image-topic", default=topics.CAMERA_IMAGE)
    parser.add_argument("--node-seconds", type=float, help="of each run of the node, at least")
    parser.add_argument("--node-frames", type=int, help="of each run of the node, at least")
    parser.add_argument("--out", type=Path, default=Path("bench_output"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
