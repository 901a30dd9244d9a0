# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The tiny bundle, its teacher in PyTorch, and streets with a labelled box."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own customary name)
from helpers import tiny_bundle
from torch import nn

from training.datasets.readers.class_list import SegmentationClass
from training.datasets.registry import open_dataset
from training.teachers.checkpoint import TeacherCheckpoint

BOX = (40, 60, 24, 16)
HEIGHT, WIDTH = 96, 144
INPUT = (64, 96)


class ColourFilters(nn.Module):
    """What tiny_bundle writes as teacher.onnx, and the logits that it keeps to itself."""

    mean = (0.0, 0.0, 0.0)
    standard_deviation = (1.0, 1.0, 1.0)
    channels = {**tiny_bundle.CHANNELS, "o": 4}  # noqa: RUF012

    def __init__(self):
        super().__init__()
        colours, magenta = tiny_bundle._COLOUR_FILTERS, tiny_bundle._MAGENTA_FILTER
        self.lh = self._filters(colours)
        self.c4 = self._filters(colours)
        self.c5 = self._filters(np.concatenate([colours, magenta]))
        self.dropout = nn.Dropout(0.3)
        self.o = self._filters(tiny_bundle._CLASS_FILTERS)

    @staticmethod
    def _filters(rows):
        layer = nn.Conv2d(3, len(rows), 1)
        layer.weight.data = torch.tensor(rows[:, :3, None, None])
        layer.bias.data = torch.tensor(rows[:, 3])
        return layer

    def forward(self, x):
        fine, coarse = F.avg_pool2d(x, 4), F.avg_pool2d(x, 8)
        return {
            "c4": self.c4(coarse).relu(),
            "c5": self.c5(coarse).relu(),
            "lh": self.lh(fine).relu(),
            "o": self.o(self.dropout(fine)),
        }


@pytest.fixture
def teacher():
    network = ColourFilters().requires_grad_(False).eval()
    classes = tuple(
        SegmentationClass(c["name"], tuple(c["colour"]), c["drivable"]) for c in tiny_bundle.CLASSES
    )
    return TeacherCheckpoint(network, "colour_filters", 1.0, classes, "nothing")


@pytest.fixture
def bundle(tmp_path):
    return tiny_bundle.write_tiny_bundle(tmp_path / "bundle", height=INPUT[0], width=INPUT[1])


class Streets:
    """Normal frames."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return tiny_bundle.street_frame(HEIGHT, WIDTH, seed=100 + index)


@pytest.fixture
def normal():
    return Streets()


@pytest.fixture
def dataset(tmp_path):
    """Three streets; on two of them a box, which is the anomaly; the top rows are not judged."""
    for folder in ("images", "labels"):
        (tmp_path / "set" / folder).mkdir(parents=True)
    for number in range(3):
        box = BOX if number else None
        image = tiny_bundle.street_frame(HEIGHT, WIDTH, box=box, seed=number)
        label = np.zeros((HEIGHT, WIDTH), np.uint8)
        if box:
            x, y, width, height = box
            label[y : y + height, x : x + width] = 2
        label[:5] = 255
        cv2.imwrite(str(tmp_path / f"set/images/{number}.png"), image)
        cv2.imwrite(str(tmp_path / f"set/labels/{number}.png"), label)
    return open_dataset(f"streets={tmp_path / 'set'}?0:0,2:1")
