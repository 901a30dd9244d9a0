# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every attack for some seconds; `make attack` is the long form, with a new seed each time."""

import os

import pytest

pytest.importorskip("rclpy")
pytest.importorskip("psutil")

from attack.run import ATTACKS, run_attack

SECONDS = {"fuzz raw": 8, "fuzz compressed": 8, "lifecycle loops": 5, "signals": 5, "soak": 6}
SEED = 1


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_does_no_harm(name: str, tmp_path, capsys) -> None:
    share = ATTACKS[name][1] or 1.0
    minutes = SECONDS.get(name, 3) / 60 / share
    result = run_attack(name, tmp_path, minutes=minutes, seed=SEED)
    with capsys.disabled():
        print(f"\n{name}, seed {SEED} (pid {os.getpid()}): {result.figures}")
    assert not result.failures
