# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros demo`: the demo's bag through the demo's bundle, with pictures.

It is `replay_bag` with everything named already.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from cosme_ros.cli.judge_recording import FAILURES
from cosme_ros.cli.options import command_line, command_parser
from cosme_ros.cli.replay_bag import add_options, run_replay
from cosme_ros.command_frame import run_command
from cosme_ros.replay.subprocesses import ChildError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = _parser().parse_args(arguments)
    command = command_line("demo", arguments)
    return run_command("demo", lambda: run_replay(options, command), (ChildError, *FAILURES))


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
