# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Do the paper's networks go all the way at the paper's size?

DeepLabV3+ and PSPNet on ResNet-101, each with a student on ResNet-50, from a fit to the node:
memory, student, export, parity, calibration, the detector on the bundle, and the node over DDS,
whose score has to be the detector's. The weights are random and the frames painted, so nothing is
learned; what is shown is that every step takes these sizes, how long each takes, and how far ONNX
Runtime is from PyTorch.

    PYTHONPATH=. python test/benchmark/paper_size.py
"""

import argparse
import importlib.util
import json
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from batch_norms import measure_batch_norms

from cosme_ros import topics
from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector
from cosme_ros.replay.runner import Replay
from cosme_ros.reporting.environment import describe_environment
from training.bag_writer import BagFrame, write_bag
from training.datasets.normal_frames import FitFrames
from training.datasets.registry import load_class_list
from training.datasets.synthetic_streets import SyntheticStreets
from training.export.bundle_writer import PARITY_TOLERANCE
from training.fitting.fit import fit
from training.fitting.settings import FitSettings, MemorySettings, StudentSettings
from training.teachers.checkpoint import TeacherCheckpoint
from training.teachers.factory import build_teacher

TEACHERS = ("deeplabv3plus_resnet101", "pspnet_resnet101")
STUDENT = "resnet50"
RESULT = "paper_size.json"
BATCH_NORM_PASSES = 3
NODE_FRAMES = 2
FALSE_POSITIVE_RATE = 0.1


def main() -> int:
    options = _parser().parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results = []
    for architecture in options.teachers:
        with _folder(options, architecture) as folder:
            results.append(_measure(architecture, folder, options))
        print(_table(results), flush=True)
    content = {"results": results, "machine": describe_environment()}
    (options.out / RESULT).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"\n{options.out / RESULT}")
    return 0


def _measure(architecture: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    height, width = size = tuple(options.size)
    classes = load_class_list("synthetic").classes
    torch.manual_seed(0)
    network = build_teacher(architecture, len(classes), output_stride=options.output_stride)
    source = SyntheticStreets(0, options.frames).images
    frames = FitFrames(source, np.arange(options.frames), size)
    seconds = {}
    began = perf_counter()
    measure_batch_norms(
        network, (frames[index] for index in range(min(BATCH_NORM_PASSES, len(frames))))
    )
    seconds["batch norms"] = perf_counter() - began
    teacher = TeacherCheckpoint(network, architecture, 1.0, classes, "nothing")
    crop_height, crop_width = min(256, height), min(384, width)
    settings = FitSettings(
        size=size,
        memory=MemorySettings(batch=1, prototypes=options.prototypes),
        student=StudentSettings(
            f"{architecture.split('_')[0]}_{STUDENT}",
            steps=options.steps,
            batch=2,
            crop_height=crop_height,
            crop_width=crop_width,
            workers=0,
        ),
    )
    began = perf_counter()
    manifest = fit(
        teacher, source, settings, folder, name=architecture, licence="none", description="streets"
    )
    seconds["fit to bundle"] = perf_counter() - began
    began = perf_counter()
    bundle = load_bundle(folder)
    detector = Detector(bundle, provider=options.provider, false_positive_rate=FALSE_POSITIVE_RATE)
    detector.warm_up(height, width)
    seconds["load and warm up"] = perf_counter() - began
    times = []
    for index in range(options.frames):
        began = perf_counter()
        detection = detector.detect(frames[index])
        times.append(perf_counter() - began)
    seconds["detector, a frame"] = float(np.median(times))
    node_equals_detector = _through_the_node(bundle.path, detector, frames, max(times))
    return {
        "teacher": architecture,
        "student": settings.student.architecture,
        "output_stride": options.output_stride,
        "size": list(size),
        "strides": network.strides,
        "provider": detector.provider,
        "seconds": seconds,
        "node_equals_detector": node_equals_detector,
        "parity": manifest["parity"]["relative_error"],
        "tolerance": PARITY_TOLERANCE,
        "score_grid": list(detection.raw_score_grid.shape),
        "bundle_megabytes": sum(path.stat().st_size for path in folder.iterdir()) / 1e6,
        # Of the process so far, both teachers' where the second is measured.
        "peak_memory_gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    }


def _through_the_node(
    bundle: Path, detector: Detector, frames: FitFrames, seconds: float
) -> bool | None:
    """Whether the score that the node publishes is the detector's to the bit; None without ROS."""
    if importlib.util.find_spec("rclpy") is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Slowly enough that the second frame waits for nothing.
        pictures = [BagFrame(frames[index]) for index in range(NODE_FRAMES)]
        write_bag(folder / "bag", pictures, rate=1 / (2 + 3 * seconds))
        replay = Replay(
            bundle=bundle,
            bag=folder / "bag",
            image_topic=topics.CAMERA_IMAGE,
            label_topic="",
            provider=detector.provider,
            false_positive_rate=FALSE_POSITIVE_RATE,
            threads=0,
            rate=1.0,
            seconds_a_frame=2 * seconds,
            overlay=False,
        )
        outputs = list(replay.run(folder / "node", log=lambda words: print(f"  {words}")).outputs())
    return len(outputs) == NODE_FRAMES and all(
        np.array_equal(detector.detect(output.image).score, output.score) for output in outputs
    )


@contextmanager
def _folder(options: argparse.Namespace, architecture: str) -> Iterator[Path]:
    if options.keep:
        yield options.out / architecture
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / architecture


def _table(results: list[dict[str, Any]]) -> str:
    lines = []
    for result in results:
        height, width = result["size"]
        lines += [
            "",
            f"{result['teacher']} at output stride {result['output_stride']}, student "
            f"{result['student']}, {height}x{width}, provider {result['provider']}",
            *(f"  {what:20s}{value:9.2f} s" for what, value in result["seconds"].items()),
            "  the node's score is the detector's to the bit: "
            + {True: "yes", False: "NO", None: "not tried, there is no ROS"}[
                result["node_equals_detector"]
            ],
            f"  {'bundle':20s}{result['bundle_megabytes']:9.0f} MB",
            f"  {'peak memory':20s}{result['peak_memory_gigabytes']:9.1f} GB",
            "  parity (at most {:g}): {}".format(
                result["tolerance"],
                ", ".join(f"{name} {error:.1e}" for name, error in result["parity"].items()),
            ),
        ]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, nargs=2, default=(1024, 2048), metavar=("H", "W"))
    parser.add_argument("--teachers", nargs="+", default=TEACHERS, choices=TEACHERS)
    parser.add_argument("--output-stride", type=int, default=16, choices=(8, 16))
    parser.add_argument("--frames", type=int, default=5, help="to fit and calibrate on; at least 4")
    parser.add_argument("--steps", type=int, default=3, help="of the student's training")
    parser.add_argument("--prototypes", type=int, default=512, help="K of each bank")
    parser.add_argument("--provider", default="cpu", help="that the detector runs on")
    parser.add_argument("--out", type=Path, default=Path("bench_output"))
    parser.add_argument("--keep", action="store_true", help="leave the bundles in OUT")
    return parser


if __name__ == "__main__":
    sys.exit(main())
