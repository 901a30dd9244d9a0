# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Rows of the parameter tables as ROS descriptors."""

import pytest

from cosme_ros.node.parameter_declaration import descriptor
from cosme_ros.parameters import (
    PARAMETERS,
    PLAYER_PARAMETERS,
    RECORDER_PARAMETERS,
    Changeable,
)

ROWS = (*PARAMETERS, *PLAYER_PARAMETERS, *RECORDER_PARAMETERS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_descriptor_says_what_the_row_says(row):
    described = descriptor(row)
    assert described.description == row.description
    assert described.read_only == (row.changeable is Changeable.NEVER)
    assert row.changeable.value in described.additional_constraints
    assert all(str(choice) in described.additional_constraints for choice in row.choices)
    ranges = [*described.floating_point_range, *described.integer_range]
    if row.minimum is None or row.maximum is None:
        assert not ranges
    else:
        (found,) = ranges
        assert (found.from_value, found.to_value) == (row.minimum, row.maximum)
        assert bool(described.floating_point_range) == isinstance(row.default, float)
