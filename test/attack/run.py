# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Run every attack for its share of the time: `make attack MINUTES=30`.

Prints a table, writes it as JSON, and ends with status 1 where something did not hold. The seed is
printed: with it the same messages and damages come again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from cosme_ros.dds_profile import profile_path, profile_variable  # noqa: E402

# Before the first participant of this process: other machines are not to be attacked.
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ[profile_variable()] = str(profile_path())

from attack.context import Attack, Context, Result  # noqa: E402
from attack.faults import clocks, hangs  # noqa: E402
from attack.files import damaged_bags, damaged_bundles, disk_full  # noqa: E402
from attack.fuzz import fuzz_compressed, fuzz_raw  # noqa: E402
from attack.life import lifecycle_loops, signals, soak  # noqa: E402

ATTACKS: dict[str, tuple[Attack, float]] = {
    "fuzz raw": (fuzz_raw, 0.12),
    "fuzz compressed": (fuzz_compressed, 0.12),
    "lifecycle loops": (lifecycle_loops, 0.1),
    "signals": (signals, 0.03),
    "damaged bundles": (damaged_bundles, 0.03),
    "damaged bags": (damaged_bags, 0.05),
    "disk full": (disk_full, 0.0),
    "hangs": (hangs, 0.03),
    "clocks": (clocks, 0.0),
    "soak": (soak, 0.52),
}
"""Name to the attack and its share of the time. Soak needs 15 minutes of half an hour."""


def run_attack(name: str, folder: Path, *, minutes: float, seed: int) -> Result:
    """Run one of ATTACKS in a new folder, for its share of `minutes`."""
    attack, share = ATTACKS[name]
    number = list(ATTACKS).index(name)
    own = folder / name.replace(" ", "_")
    own.mkdir(parents=True)
    domain = 1 + (os.getpid() + number) % 100
    return attack(Context(own, 60 * minutes * share, seed + number, domain))


def main() -> int:
    """Run the command; return 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="in all (default: 30)")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, printed")
    parser.add_argument("--only", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--out", type=Path, default=Path("attack_output"))
    options = parser.parse_args()
    seed = int(time.time()) if options.seed is None else options.seed
    print(f"seed {seed}, about {options.minutes:g} minutes", flush=True)
    options.out.mkdir(parents=True, exist_ok=True)
    work = options.out / f"work_{seed}_{os.getpid()}"
    results = {}
    for name in options.only:
        began = time.monotonic()
        result = run_attack(name, work, minutes=options.minutes, seed=seed)
        results[name] = {
            "seconds": round(time.monotonic() - began, 1),
            "figures": result.figures,
            "failures": result.failures,
        }
        figures = ", ".join(f"{value} {key}" for key, value in result.figures.items())
        print(f"{name:16} {'held' if not result.failures else 'FAILED'}: {figures}", flush=True)
        for sentence in result.failures:
            print(f"{'':16} {sentence!r}", flush=True)
        report = {"seed": seed, "minutes": options.minutes, "attacks": results}
        (options.out / "attack.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
    return 1 if any(entry["failures"] for entry in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
