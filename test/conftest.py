"""What is tested where: the vehicle half everywhere, the other parts where they can run at all."""

import signal
from importlib.util import find_spec

# A shell starts what runs in the background with SIGINT ignored, and children inherit that: tests
# that interrupt a process would then interrupt nothing.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A vehicle has ROS and no PyTorch, a training workstation the reverse.
NEEDS = {"training": "torch", "benchmark": "torch", "node": "rclpy"}
collect_ignore = [folder for folder, module in NEEDS.items() if find_spec(module) is None]


def pytest_report_header() -> list[str]:
    return [f"not run: test/{folder}, which needs {NEEDS[folder]}" for folder in collect_ignore]
