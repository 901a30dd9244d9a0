# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""A detector under attack and the camera that talks to it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from helpers.detector_process import Camera, DetectorProcess

from attack.context import Context


@contextmanager
def running(
    context: Context, *, end: int = signal.SIGINT, **parameters: Any
) -> Iterator[tuple[DetectorProcess, Camera]]:
    """Start a detector and its camera; end both with the block.

    Args:
        context: of the attack.
        end: the signal that ends the detector.
        parameters: of the node.
    """
    transport = parameters.get("image_transport", "raw")
    detector = DetectorProcess(context.folder, context.domain, **parameters)
    camera = Camera(context.domain, image_transport=transport)
    try:
        yield detector, camera
    finally:
        camera.close()
        detector.stop(end)
