# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A colcon workspace with this package on a real ROS, and its `ros2` command as users run it.

Needs neither ROS nor anything else in the Python that runs the tests: everything happens in
processes that have sourced the workspace.
"""

import os
import pty
import random
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
BUNDLE = REPOSITORY / "demo" / "bundle"
BAG = REPOSITORY / "demo" / "bag"
PATIENCE = 600.0  # seconds for an answer that has to come; nothing is asserted to be fast
MARK = "COSME_ROS_TEST"
# What a shell has before anything is sourced.
CLEAN = ("HOME", "LANG", "LC_ALL", "TERM", "TMPDIR", "USER", "SSL_CERT_FILE")


class Workspace:
    """This package, as git would have it here, built by colcon in `folder`."""

    def __init__(self, underlay: Path, folder: Path) -> None:
        self.setup = [underlay / "setup.bash", folder / "install" / "local_setup.bash"]
        source = folder / "src" / "cosme_ros"
        source.mkdir(parents=True)
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=REPOSITORY,
            check=True,
            capture_output=True,
        ).stdout.split(b"\0")
        files = [name for name in listed if name and (REPOSITORY / os.fsdecode(name)).is_file()]
        packed = subprocess.Popen(
            ["tar", "--create", "--null", "--files-from=-"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        unpacked = subprocess.Popen(["tar", "--extract"], cwd=source, stdin=packed.stdout)
        assert packed.stdin is not None
        packed.stdin.write(b"\0".join(files))
        packed.stdin.close()
        assert packed.wait() == unpacked.wait() == 0
        built = subprocess.run(
            ["bash", "-c", f"source {self.setup[0]} && colcon build --packages-select cosme_ros"],
            cwd=folder,
            env=_clean_environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert built.returncode == 0, built.stdout
        self.environment = _sourced(self.setup)
        self.distribution = self.environment["ROS_DISTRO"]


class Shell:
    """A sourced shell in a ROS domain of its own, and the processes that came of it."""

    def __init__(self, workspace: Workspace, folder: Path, **more: str) -> None:
        self.folder = folder
        self.domain = random.SystemRandom().randint(1, 101)
        self._mark = uuid.uuid4().hex
        self.environment = {
            **workspace.environment,
            "ROS_DOMAIN_ID": str(self.domain),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            "ROS_LOG_DIR": str(folder / "log"),
            "RCUTILS_COLORIZED_OUTPUT": "0",
            "PYTHONUNBUFFERED": "1",
            MARK: self._mark,
            **more,
        }

    def start(self, *command: str) -> "Command":
        return Command(command, self.environment, self.folder)

    def run(self, *command: str) -> tuple[int, str]:
        """Exit status and all that it printed."""
        return self.start(*command).finish()

    def ros2(self, *arguments: str) -> str:
        """What `ros2 ...` prints. It has to go well."""
        status, printed = self.run("ros2", *arguments)
        assert status == 0, f"ros2 {' '.join(arguments)}: exit status {status}\n{printed}"
        return printed

    def processes(self) -> dict[int, str]:
        """Process id to command line of what was started here and is alive, but ROS's daemon."""
        return {n: command for n, command in self._marked().items() if "daemon" not in command}

    def process(self, words: str) -> int:
        """The id of the one process whose command line holds `words`."""
        found = [number for number, command in self.processes().items() if words in command]
        assert len(found) == 1, (words, self.processes())
        return found[0]

    def close(self) -> None:
        """End whatever is left."""
        for number in self._marked():
            os.kill(number, signal.SIGKILL)

    def _marked(self) -> dict[int, str]:
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                environment = (folder / "environ").read_bytes().split(b"\0")
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # it ended meanwhile, or is somebody else's
                continue
            if f"{MARK}={self._mark}".encode() in environment:
                found[int(folder.name)] = command
        return found


class Command:
    """A command as in a terminal: Ctrl-C reaches it and its children, stdin is a terminal."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self._terminal, stdin = pty.openpty()
        self.command = " ".join(command)
        self._lines: list[str] = []
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        os.close(stdin)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def printed(self) -> str:
        return "".join(self._lines)

    @property
    def id(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait_for(self, words: str, times: int = 1) -> None:
        """Until it has printed `words` so often."""
        end = time.monotonic() + PATIENCE
        while self.printed.count(words) < times:
            assert self.is_alive() or self._reader.is_alive(), f"{words!r} never came:\n" + (
                self.printed
            )
            assert time.monotonic() < end, f"{words!r} did not come:\n{self.printed}"
            time.sleep(0.02)

    def wait_until_interrupts_wait(self) -> None:
        """Until it has come to hold SIGINT back, or has ended."""
        status = Path(f"/proc/{self._process.pid}/status")
        while self.is_alive():
            blocked = re.search(r"^SigBlk:\s*([0-9a-f]+)$", status.read_text(), re.MULTILINE)
            if blocked and int(blocked[1], 16) & 1 << (signal.SIGINT - 1):
                return
            time.sleep(0.005)

    def interrupt(self) -> None:
        """Ctrl-C."""
        if self.is_alive():
            os.killpg(self._process.pid, signal.SIGINT)

    def finish(self) -> tuple[int, str]:
        """Exit status and all that it printed."""
        try:
            status = self._process.wait(PATIENCE)
            self._reader.join(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.command} does not end:\n{self.printed}") from None
        finally:
            self._process.kill()
            os.close(self._terminal)
        return status, self.printed

    def last_line(self) -> str:
        return self.printed.rstrip().rpartition("\n")[2]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)


def _clean_environment() -> dict[str, str]:
    """No virtual environment and no ROS but what will be sourced."""
    kept = {name: os.environ[name] for name in CLEAN if name in os.environ}
    return {**kept, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def _sourced(setups: Sequence[Path]) -> dict[str, str]:
    """The environment after these files have been sourced."""
    script = " && ".join(f"source {file}" for file in setups)
    printed = subprocess.run(
        ["bash", "-c", f"{script} && env -0"],
        env=_clean_environment(),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return dict(entry.split("=", 1) for entry in printed.split("\0") if entry)
