# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Makes a network of random weights behave as a trained one does, in its numbers at least."""

from collections.abc import Iterable

import numpy as np
import torch

from training.method.preprocessing import Preprocessing
from training.teachers.interface import Teacher


def measure_batch_norms(network: Teacher, frames: Iterable[np.ndarray]) -> None:
    """Give batch norms the statistics of `frames`, uint8 [H, W, 3] BGR each.

    With those of fresh weights, mean 0 and variance 1, activations double from block to block and
    the softest difference in rounding with them: no trained network is like that.
    """
    preprocessing = Preprocessing(network.mean, network.standard_deviation)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the plain mean over the passes
    network.train()
    with torch.no_grad():
        for frame in frames:
            network(preprocessing(torch.from_numpy(frame)[None]))
    network.requires_grad_(False).eval()
