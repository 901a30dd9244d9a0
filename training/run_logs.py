# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Logs of a training by Lightning Fabric's loggers: a CSV file, or events for TensorBoard."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import UsageError

if TYPE_CHECKING:  # the help of a command loads no torch
    from lightning_fabric import Fabric
    from lightning_fabric.loggers import Logger

FOLDER = "logs"
"""Of a run. A run that is continued adds another version to it; steps count on."""


class LogFormat(StrEnum):
    """Format of the figures of every step."""

    CSV = "csv"
    TENSORBOARD = "tensorboard"
    NONE = "none"


def finish(fabric: Fabric) -> None:
    """Write what is logged and not written yet; more may be logged afterwards."""
    for logger in fabric.loggers:
        logger.finalize("success")


def make_loggers(kind: LogFormat, run: Path) -> tuple[Logger, ...]:
    """Return the loggers for `Compute.launch`.

    Args:
        kind: of the logs.
        run: folder of the run; the logs go to FOLDER in it.

    Raises:
        UsageError: TensorBoard is asked for and not installed.
    """
    from lightning_fabric.loggers import CSVLogger, TensorBoardLogger

    if kind is LogFormat.NONE:
        return ()
    if kind is LogFormat.CSV:
        return (CSVLogger(run, FOLDER, flush_logs_every_n_steps=10),)
    try:
        return (TensorBoardLogger(run, FOLDER),)
    except ModuleNotFoundError as error:
        raise UsageError(
            "--log tensorboard needs TensorBoard: pip install '.[tensorboard]', or pip install "
            "tensorboard; --log csv needs nothing"
        ) from error
