# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The processes and devices that a training is spread over, by way of Lightning Fabric."""

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers import Logger
from lightning_fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning_fabric.strategies import DDPStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException
from torch import nn
from torch.utils.data import DataLoader, Dataset

from training.checkpoint_file import read_checkpoint, save_checkpoint
from training.errors import UsageError
from training.interrupts import Interrupt

FEWEST_WINDOWS = 2
"""Of a batch, for each process: batch normalisation needs more than one value a channel."""

_LONGEST_WAIT = timedelta(hours=2)
"""For a process that the others wait for: the first validates alone, which can take long."""


@dataclass(frozen=True)
class Compute:
    """Where a training runs.

    The number of processes does not decide what a global batch holds, and changes results by
    rounding alone but for two things: dropout draws other masks, and on CPUs each process
    normalises by its own part of the batch (on GPUs the statistics of all processes are pooled).

    Attributes:
        accelerator: auto (cuda where there is such a GPU, else cpu), cpu or cuda.
        devices: GPUs, or CPU processes, on each machine; at least 1.
        nodes: machines; at least 1.
        precision: 32, 16-mixed or bf16-mixed; of training, and of the teacher's passes for it.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "32"

    def launch(self, loggers: Sequence[Logger] = ()) -> Fabric:
        """Start the other processes, or join those that torchrun or SLURM started.

        Processes that are started here run the command anew, from its first line.

        Args:
            loggers: get what is logged in the first process.

        Raises:
            UsageError: there is no such device, it does not have the precision, or torchrun started
                another number of processes.
        """
        processes = self.devices * self.nodes
        _check_launcher(processes)
        accelerator = self.accelerator
        if accelerator == "auto":
            # Fabric would also take Apple's GPUs, which lack the float64 that Eq. 2 is summed in.
            accelerator = "cuda" if torch.cuda.is_available() else "cpu"
        if self.precision == "16-mixed" and accelerator == "cpu":
            raise UsageError("--precision 16-mixed needs a GPU; a CPU has 32 and bf16-mixed")
        # Static: unlike the default, it lets a student have layers that it is not judged on.
        several = DDPStrategy(static_graph=True, timeout=_LONGEST_WAIT)
        try:
            fabric = Fabric(
                accelerator=accelerator,
                devices=self.devices,
                num_nodes=self.nodes,
                strategy=several if processes > 1 else "auto",
                precision=self.precision,  # type: ignore[arg-type]
                plugins=[_AtomicCheckpoints()],
                loggers=list(loggers),
            )
        except (MisconfigurationException, ValueError, RuntimeError) as error:
            raise UsageError(
                f"--accelerator {self.accelerator} --devices {self.devices} "
                f"--nodes {self.nodes} cannot be had here: {error}"
            ) from error
        fabric.launch()
        return fabric


ALONE = Compute()
"""One process, on a GPU where there is one."""


class _AtomicCheckpoints(TorchCheckpointIO):
    """Fabric's own saving may copy from the system's temporary folder: a kill then leaves half."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        save_checkpoint(Path(path), checkpoint)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        # To the CPU: whoever loads it brings it where it belongs.
        return read_checkpoint(
            Path(path), (), what="progress of a run", remedy="delete it to begin again"
        )


def batch_share(fabric: Fabric, batch: int) -> range:
    """Return the places of a global batch that this process works on.

    Raises:
        UsageError: the processes cannot share the batch evenly, or would get too little each.
    """
    processes = fabric.world_size
    share, rest = divmod(batch, processes)
    if rest or (processes > 1 and share < FEWEST_WINDOWS):
        raise UsageError(
            f"--batch {batch} is the batch of all {processes} processes together; it must be a "
            f"multiple of {processes}, at least {FEWEST_WINDOWS * processes}"
        )
    return range(fabric.global_rank * share, (fabric.global_rank + 1) * share)


def step_seed(fabric: Fabric, seed: int) -> int:
    """Return a seed of this process alone; that of the first process is `seed`.

    So no two processes draw the same dropout.
    """
    return seed + (fabric.global_rank << 40)


def pool_batch_statistics(network: nn.Module, fabric: Fabric) -> nn.Module:
    """Let batch normalisation see the global batch where it can: with several GPUs.

    Names and values of parameters stay as they are; PyTorch has no such layer for CPUs.
    """
    if fabric.world_size == 1 or fabric.device.type != "cuda":
        return network
    pooled: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return pooled


def mean_over_ranks(fabric: Fabric, value: torch.Tensor) -> torch.Tensor:
    """Return the mean of every process's `value`, float, as a new tensor of that shape."""
    mean = fabric.all_reduce(value.detach().clone(), reduce_op="mean")
    assert isinstance(mean, torch.Tensor)
    return mean


def sum_over_ranks(fabric: Fabric, value: torch.Tensor) -> torch.Tensor:
    """Return the sum of every process's `value`, as a new tensor of that shape."""
    total = fabric.all_reduce(value.detach().clone(), reduce_op="sum")
    assert isinstance(total, torch.Tensor)
    return total


def load_progress(fabric: Fabric, path: Path, *keys: str) -> dict[str, Any] | None:
    """Read what `fabric.save` wrote to `path`; None where nothing has been saved yet.

    All processes come to the same answer, by the eyes of the first: another may look only after
    the first has gone on and saved.

    Args:
        fabric: the processes that share the work.
        path: of the file.
        keys: that it holds at least.

    Raises:
        UsageError: the file is damaged, or no such progress.
    """
    if not fabric.broadcast(path.exists()):
        return None
    progress = fabric.load(path, weights_only=True)
    missing = sorted(set(keys) - set(progress))
    if missing:
        raise UsageError(
            f"{path} is no progress of this run: it lacks {', '.join(missing)}; delete it to begin "
            "again"
        )
    return progress


def interrupted_somewhere(fabric: Fabric, interrupt: Interrupt) -> bool:
    """Return whether any of the processes was interrupted; the same in all of them."""
    if fabric.world_size == 1:
        return interrupt.wanted
    wanted = torch.tensor(float(interrupt.wanted), device=fabric.device)
    return bool(sum_over_ranks(fabric, wanted).item())


def _check_launcher(processes: int) -> None:
    started = os.environ.get("WORLD_SIZE") if "TORCHELASTIC_RUN_ID" in os.environ else None
    if started is not None and int(started) != processes:
        raise UsageError(
            f"torchrun started {started} processes, but --devices times --nodes is {processes}; "
            "say the same to both"
        )
    if os.environ.get("LT_CLI_USED") == "1":
        raise UsageError(
            "`fabric run` starts scripts, and this is a module; give --devices, or use torchrun"
        )


def load_batches(
    dataset: Dataset[Any], order: Sequence[int], *, batch_size: int | None, workers: int
) -> Iterator[Any]:
    """Yield the items of a data set, prepared by other processes.

    Args:
        dataset: gives an item for a number.
        order: of the numbers.
        batch_size: items that are put together; None where an item is a batch already.
        workers: number of processes; 0 prepares them in this one.

    Raises:
        UsageError: an item cannot be had. Of a worker's error its own sentence is left: torch puts
            the worker's whole traceback into it.
    """
    loader = DataLoader(
        dataset,
        batch_size,
        sampler=order,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_start_worker,
    )
    try:
        yield from loader
    except UsageError as error:
        raise UsageError(str(error).rstrip().rpartition("UsageError: ")[2]) from None


def _start_worker(_: int) -> None:
    # A terminal sends Ctrl-C to all; the parent ends its workers when it has saved.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A forked process must not wait for its parent's OpenCV threads.
    cv2.setNumThreads(0)
