# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest


class _Halves:
    """Frames with a dark and a light part, labelled so; some pixels are ignored."""

    def __len__(self):
        return 7

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError
        rng = np.random.default_rng(index)
        label = np.zeros((40, 56), np.uint8)
        label[:, rng.integers(10, 46) :] = 1
        image = np.where(label[..., None] == 1, 200, 40) + rng.integers(-20, 20, (40, 56, 3))
        label[:3] = 255
        return image.astype(np.uint8), label


@pytest.fixture
def halves():
    """A labelled set so simple that a few steps learn it."""
    return _Halves()
