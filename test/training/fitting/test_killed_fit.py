# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`fit`, killed at ten random moments, writes the bundle that it would have written."""

import hashlib
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
import torch

from training.datasets.readers.class_list import SegmentationClass
from training.teachers.checkpoint import TeacherCheckpoint, save_teacher
from training.teachers.factory import build_teacher

ROOT = Path(__file__).parents[3]
ARCHITECTURE = "deeplabv3plus_resnet18"
WIDTH = 0.0625
STUDENT_STEPS = 12
PATIENCE_S = 300
"""Long for machines that have much else to do."""

# One thread: sums of several are added in an order that chance decides.
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


class Fit(NamedTuple):
    """A fit of which the files are looked at while it runs."""

    out: Path
    arguments: list[str]

    def state(self, phase: str) -> Path:
        return self.out.with_name("bundle.fit") / f"{phase}.pt"

    def part(self, name: str) -> Path:
        return self.out.with_name("bundle.part") / name

    def step(self, phase: str) -> int:
        """The last that was saved; -1 before the first."""
        path = self.state(phase)
        return torch.load(path, weights_only=True)["step"] if path.exists() else -1


class Server:
    """Processes of `fit_server.py`."""

    def __init__(self) -> None:
        program = [sys.executable, str(ROOT / "test" / "helpers" / "fit_server.py")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(program, env=ENVIRONMENT, cwd=ROOT, **pipes)

    def start(self, arguments: list[str]) -> int:
        """Number of a new process."""
        print(shlex.join(arguments), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def end(self) -> int:
        """What that process ended with: 0, or the number of the signal that killed it."""
        print(file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.process.stdin.close()
    server.process.stdout.close()
    assert server.process.wait(timeout=PATIENCE_S) == 0


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and a teacher."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "frames").mkdir()
    random = np.random.default_rng(0)
    for number in range(40):
        coarse = random.integers(0, 256, (8, 12, 3), dtype=np.uint8)
        cv2.imwrite(
            str(folder / f"frames/{number:02}.png"), np.kron(coarse, np.ones((8, 8, 1), np.uint8))
        )
    torch.manual_seed(0)
    classes = tuple(SegmentationClass(name, (0, 0, 0), False) for name in ("a", "b"))
    network = build_teacher(ARCHITECTURE, len(classes), width=WIDTH)
    checkpoint = TeacherCheckpoint(network, ARCHITECTURE, WIDTH, classes, "nothing")
    save_teacher(folder / "teacher.pt", checkpoint)
    return folder


def fit_into(folder: Path, inputs: Path) -> Fit:
    out = folder / "bundle"
    arguments = ["fit", str(inputs / "frames"), "--teacher", str(inputs / "teacher.pt")]
    arguments += ["--out", str(out), "--size", "64", "96", "--crop", "32", "48", "--batch", "2"]
    arguments += [
        "--prototypes",
        "8",
        "--student",
        "scratch",
        "--student-steps",
        str(STUDENT_STEPS),
        "--save-every",
        "2",
    ]
    arguments += ["--standardisation", "class"]
    return Fit(out, arguments)


def hashes(fit: Fit) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(fit.out.iterdir())}


def stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def killed(server: Server, fit: Fit, moment: Callable[[], bool], delay: float) -> bool:
    """Start the fit, and kill it `delay` seconds after a moment; False if it was done before."""
    process = server.start(fit.arguments)
    patient_until = time.monotonic() + PATIENCE_S
    while not moment() and not has_ended(process):
        assert time.monotonic() < patient_until, "the fit makes no progress"
        time.sleep(0.001)
    time.sleep(delay)
    # To no effect if it has ended.
    os.kill(process, signal.SIGKILL)
    return server.end() == signal.SIGKILL


def has_ended(process: int) -> bool:
    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "Z"


def moments(fit: Fit, random: np.random.Generator) -> Iterator[Callable[[], bool]]:
    """Ten of them, in the order in which a fit comes to them; each is asked for when its turn is.

    Export starts anew in every run, so that what an earlier one left there says nothing.
    """
    yield lambda: True
    for phase, most in (("memory", 8), ("student", STUDENT_STEPS - 2)):
        for least in sorted(random.integers(0, most + 1, 3 if phase == "student" else 2)):
            yield lambda phase=phase, least=least: fit.step(phase) >= least
    yield lambda: fit.step("student") == STUDENT_STEPS
    for name in (".", "teacher.onnx", "prototypes.npz"):
        before = stamp(fit.part(name))
        yield lambda name=name, before=before: stamp(fit.part(name)) not in (0, before)


def test_killed_ten_times(server: Server, inputs: Path, tmp_path: Path) -> None:
    whole, broken = fit_into(tmp_path / "whole", inputs), fit_into(tmp_path / "broken", inputs)
    server.start(whole.arguments)
    assert server.end() == 0
    seed = np.random.SeedSequence().entropy
    print(f"seed of the moments: {seed}")
    random = np.random.default_rng(seed)
    kills = 0
    for moment in moments(broken, random):
        before = broken.step("memory"), broken.step("student")
        # After the last of the moments little is left to do, and a quick run may have done it.
        assert any(killed(server, broken, moment, random.uniform(0, 0.1)) for _ in range(5))
        kills += 1
        assert (broken.step("memory"), broken.step("student")) >= before
    assert kills == 10
    # To the end in a Python of its own, to which no order of a set or dictionary is handed down.
    subprocess.run(
        [sys.executable, "-m", "training", *broken.arguments],
        env=ENVIRONMENT, cwd=ROOT, check=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert hashes(broken) == hashes(whole)
