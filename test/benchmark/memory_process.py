# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A process of its own that runs a memory graph once and says what memory that took.

    python memory_process.py memory.onnx tensors.npz PROVIDER THREADS

prints the growth of the process's peak memory in bytes, from the graph's first run.
"""

import sys
from pathlib import Path

import numpy as np
import psutil

from cosme_ros.inference.sessions import open_session


def main() -> int:
    model, tensors, provider, threads = sys.argv[1:]
    with np.load(tensors, allow_pickle=False) as archive:
        inputs = {name: archive[name] for name in archive.files}
    session = open_session(Path(model), provider, threads=int(threads))
    before = psutil.Process().memory_info().rss
    session.run(inputs)
    print(_peak() - before)
    return 0


def _peak() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return 1024 * int(kilobytes)


if __name__ == "__main__":
    sys.exit(main())
