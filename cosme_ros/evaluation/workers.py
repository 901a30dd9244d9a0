# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Several bags at once: on this machine's cores, or on a Dask or Ray cluster, through joblib."""

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import joblib
import numpy as np
from numpy.typing import NDArray

BACKENDS = ("loky", "dask", "ray")
"""loky: processes on this machine."""


class ClusterError(Exception):
    """The workers cannot be had; the message states what would be right."""


Workers = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]
"""Returns the results of a function for the arguments of each of several calls, in their order."""


def ignore_interrupts(owner: int) -> None:
    """Ignore Ctrl-C in every process but the one with this id.

    Ctrl-C reaches all processes of a terminal. The owner asks for an orderly end; a worker that is
    struck down would take its figures with it.
    """
    if os.getpid() != owner and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def workers(jobs: int, backend: str, scheduler: str | None) -> Iterator[Workers]:
    """Start the workers, and stop them when the context ends.

    Args:
        jobs: number of workers.
        backend: one of BACKENDS.
        scheduler: address of a running cluster; None starts one on this machine.

    Raises:
        ClusterError: the backend is unknown, or its cluster cannot be used.
    """
    if backend not in BACKENDS:
        raise ClusterError(f"there is no backend {backend!r}; known are {', '.join(BACKENDS)}")

    def run(function: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        parallel = joblib.Parallel(n_jobs=jobs, batch_size=1)
        return list(parallel(joblib.delayed(function)(*call) for call in calls))

    with ExitStack() as stack:
        with _interrupts_ignored():
            if backend == "dask":
                stack.enter_context(_dask_client(jobs, scheduler))
            elif backend == "ray":
                _start_ray(jobs, scheduler)
            # Not parallel_config: Ubuntu 22.04's joblib 0.17 does not have it yet.
            stack.enter_context(joblib.parallel_backend(backend, n_jobs=jobs))
            run(os.getpid, [()] * jobs)  # joblib starts its processes when there is work
        yield run


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Make processes that are started in this context ignore Ctrl-C from their start."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _dask_client(jobs: int, scheduler: str | None) -> Any:
    try:
        from distributed import Client
    except ImportError as error:
        raise ClusterError("backend dask needs Dask: pip install 'dask[distributed]'") from error
    try:
        if scheduler is None:
            return Client(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
        return Client(scheduler)
    except (OSError, ValueError) as error:
        raise ClusterError(f"no Dask scheduler answers at {scheduler}: {error}") from error


def _start_ray(jobs: int, scheduler: str | None) -> None:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise ClusterError("backend ray needs Ray: pip install ray") from error
    try:
        if scheduler is None:
            ray.init(num_cpus=jobs, ignore_reinit_error=True)
        else:
            ray.init(address=scheduler, ignore_reinit_error=True)
    except (OSError, ValueError, ConnectionError) as error:
        raise ClusterError(f"no Ray cluster answers at {scheduler}: {error}") from error
    register_ray()


@dataclass(frozen=True)
class WorkFolder:
    """Lies in the report's folder while bags are evaluated; every worker sees it by this path."""

    path: Path

    def make(self) -> None:
        """Make the folder, empty."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(parents=True)

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def request_stop(self) -> None:
        """Let every worker end after its current frame, with the figures until then."""
        self._stop.touch()

    def stop_requested(self) -> bool:
        """Return whether the workers have been asked to stop."""
        return self._stop.exists()

    def open_progress(self, bag: int) -> BinaryIO:
        """Open the file to which a byte is written for each frame of the bag of this number."""
        return (self.path / f"{bag}.frames").open("wb", buffering=0)

    def expect(self, bag: int, frames: int) -> None:
        """Store the number of frames that a bag is expected to have."""
        (self.path / f"{bag}.expected").write_text(str(frames), encoding="utf-8")

    def frames_expected(self) -> int:
        """Return the frames of all bags that are open or done."""
        counts = (file.read_text(encoding="utf-8") for file in self.path.glob("*.expected"))
        return sum(int(count) for count in counts if count)

    def frames_done(self) -> int:
        """Return the frames that all workers have done."""
        return sum(file.stat().st_size for file in self.path.glob("*.frames"))

    def open_scores(self, bag: int) -> BinaryIO:
        """Open the file for `write_labelled`."""
        return self._scores(bag).open("wb")

    def labelled(self, bag: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
        """Yield what `write_labelled` wrote: raw score grid float32 [h, w], label uint8 [H, W]."""
        with self._scores(bag).open("rb") as file:
            end = file.seek(0, 2)
            file.seek(0)
            while file.tell() < end:
                grid = np.load(file, allow_pickle=False)
                png = np.load(file, allow_pickle=False)
                yield grid, np.asarray(cv2.imdecode(png, cv2.IMREAD_UNCHANGED), np.uint8)

    def _scores(self, bag: int) -> Path:
        return self.path / f"{bag}.scores"

    @property
    def _stop(self) -> Path:
        return self.path / "stop"


def write_labelled(file: BinaryIO, grid: NDArray[np.float32], label: NDArray[np.uint8]) -> None:
    """Append a raw score grid and a label; the label as PNG, a thousandth of its size."""
    np.save(file, grid, allow_pickle=False)
    _, png = cv2.imencode(".png", label)
    np.save(file, png.reshape(-1), allow_pickle=False)
