# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

import cv2
import numpy as np
import pytest


@pytest.fixture
def put(tmp_path):
    """Write a picture below tmp_path: a grey value, or an array as OpenCV writes it."""

    def write(name, content, height=2, width=3):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, int):
            content = np.full((height, width, 3), content, np.uint8)
        assert cv2.imwrite(str(path), content)
        return path

    return write


@pytest.fixture
def put_label(put):
    """Write a label picture of one channel below tmp_path, from rows of values."""
    return lambda name, rows: put(name, np.array(rows, np.uint8))
