# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros demo`: the demo's bag through the demo's bundle, with pictures.

It is `replay_bag` with everything named already.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from cosme_ros.cli.replay_bag import add_options, replay_and_judge


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    return replay_and_judge(options, shlex.join(["python", "-m", "cosme_ros", "demo", *given]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cosme_ros demo",
        description="Play a bag through a bundle's detector over real DDS, and write pictures and "
        "report.json. Needs ROS (pip install '.[ros]' will do), rosbags and OpenCV.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.set_defaults(pictures=True)
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"), help="bundle directory")
    parser.add_argument("--bag", type=Path, default=Path("demo/bag"), help="rosbag2 bag")
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="where to write")
    add_options(parser)
    return parser
