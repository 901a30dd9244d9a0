"""The frame around a process's one node: ROS begun, and ended in order by SIGINT and SIGTERM."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.utilities import remove_ros_args

from cosme_ros.freed_memory import keep_freed_memory


@contextmanager
def ros_process(args: list[str] | None = None) -> Iterator[None]:
    """Initialise rclpy with `args` (None: the process's own), shut it down afterwards.

    SIGINT and SIGTERM do the same: they shut the context down, whoever spins gets rclpy's
    ExternalShutdownException, and that ends the block without an error, as does whatever else the
    middleware raises once it is gone. To be entered in the main thread, which Python gives its
    signals to, and before there are others: freed memory is kept for the process (`freed_memory`).
    """
    keep_freed_memory()
    # KeyboardInterrupt would come up anywhere, also where C++ calls back into Python, which makes
    # a RuntimeError of it that says nothing.
    previous = signal.signal(signal.SIGINT, _leave_it_to_rclpy)
    try:
        rclpy.init(args=args)
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
        signal.signal(signal.SIGINT, previous)


def run_to_the_end(
    name: str, work: Callable[[], None], errors: tuple[type[Exception], ...], *, example: str
) -> int:
    """All that the process of a node does which ends when its work is done; its exit code.

    0, or 1 after one of `errors` or a wrong parameter, which is told in a line under the node's
    `name`. Everything is given by parameters, as in `example`; other arguments are refused.
    """
    refusals: tuple[type[Exception], ...] = (*errors, ParameterException, _ArgumentError)
    with ros_process():
        try:
            unknown = remove_ros_args(sys.argv)[1:]
            if unknown:
                raise _ArgumentError(
                    f"unknown arguments {unknown}; parameters are given as --ros-args -p {example}"
                )
            work()
        except refusals as error:
            print(f"{name}: {error}", file=sys.stderr, flush=True)
            return 1
    return 0


class _ArgumentError(Exception):
    pass


def _leave_it_to_rclpy(_number: int, _frame: FrameType | None) -> None:
    pass
