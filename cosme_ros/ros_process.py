"""The frame around a process's one node: ROS begun, and ended in order by SIGINT and SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import rclpy
from rclpy.executors import ExternalShutdownException


@contextmanager
def ros_process(args: list[str] | None = None) -> Iterator[None]:
    """Initialise rclpy with `args` (None: the process's own), shut it down afterwards.

    SIGINT and SIGTERM do the same: they shut the context down, whoever spins gets rclpy's
    ExternalShutdownException, and that ends the block without an error, as does whatever else the
    middleware raises once it is gone. To be entered in the main thread, which Python gives its
    signals to.
    """
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


def _leave_it_to_rclpy(_number: int, _frame: FrameType | None) -> None:
    pass
