# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros demo`: the demo's bag through the demo's bundle, with pictures.

It is `replay_bag` with everything named already.
"""

import argparse
from pathlib import Path

from cosme_ros.cli.options import command, command_parser
from cosme_ros.cli.replay_bag import REPLAY_FAILURES, add_options, run_replay


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "demo",
        "Play a bag through a bundle's detector over real DDS, and write pictures and report.json. "
        "Needs ROS (pip install '.[ros]' will do), rosbags and OpenCV.",
        example="--out demo_output --rate 0.5",
    )
    parser.set_defaults(pictures=True)
    parser.add_argument("--bundle", type=Path, default=Path("demo/bundle"), help="bundle directory")
    parser.add_argument("--bag", type=Path, default=Path("demo/bag"), help="rosbag2 bag")
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="where to write")
    add_options(parser)
    return parser


main = command("demo", _parser, run_replay, REPLAY_FAILURES)
