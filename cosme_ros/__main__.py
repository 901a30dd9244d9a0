# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""`python -m cosme_ros COMMAND`, and what `ros2 run cosme_ros COMMAND` starts.

Loading a command takes up to a second. A SIGINT or SIGTERM in that time waits until the command is
ready to end in order: a traceback out of an import says nothing.
"""

import signal
import sys
from functools import partial
from importlib import import_module

NODES = ("detector_node", "bag_player_node", "recorder_node", "listeners_node")
MODULES = {
    "detector_node": "cosme_ros.node.detector_node",
    "bag_player_node": "cosme_ros.node.player_node",
    "recorder_node": "cosme_ros.node.recorder_node",
    "listeners_node": "cosme_ros.node.listeners_node",
    "replay_bag": "cosme_ros.cli.replay_bag",
    "judge_recording": "cosme_ros.cli.judge_recording",
    "demo": "cosme_ros.cli.demo",
    "evaluate_bag": "cosme_ros.cli.evaluate_bag",
    "calibrate": "cosme_ros.cli.calibrate",
    "snapshot": "cosme_ros.cli.snapshot",
    "watch": "cosme_ros.cli.watch",
}
"""Command to the module whose `main` runs it and returns the exit status."""
COMMANDS = tuple(MODULES)

INTERRUPTED = 130  # the exit status that shells know
USAGE = f"usage: python -m cosme_ros COMMAND [--help] ...\n\nCommands: {', '.join(COMMANDS)}"


def main() -> int:
    """Run the command that is the first argument; returns the exit status."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if wanted in ("-h", "--help"):
        print(USAGE)
        return 0
    if wanted not in COMMANDS:
        print(f"{USAGE}\n\nThere is no command '{wanted}'.", file=sys.stderr)
        return 2
    sys.argv = [f"python -m cosme_ros {wanted}", *sys.argv[2:]]
    return run(wanted)


def run(command: str) -> int:
    """Run one of COMMANDS with the process's arguments; returns the exit status."""
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    module = import_module(MODULES[command])
    if command in NODES:
        # `node.process` lets them through, once ROS can end the process.
        return int(module.main())
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return int(module.main())
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED
    finally:
        # The end has begun; a second Ctrl-C would only kill what is tidying up.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


detector_node = partial(run, "detector_node")
bag_player_node = partial(run, "bag_player_node")
recorder_node = partial(run, "recorder_node")
listeners_node = partial(run, "listeners_node")
replay_bag = partial(run, "replay_bag")
judge_recording = partial(run, "judge_recording")
demo = partial(run, "demo")
evaluate_bag = partial(run, "evaluate_bag")
calibrate = partial(run, "calibrate")
snapshot = partial(run, "snapshot")
watch = partial(run, "watch")

if __name__ == "__main__":
    sys.exit(main())
