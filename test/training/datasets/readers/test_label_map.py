# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from pathlib import Path

import numpy as np
import pytest

from training.datasets.readers.label_map import IDENTITY, LabelMap, parse_label_map
from training.errors import UsageError


def test_maps_values_and_ignores_255():
    label = np.array([[0, 2], [255, 0]], np.uint8)
    ids = parse_label_map("0:0, 2:1")(label, Path("x.png"))
    assert ids.dtype == np.uint8
    np.testing.assert_array_equal(ids, [[0, 1], [255, 0]])


def test_255_can_be_a_class():
    assert LabelMap({255: 3})(np.full((1, 1), 255, np.uint8), Path("x.png")) == 3


def test_identity_keeps_every_value():
    label = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(IDENTITY(label, Path("x.png")), label)


def test_unknown_value_is_named_with_its_file_and_what_is_known():
    with pytest.raises(UsageError, match=r"bad\.png holds the label value 7; known are 0, 2, 255"):
        parse_label_map("0:0,2:1")(np.array([[0, 7]], np.uint8), Path("bad.png"))


@pytest.mark.parametrize("text", ["", "0", "0:", "a:1", "0:1,0:2", "300:1", "0:-1"])
def test_bad_text_is_refused(text):
    with pytest.raises(UsageError, match="label map"):
        parse_label_map(text)
