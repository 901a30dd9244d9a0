# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Starts the detector and `load_node.py`, and speaks to the latter. Imports no ROS itself."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from cosme_ros.replay.runner import NodeCall, ros_environment, start_node
from cosme_ros.replay.subprocesses import ChildError, ChildProcesses

_HERE = Path(__file__).parent
_IMPORTED_FROM = f"{_HERE.parents[1]}{os.pathsep}{_HERE}"

PATIENCE = 300.0


class DetectorUnderLoad:
    """A context manager: the detector's process and the one that loads it, both gone afterwards."""

    def __init__(
        self, parameters: Mapping[str, Any], images: np.ndarray, *, patience: float = PATIENCE
    ) -> None:
        """`parameters` are the node's; `images` uint8 [n, H, W, 3] BGR are what is sent to it.

        `patience` is how many seconds it may take to come up and to answer its first frame.
        """
        self._parameters = parameters
        self._images = images
        self._patience = patience
        self._stack = ExitStack()

    def __enter__(self) -> "DetectorUnderLoad":
        with self._stack:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
            environment = {**ros_environment(), "PYTHONPATH": _IMPORTED_FROM}
            children = self._stack.enter_context(ChildProcesses(folder / "logs", environment))
            began = perf_counter()
            self._detector = start_node(
                children, "detector", NodeCall("detector_node", dict(self._parameters))
            )
            children.start_module("listener", "load_node", ["listen"])
            # A session of its own, so that Ctrl-C reaches it through here only.
            self._load = self._stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "load_node"],
                    env=environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            )
            self._stack.callback(self._load.terminate)
            file = folder / "images.npy"
            np.save(file, self._images)
            self.ask("prepare", images=str(file), patience=self._patience)
            self.seconds_to_first_answer = perf_counter() - began
            """From the detector's start to its first outputs, the load's own start included."""
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *reason: object) -> None:
        self._stack.close()

    @property
    def pid(self) -> int:
        """Of the detector's process."""
        return self._detector.process.pid

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """The answer of `load_node.py` to one of its commands. Raises ChildError."""
        assert self._load.stdin is not None and self._load.stdout is not None
        self._load.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._load.stdin.flush()
        line = self._load.stdout.readline()
        answer = json.loads(line) if line else {"error": "the load process ended"}
        if "error" in answer:
            raise ChildError(
                f"{answer['error']}; the detector said last:\n{self._detector.last_lines()}"
            )
        return dict(answer)
