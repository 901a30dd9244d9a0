# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The frame around a process's one node: ROS begun, and ended in order by SIGINT and SIGTERM."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.utilities import remove_ros_args

from cosme_ros import __version__
from cosme_ros.parameters import Parameter

WRONG_ARGUMENTS = 2  # exit status, as argparse's
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ros_process(args: list[str] | None = None) -> Iterator[None]:
    """Initialise rclpy with `args` (None: the process's own), shut it down afterwards.

    SIGINT and SIGTERM do the same: they shut the context down, whoever spins gets rclpy's
    ExternalShutdownException, and that ends the block without an error, as does whatever else the
    middleware raises once it is gone. To be entered in the main thread, which Python gives its
    signals to.
    Both signals may be blocked until then, and are let through. From its end on they are ignored:
    the process has only to go.

    Raises SystemExit where ROS cannot be started, above all for arguments that it cannot read.
    """
    for number in _SIGNALS:
        # KeyboardInterrupt would come up anywhere, also where C++ calls back into Python, which
        # makes a RuntimeError of it that says nothing.
        signal.signal(number, _leave_it_to_rclpy)
    try:
        _initialise(args)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        try:
            yield
        except ExternalShutdownException:
            pass
        except Exception:
            if rclpy.ok():
                raise
        finally:
            rclpy.try_shutdown()
    finally:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def take_arguments(
    executable: str, description: str, parameters: Sequence[Parameter], *, example: str
) -> None:
    """Answer `--help`, and refuse arguments of the process that are not ROS's.

    Everything is given by ROS parameters, as in `example`. Raises SystemExit for both.
    """
    defaults = "\n".join(
        f"  {row.name}:={_as_yaml(row.default)}\n      {row.help_text()} "
        f"Can be set {row.changeable.value}."
        for row in parameters
    )
    parser = argparse.ArgumentParser(
        prog=f"ros2 run cosme_ros {executable}",
        usage="%(prog)s [-h] [--version] [--ros-args [-p NAME:=VALUE ...] [-r FROM:=TO ...] ...]",
        description=f"{description}\n\nExample: %(prog)s --ros-args -p {example}",
        epilog=f"parameters and their defaults:\n{defaults}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cosme_ros {__version__}")
    try:
        arguments = remove_ros_args(sys.argv)[1:]
    except RuntimeError:
        return  # ROS arguments that cannot be read; `ros_process` says what is wrong with them
    _, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(
            f"unknown arguments {unknown}; parameters are given as --ros-args -p {example}"
        )


def run_until_done(name: str, work: Callable[[], None], errors: tuple[type[Exception], ...]) -> int:
    """Run the process of a node that ends when its work is done, and return its exit code.

    0, or 1 after one of `errors` or a wrong parameter, which is printed after the node's
    `name`.
    """
    refusals: tuple[type[Exception], ...] = (*errors, ParameterException)
    with ros_process():
        try:
            work()
        except refusals as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            return 1
    return 0


def _initialise(args: list[str] | None) -> None:
    try:
        rclpy.init(args=args)
    except RuntimeError as error:
        reason = str(error).split(", at /")[0]  # what follows is where in C it was found
        print(f"ROS cannot be started: {reason}", file=sys.stderr, flush=True)
        raise SystemExit(WRONG_ARGUMENTS) from error


def _as_yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value) or '""'


def _leave_it_to_rclpy(_number: int, _frame: FrameType | None) -> None:
    pass
