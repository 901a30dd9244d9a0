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

from cosme_ros import __version__
from cosme_ros.command_frame import DONE, USAGE, run_command
from cosme_ros.malloc_settings import configure_malloc

NODES = ("detector_node", "bag_player_node", "recorder_node")
MODULES = {
    "detector_node": "cosme_ros.node.detector_node",
    "bag_player_node": "cosme_ros.node.player_node",
    "recorder_node": "cosme_ros.node.recorder_node",
    "replay_bag": "cosme_ros.cli.replay_bag",
    "judge_recording": "cosme_ros.cli.judge_recording",
    "demo": "cosme_ros.cli.demo",
    "evaluate_bag": "cosme_ros.cli.evaluate_bag",
    "calibrate": "cosme_ros.cli.calibrate",
    "explain": "cosme_ros.cli.explain",
    "references": "cosme_ros.cli.references",
    "mark_normal": "cosme_ros.cli.mark_normal",
    "snapshot": "cosme_ros.cli.snapshot",
    "watch": "cosme_ros.cli.watch",
}
"""Command to the module whose `main` runs it and returns the exit status."""
COMMANDS = tuple(MODULES)
ALIASES = {"evaluate": "evaluate_bag"}
"""Other names of commands: a drive to evaluate need not be a bag."""

HELP = f"""usage: python -m cosme_ros COMMAND [--help] ...

Commands: {", ".join(COMMANDS)}
{"; ".join(f"{alias} is {command}" for alias, command in ALIASES.items())}

Example: python -m cosme_ros evaluate_bag demo/bag --bundle demo/bundle --out report
"""


def main() -> int:
    """Run the command that is the first argument; returns the exit status."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    wanted = ALIASES.get(wanted, wanted)
    if wanted in ("-h", "--help"):
        print(HELP)
        return DONE
    if wanted == "--version":
        print(f"cosme_ros {__version__}")
        return DONE
    if wanted not in COMMANDS:
        print(f"{HELP}\nThere is no command '{wanted}'.", file=sys.stderr)
        return USAGE
    sys.argv = [f"python -m cosme_ros {wanted}", *sys.argv[2:]]
    return run(wanted)


def run(command: str) -> int:
    """Run one of COMMANDS with the process's arguments; returns the exit status."""
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    if command in NODES:
        configure_malloc()  # before the import, which starts threads
    module = import_module(MODULES[command])
    if command in NODES:
        # `node.process` lets them through, once ROS can end the process.
        return int(module.main())

    def unblocked() -> int:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        return int(module.main())

    try:
        return run_command(command, unblocked)
    finally:
        # The end has begun; a second Ctrl-C would only kill what is tidying up.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


detector_node = partial(run, "detector_node")
bag_player_node = partial(run, "bag_player_node")
recorder_node = partial(run, "recorder_node")
replay_bag = partial(run, "replay_bag")
judge_recording = partial(run, "judge_recording")
demo = partial(run, "demo")
evaluate_bag = partial(run, "evaluate_bag")
calibrate = partial(run, "calibrate")
explain = partial(run, "explain")
references = partial(run, "references")
mark_normal = partial(run, "mark_normal")
snapshot = partial(run, "snapshot")
watch = partial(run, "watch")

if __name__ == "__main__":
    sys.exit(main())
