# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Every frame that came is accounted for in every status, under real traffic."""

import time

import numpy as np
import pytest
from helpers.tiny_bundle import street_frame

SMALL, LARGE = street_frame(90, 160), street_frame(1080, 1920)
PARTS = (
    "frames processed",
    "frames dropped (a newer one came)",
    "frames late (older than the deadline)",
    "frames failed",
    "frames waiting",
    "frames under way",
)


@pytest.mark.parametrize("overlap", ["never", "always"])
def test_the_counters_add_up_at_every_moment(start, bundle, overlap):
    _, front, rear = start(
        bundle=bundle, cameras="front,rear", overlap=overlap, deadline=0.05, diagnostics_period=0.1
    )
    statuses = []
    for camera in (front, rear):
        camera.listen("overlay")
    front.spin_until(lambda: front.status, "diagnostics")
    random = np.random.default_rng(0)
    end = time.monotonic() + 8.0
    while time.monotonic() < end:
        for camera in (front, rear):
            image = camera.image(LARGE if random.random() < 0.4 else SMALL)
            if random.random() < 0.2:
                image.encoding = "cmyk99"
            camera.send(image)
            camera.spin_once()
            if camera.status is not None and camera.value("frames received") is not None:
                statuses.append({part: camera.count(part) for part in ("frames received", *PARTS)})
                camera.status = None
        time.sleep(0.005)
    assert len(statuses) > 10
    for status in statuses:
        assert status["frames received"] == sum(status[part] for part in PARTS), status
    # Else the traffic was none.
    for part in (*PARTS[:2], "frames failed"):
        assert any(status[part] for status in statuses), part
    assert any(status["frames waiting"] + status["frames under way"] for status in statuses)
