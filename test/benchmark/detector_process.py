# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A process with `Detector` and nothing else, with which the node is compared.

    python detector_process.py BUNDLE PROVIDER THREADS RATE images.npy

For each line on standard input it detects in the next picture, uint8 [n, H, W, 3] BGR, and prints
the seconds that its score at full size took. In the benchmark's own process PyTorch's threads and
memory would be beside it, which the node does not have.
"""

import sys
from itertools import cycle
from time import perf_counter

import numpy as np

from cosme_ros.bundle.loading import load_bundle
from cosme_ros.inference.detector import Detector


def main() -> int:
    path, provider, threads, rate, images = sys.argv[1:]
    detector = Detector(
        load_bundle(path),
        provider=provider,
        false_positive_rate=float(rate),
        threads=int(threads),
    )
    pictures = cycle(np.load(images, allow_pickle=False))
    _ = detector.detect(next(pictures)).score  # the first run of a size is slow
    while sys.stdin.readline():
        image = next(pictures)
        began = perf_counter()
        _ = detector.detect(image).score
        print(perf_counter() - began, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
