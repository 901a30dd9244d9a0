# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

from cosme_ros.visualization.text import counted


def test_one_thing_is_no_things() -> None:
    assert [counted(n, "frame") for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
