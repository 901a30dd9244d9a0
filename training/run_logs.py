# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Logs of a training by Lightning Fabric's loggers: a CSV file, or events for TensorBoard."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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


def log_picture(fabric: Fabric, name: str, picture: NDArray[np.uint8], step: int) -> None:
    """Log a picture, where TensorBoard logs.

    Args:
        fabric: whose loggers are used.
        name: of the picture.
        picture: uint8 [H, W, 3] BGR.
        step: of the training.
    """
    from lightning_fabric.loggers import TensorBoardLogger

    for logger in fabric.loggers:
        if isinstance(logger, TensorBoardLogger):
            rgb = np.ascontiguousarray(picture[..., ::-1])
            logger.experiment.add_image(name, rgb, step, dataformats="HWC")


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
