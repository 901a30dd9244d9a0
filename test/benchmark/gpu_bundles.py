# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Makes what `gpu.py` measures: bundles of the paper's method and of the default, by size.

    PYTHONPATH=. python test/benchmark/gpu_bundles.py --out DIR --sizes 512x1024 1024x2048

Both methods have the same DeepLabV3+ ResNet-101 teacher with random weights. OUT gets a bundle in
single precision and one in half precision for each method and size, and the networks for PyTorch.
No GPU is needed: where one is lent by the minute, this runs while others are measured.
"""

import argparse
import json
from pathlib import Path

import torch
from default_method import random_default
from workloads import PaperMethod, Workload, export, frames_of

from cosme_ros.bundle.loading import load_bundle
from training.export.bundle_writer import FittedMethod

METHODS = ("paper", "default")
_SINGLE = "single"
_NETWORKS = "networks.pt"
_COUNTS = "multiply_adds.json"
_RATE = 0.1  # in the calibration table of random networks too


def main() -> None:
    """Write one bundle after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sizes", nargs="+", default=["512x1024", "1024x2048"], metavar="HxW")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--width", type=float, default=1.0, help="factor on numbers of channels")
    options = parser.parse_args()
    paper = PaperMethod(options.width)
    for text in options.sizes:
        height, width = map(int, text.split("x"))
        for name in options.methods:
            folder = options.out / f"{name}_{text}"
            single = folder / _SINGLE
            if name == "paper":
                workload = paper.at((height, width), single, half=True)
            else:
                method = random_default(paper.teacher, (height, width))
                workload = export(method, single, f"default {text}", half=True)
            torch.save(workload.method, folder / _NETWORKS)
            (folder / _COUNTS).write_text(json.dumps(workload.multiply_adds), encoding="utf-8")
            print(f"{folder} is ready", flush=True)


def is_ready(folder: Path) -> bool:
    """Return whether `load_workload` can read the folder: its last file is there."""
    return (folder / _COUNTS).is_file()


def load_workload(folder: Path) -> Workload:
    """Return what `main` wrote to `folder`: the half bundle is the workload's."""
    single = load_bundle(folder / _SINGLE)
    # A file of our own, made minutes ago; it holds modules, which `weights_only` refuses.
    method: FittedMethod = torch.load(folder / _NETWORKS, weights_only=False)
    frames = frames_of(method.size)
    return Workload(
        single.name,
        load_bundle(folder / f"{_SINGLE}_half"),
        single,
        method,
        True,
        tuple(frames[index] for index in range(len(frames))),
        _RATE,
        json.loads((folder / _COUNTS).read_text(encoding="utf-8")),
    )


if __name__ == "__main__":
    main()
